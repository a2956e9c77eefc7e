//! Every field of a submitted comment: what the validator takes is normalised, within its limits, and taken again as it
//! is. The input's fields are name, email, URL, parent, thread's id, URL and title, body, IP, user agent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rejoinder_fuzz::fields;
use rejoinder_proto::{from_millis, v1};
use rejoinder_validator::{Field, Fields, Policy, check_fields};
use url::Url;
use uuid::Uuid;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    let submitted = read(data);
    // Short limits are met by short inputs.
    let limits = Policy {
        name_bytes: 24,
        email_bytes: 24,
        url_bytes: 32,
        body_bytes: 64,
        thread_title_bytes: 16,
        user_agent_bytes: 16,
        referrer_bytes: 16,
        ..Policy::default()
    };
    let policy = if choice & 1 == 0 { Policy::default() } else { limits };
    let policy = Policy { require_name_email: choice & 2 == 0, ..policy };
    match check_fields(&submitted, &policy) {
        Ok(taken) => {
            is_right(&taken, &policy);
            let again = check_fields(&written(&taken), &policy).expect("what was taken is taken again");
            assert_eq!(again, taken);
            let id = Uuid::from_u128(7);
            assert_eq!(again.fingerprint(id, &policy), taken.fingerprint(id, &policy));
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(!error.message.is_empty() && error.message.len() < 300, "{error:?}");
                assert!(error.field != Field::Site && error.field != Field::SubmittedAt, "{error:?}");
            }
        }
    }
});

fn read(data: &[u8]) -> v1::CommentSubmitted {
    let mut fields = fields(data);
    let mut next = || fields.next().unwrap_or_default();
    v1::CommentSubmitted {
        id: String::new(),
        site: "news".into(),
        author: Some(v1::Author { name: next(), email: next(), url: next() }),
        parent_id: next(),
        thread: Some(v1::Thread { id: next(), url: next(), title: next(), ..Default::default() }),
        body: next(),
        client: Some(v1::Client { ip: next(), user_agent: next(), referrer: next(), ..Default::default() }),
        submitted_at: Some(from_millis(1_780_000_000_000)),
    }
}

fn is_right(taken: &Fields, policy: &Policy) {
    let Fields { author, thread, text, client, .. } = taken;
    for (value, limit) in [
        (&author.name, policy.name_bytes),
        (&author.email, policy.email_bytes),
        (&author.url, policy.url_bytes),
        (text, policy.body_bytes),
        (&thread.id, policy.thread_id_bytes),
        (&thread.title, policy.thread_title_bytes),
        (&client.user_agent, policy.user_agent_bytes),
        (&client.referrer, policy.referrer_bytes),
        (&client.ip, 64),
    ] {
        assert!(value.len() <= limit, "{} bytes of {limit}", value.len());
        let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        assert!(!value.contains(is_control), "{value:?}");
        // Embeddings, overrides and isolates turn around what stands beside them.
        assert!(value == &thread.id || !value.contains(['\u{202e}', '\u{202d}', '\u{2066}', '\u{2067}']), "{value:?}");
    }
    for line in [&author.name, &author.email, &author.url, &thread.title, &client.user_agent] {
        assert!(!line.contains(['\n', '\t', '\r']), "{line:?} has several lines");
    }
    if policy.require_name_email {
        assert!(!author.name.is_empty() && !author.email.is_empty());
    }
    if !author.email.is_empty() {
        let (local, domain) = author.email.rsplit_once('@').expect("an @");
        assert!(!local.is_empty() && domain.contains('.') && !author.email.contains([' ', '<', '>', ',', '"']));
    }
    for url in [&author.url, &thread.url].into_iter().filter(|url| !url.is_empty()) {
        let parsed = Url::parse(url).expect("a URL");
        assert!(["http", "https"].contains(&parsed.scheme()) && parsed.has_host(), "{url}");
        assert!(parsed.username().is_empty() && parsed.password().is_none(), "{url}");
        assert_eq!(parsed.as_str(), url, "a URL has one spelling");
    }
}

/// What was taken, submitted again.
fn written(taken: &Fields) -> v1::CommentSubmitted {
    v1::CommentSubmitted {
        id: String::new(),
        site: taken.site.clone(),
        author: Some(taken.author.clone()),
        parent_id: taken.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        thread: Some(taken.thread.clone()),
        body: taken.text.clone(),
        client: Some(taken.client.clone()),
        submitted_at: Some(from_millis(taken.submitted_at.timestamp_millis())),
    }
}
