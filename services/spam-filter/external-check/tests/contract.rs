//! The client against a scripted service.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use rejoinder_external_check::{AkismetCheck, Settings, SettingsError};
use rejoinder_proto::{
    from_millis,
    v1::{Author, Client, Comment, Thread},
};
use rejoinder_spam_filter::external::{ExternalCheck, Opinion, Unanswered};
use rstest::rstest;
use tokio::{net::TcpListener, sync::Mutex};

type Script = Arc<dyn Fn() -> Response + Send + Sync>;

/// A service that answers by a script, and keeps the last form.
struct Service {
    url: String,
    last: Arc<Mutex<String>>,
}

impl Service {
    async fn start(script: impl Fn() -> Response + Send + Sync + 'static) -> Self {
        let last = Arc::new(Mutex::new(String::new()));
        async fn answer(State((script, last)): State<(Script, Arc<Mutex<String>>)>, form: String) -> Response {
            *last.lock().await = form;
            script()
        }
        let slow = post(|| async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            "false"
        });
        let script: Script = Arc::new(script);
        let router = Router::new()
            .route("/base/1.1/comment-check", post(answer))
            .route("/slow/1.1/comment-check", slow)
            .with_state((script, last.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, last }
    }
}

fn settings(url: &str) -> Settings {
    Settings {
        url: url.into(),
        key: "0123456789ab".to_owned().into(),
        blog: "https://news.example/".into(),
        timeout_ms: 2_000,
        concurrency: 8,
        spam_weight: 6.0,
        discard_weight: 10.0,
        review_weight: 5.0,
        breaker_failures: 5,
        breaker_seconds: 30,
        recheck_seconds: 300,
    }
}

fn comment() -> Comment {
    Comment {
        thread: Some(Thread { url: "https://news.example/a?b&c".into(), ..Thread::default() }),
        author: Some(Author { name: "Міра & co".into(), email: "mira@example.org".into(), url: String::new() }),
        text: "One + one = 100 %".into(),
        client: Some(Client { ip: "192.0.2.9".into(), honeypot_filled: true, ..Client::default() }),
        submitted_at: Some(from_millis(1_767_323_045_000)),
        ..Comment::default()
    }
}

async fn asked(script: impl Fn() -> Response + Send + Sync + 'static) -> Result<Opinion, Unanswered> {
    let service = Service::start(script).await;
    let check = AkismetCheck::new(&settings(&format!("{}/base/", service.url))).expect("a client");
    check.ask(&comment(), false).await
}

/// An answer with one header.
fn with(body: &'static str, name: &'static str, value: &'static str) -> Response {
    ([(name, value)], body).into_response()
}

#[rstest]
#[case(|| "true".into_response(), Opinion::Spam)]
#[case(|| "true\n".into_response(), Opinion::Spam)]
#[case(|| with("true", "x-akismet-pro-tip", "discard"), Opinion::Discard)]
#[case(|| "false".into_response(), Opinion::Ham)]
#[case(|| with("false", "x-akismet-error", "needs-review"), Opinion::Review)]
#[tokio::test]
async fn an_answer_is_an_opinion(#[case] script: fn() -> Response, #[case] expected: Opinion) {
    assert_eq!(asked(script).await, Ok(expected));
}

#[rstest]
#[case::not_yet(|| with("false", "x-akismet-recheck-after", "120"), "later")]
#[case::suspended(|| with("false", "x-akismet-error", "suspended"), "refuses")]
#[case::wrong_key(|| "invalid".into_response(), "refuses")]
#[case::forbidden(|| (StatusCode::FORBIDDEN, "false").into_response(), "refuses")]
#[case::defect(|| (StatusCode::INTERNAL_SERVER_ERROR, "false").into_response(), "away")]
#[case::too_many(|| (StatusCode::TOO_MANY_REQUESTS, "false").into_response(), "away")]
#[case::no_content(|| StatusCode::NO_CONTENT.into_response(), "away")]
#[case::empty(|| "".into_response(), "away")]
#[case::garbage(|| "<html>Welcome to the hotel</html>".into_response(), "away")]
#[case::nearly(|| "falsetto".into_response(), "away")]
#[case::capitals(|| "FALSE".into_response(), "away")]
#[case::bytes(|| vec![0xffu8, 0xfe, 0x00].into_response(), "away")]
#[case::endless(|| "false".repeat(100_000).into_response(), "away")]
#[case::elsewhere(|| Redirect::temporary("https://elsewhere.example/").into_response(), "away")]
#[tokio::test]
async fn anything_else_is_no_opinion(#[case] script: fn() -> Response, #[case] kind: &str) {
    let why = asked(script).await.expect_err("no opinion");
    assert!(why.to_string().contains(kind), "{why}");
    assert!(!why.to_string().contains("0123456789ab") && !why.to_string().contains("One + one"), "{why}");
}

#[tokio::test]
async fn whoever_is_slow_or_gone_is_away() {
    let service = Service::start(|| "false".into_response()).await;
    let slow = Settings { timeout_ms: 100, ..settings(&format!("{}/slow", service.url)) };
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("an address");
    for (settings, words) in [(slow, "no answer in time"), (settings(&format!("http://{gone}")), "no connection")] {
        let check = AkismetCheck::new(&settings).expect("a client");
        assert_eq!(check.ask(&comment(), false).await, Err(Unanswered::Away(words.into())));
    }
}

#[tokio::test]
async fn the_whole_comment_is_sent() {
    let service = Service::start(|| "false".into_response()).await;
    let check = AkismetCheck::new(&settings(&format!("{}/base", service.url))).expect("a client");
    check.ask(&comment(), false).await.expect("an opinion");
    let first = service.last.lock().await.clone();
    for field in [
        "api_key=0123456789ab",
        "blog=https%3A%2F%2Fnews.example%2F",
        "blog_charset=UTF-8",
        "user_ip=192.0.2.9",
        "permalink=https%3A%2F%2Fnews.example%2Fa%3Fb%26c",
        "comment_type=comment",
        "comment_author=%D0%9C%D1%96%D1%80%D0%B0+%26+co",
        "comment_author_email=mira%40example.org",
        "comment_content=One+%2B+one+%3D+100+%25",
        "comment_date_gmt=2026-01-02T03%3A04%3A05Z",
        "honeypot_field_name=rejoinder_honeypot",
        "rejoinder_honeypot=filled",
    ] {
        assert!(first.split('&').any(|pair| pair == field), "{field} is not in {first}");
    }
    assert!(!first.contains("recheck_reason") && !first.contains("comment_author_url"), "{first}");
    let reply = Comment { parent_id: "x".into(), client: None, ..comment() };
    check.ask(&reply, true).await.expect("an opinion");
    let again = service.last.lock().await.clone();
    for field in ["recheck_reason=recheck", "comment_type=reply", "user_ip=127.0.0.1"] {
        assert!(again.split('&').any(|pair| pair == field), "{field} is not in {again}");
    }
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let good = settings("https://check.example");
    assert_eq!(good.check(), Ok(()));
    let url = |url: &str| Settings { url: url.into(), ..good.clone() }.check();
    for wrong in ["", "check.example", "ftp://check.example", "https://check.example/?a", "https://u@check.example"] {
        assert_eq!(url(wrong), Err(SettingsError::Address("url")), "{wrong}");
    }
    assert_eq!(Settings { blog: "news".into(), ..good.clone() }.check(), Err(SettingsError::Address("blog")));
    assert_eq!(Settings { key: " ".to_owned().into(), ..good.clone() }.check(), Err(SettingsError::Key));
    for (settings, field) in [
        (Settings { timeout_ms: 99, ..good.clone() }, "timeout_ms"),
        (Settings { concurrency: 0, ..good.clone() }, "concurrency"),
        (Settings { spam_weight: f64::NAN, ..good.clone() }, "spam_weight"),
        (Settings { discard_weight: -1.0, ..good.clone() }, "discard_weight"),
        (Settings { breaker_failures: 0, ..good.clone() }, "breaker_failures"),
        (Settings { recheck_seconds: 0, ..good.clone() }, "recheck_seconds"),
    ] {
        let error = settings.check().expect_err(field).to_string();
        assert!(error.starts_with(field), "{error}");
    }
    assert!(!format!("{good:?}").contains("0123456789ab"));
}
