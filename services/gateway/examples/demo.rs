//! The gateway's pages over a log and a store in memory, to look at them: `cargo run -p rejoinder-gateway --example demo`,
//! then http://127.0.0.1:8099/ and http://127.0.0.1:8099/mailbox.
//! A stand-in for the pipeline publishes what it is sent after a moment, and holds what has two links.

#[path = "../tests/it/fakes.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod fakes;

use std::{collections::HashMap, error::Error, fs, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use fakes::{MemoryStore, comment, id, time};
use rejoinder_comment_store::{PublicComment, State, StoredComment};
use rejoinder_gateway::{Dev, Gateway, Settings, Site, router, serve};
use rejoinder_pipeline::{Position, Publisher, Record, Unavailable, health::Health};
use rejoinder_proto::{
    Event, Topic, from_millis, millis, now,
    token::TokenKeys,
    v1::{self, Action},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const THREAD: &str = "why-swifts-hardly-ever-land";

struct StandIn {
    store: Arc<MemoryStore>,
    keys: TokenKeys,
    base: String,
    mailbox: PathBuf,
}

#[async_trait]
impl Publisher for StandIn {
    async fn append(&self, record: Record) -> Result<Position, Unavailable> {
        let position = Position { topic: record.topic, partition: 0, offset: 0 };
        let payload = record.payload.as_deref();
        if record.topic == Topic::Moderated {
            if let Ok(event) = v1::CommentModerated::decode(record.topic, &record.headers, payload) {
                self.store.moderate(&event);
            }
            return Ok(position);
        }
        if let Ok(event) = v1::CommentSubmitted::decode(record.topic, &record.headers, payload) {
            let store = self.store.clone();
            let stored = stored(&event, &store);
            if stored.state == State::Pending {
                let mail = mail(&stored, &self.keys, &self.base);
                fs::write(self.mailbox.join(format!("{}.eml", event.id)), mail)
                    .map_err(|e| Unavailable::Log(e.to_string()))?;
            }
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(60)).await;
                store.add(stored);
            });
        }
        Ok(position)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn stored(event: &v1::CommentSubmitted, store: &MemoryStore) -> StoredComment {
    let author = event.author.clone().unwrap_or_default();
    let thread = event.thread.clone().unwrap_or_default();
    let parent = Uuid::parse_str(&event.parent_id).ok();
    let comments = store.comments.lock().expect("no panic while locked");
    let depth = comments.iter().find(|c| Some(c.public.id) == parent).map_or(0, |c| c.public.depth + 1);
    let held = event.body.matches("http").count() >= 2;
    let signal = |weight, reason: &str| v1::Signal { name: "x".into(), weight, reason: reason.into(), at_least: 0 };
    StoredComment {
        public: PublicComment {
            id: event.id.parse().expect("an id that the gateway made"),
            thread: thread.id,
            thread_title: thread.title,
            thread_url: thread.url,
            parent,
            depth,
            author_name: author.name,
            author_url: author.url,
            html: format!("<p>{}</p>", escape(&event.body)),
            submitted_at: chrono::DateTime::from_timestamp_millis(millis(event.submitted_at.as_ref()))
                .unwrap_or_default(),
        },
        site: event.site.clone(),
        state: if held { State::Pending } else { State::Approved },
        text: event.body.clone(),
        verdict: v1::Verdict::Hold,
        signals: vec![
            signal(3.0, "It has 3 links; 2 or more are held."),
            signal(1.0, "The author has not commented here before."),
        ],
        score: 4.0,
        policy_version: String::new(),
        model_version: String::new(),
        revision: 0,
        campaign: String::new(),
        decision: None,
    }
}

fn link(comment: &StoredComment, action: Action, keys: &TokenKeys, base: &str) -> String {
    let claim = v1::ModerationClaim {
        comment_id: comment.public.id.to_string(),
        site: comment.site.clone(),
        thread_id: comment.public.thread.clone(),
        action: action.into(),
        moderator: "editor".into(),
        expires_at: Some(from_millis(millis(Some(&now())) + 86_400_000)),
    };
    format!("{base}/moderate/{}", keys.sign(&claim))
}

fn mail(comment: &StoredComment, keys: &TokenKeys, base: &str) -> String {
    let [approve, spam, trash] = [Action::Approve, Action::Spam, Action::Trash].map(|a| link(comment, a, keys, base));
    let text = escape(&comment.text);
    let title = &comment.public.thread_title;
    let id = comment.public.id;
    format!(
        "From: Rejoinder <comments@news.example>\r\nTo: editor <editor@news.example>\r\nSubject: [The Evening Paper] Please moderate: {title}\r\n\
         Date: Tue, 24 Nov 2026 21:00:00 +0000\r\nMessage-ID: <{id}@news.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         A comment waits for you:\r\n\r\n{}\r\n\r\nApprove: {approve}\r\nSpam: {spam}\r\nTrash: {trash}\r\n\r\n--b\r\n\
         Content-Type: text/html; charset=utf-8\r\n\r\n<!doctype html><html><head><title>x</title></head>\
         <body style=\"font-family:sans-serif\"><p>A comment waits for you:</p><blockquote>{text}</blockquote>\
         <p><a href=\"{approve}\">Approve</a> <a href=\"{spam}\">Spam</a> <a href=\"{trash}\">Trash</a></p></body></html>\r\n--b--\r\n",
        comment.text
    )
}

fn samples(store: &MemoryStore) {
    let add = |n: u128, parent: Option<u128>, depth: u16, author: &str, url: &str, html: &str| {
        let mut c = comment(n);
        c.public.thread = THREAD.into();
        c.public.thread_title = "Why swifts hardly ever land".into();
        c.public.thread_url = String::from("http://127.0.0.1:8099/");
        c.public.parent = parent.map(id);
        c.public.depth = depth;
        c.public.author_name = author.into();
        c.public.author_url = url.into();
        c.public.html = html.into();
        c.public.submitted_at = time(n as i64 * 7);
        store.add(c);
    };
    add(
        1,
        None,
        0,
        "Reader from the harbour",
        "https://harbour.example",
        "<p>Ours came back on 4 May, as they do every year. We have left the third-floor crack open <em>on purpose</em> when the front was painted.</p>",
    );
    add(
        2,
        Some(1),
        1,
        "mauersegler",
        "",
        "<p>Same here. The neighbours complained about the noise for exactly one summer, and now they count them.</p><blockquote><p>left the third-floor crack open</p></blockquote><p>That is all it takes.</p>",
    );
    add(
        3,
        Some(2),
        2,
        "پرستو",
        "",
        "<p>سلام! در شهر ما هم پرستوها هر بهار برمی‌گردند و زیر سقف خانه‌های قدیمی لانه می‌سازند. ممنون از مقالهٔ خوبتان.</p>",
    );
    add(4, Some(3), 3, "Ann", "", "<p>What a lovely thing to read, thank you 😊👩‍👩‍👧‍👦</p>");
    add(5, Some(4), 4, "Ben", "", "<p>Five levels deep, and still readable?</p>");
    add(
        6,
        None,
        0,
        "قارئة",
        "",
        "<p>مقال جميل. أين يمكن شراء صندوق التعشيش؟ رأيت واحدًا هنا: <a href=\"https://boxes.example/a\" rel=\"nofollow ugc noopener\">boxes.example</a></p>",
    );
    add(
        7,
        None,
        0,
        "a-very-long-name-without-any-space-that-has-to-be-broken-somewhere-or-it-runs-out-of-the-page",
        "",
        "<p>https://example.org/a/very/long/address/without/a/space/that/has/to/be/broken/somewhere/or/it/runs/out/of/the/page/on/telephones</p><pre><code>fn main() { println!(\"a long line of code that does not fit into a narrow column at all\"); }</code></pre>",
    );
    add(8, Some(6), 1, "读者", "", "<p>我们这里的雨燕住在老城楼上，每年四月回来。</p>");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let base = String::from("http://127.0.0.1:8099");
    let mailbox = std::env::temp_dir().join("rejoinder-demo-mailbox");
    fs::create_dir_all(&mailbox)?;
    let store = Arc::new(MemoryStore::default());
    samples(&store);
    let keys = TokenKeys::new([[7u8; 32]])?;
    let mut held = comment(90);
    held.public.thread_title = "Why swifts hardly ever land".into();
    held.public.author_name = "Cheap boxes".into();
    held.state = State::Pending;
    held.text = "Great! See http://a.example and http://b.example".into();
    held.public.html = "<p>Great! See <a href=\"http://a.example\" rel=\"nofollow ugc noopener\">http://a.example</a> and http://b.example</p>".into();
    let signal = |reason: &str| v1::Signal { name: "links".into(), weight: 1.0, reason: reason.into(), at_least: 0 };
    held.signals =
        vec![signal("It has 2 links; 2 or more are held."), signal("The author has not commented here before.")];
    fs::write(mailbox.join("held.eml"), mail(&held, &keys, &base))?;
    store.add(held);
    let check = |event: &v1::CommentSubmitted| {
        let mut errors = Vec::new();
        let mut wrong = |field: &str, message: &str| {
            errors.push(v1::FieldError { field: field.into(), code: "required".into(), message: message.into() });
        };
        let author = event.author.clone().unwrap_or_default();
        if event.body.trim().is_empty() {
            wrong("body", "Please write a comment.");
        }
        if author.name.is_empty() {
            wrong("name", "Please give your name.");
        }
        if !author.email.contains('@') {
            wrong("email", "Please give a valid email address, such as name@example.org.");
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    };
    let site = Site { title: "The Evening Paper".into(), moderators: vec!["editor".into()], ..Site::default() };
    let gateway = Gateway {
        publisher: Arc::new(StandIn {
            store: store.clone(),
            keys: keys.clone(),
            base: base.clone(),
            mailbox: mailbox.clone(),
        }),
        store,
        sites: Arc::new(HashMap::from([("news".to_owned(), site)])).into(),
        tokens: keys,
        check: Arc::new(check),
        akismet: None,
        health: Health::new(),
        settings: Settings { public_url: base, ..Settings::default() },
        dev: Some(Dev { site: "news".into(), mailbox }),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8099").await?;
    serve(listener, router(gateway), CancellationToken::new()).await?;
    Ok(())
}
