//! The Akismet interface, byte by byte: keys, checks, headers, limits.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use rejoinder_gateway::Settings;
use rejoinder_proto::v1::{Signal, Verdict};
use rstest::rstest;

use crate::{
    fakes::Says,
    house::{Answer, House, KEY},
};

pub const ABOUT: &str = "blog=https%3A%2F%2Fblog.example%2F&user_ip=192.0.2.9";

pub fn form(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into())
        .expect("a request")
}

impl House {
    pub async fn akismet(&self, call: &str, fields: &str) -> Answer {
        self.send(form(&format!("/1.1/{call}"), format!("api_key={KEY}&{ABOUT}&{fields}"))).await
    }
}

/// The names of the contract's headers that an answer has.
fn contract_headers(answer: &Answer) -> Vec<&str> {
    let mut names: Vec<_> =
        answer.headers.keys().map(|name| name.as_str()).filter(|n| n.starts_with("x-akismet")).collect();
    names.sort_unstable();
    names
}

fn exactly(answer: &Answer, body: &str, headers: &[&str]) {
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, body), "{answer:?}");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(contract_headers(answer), headers, "{answer:?}");
}

fn signal(name: &str, at_least: Verdict) -> Signal {
    Signal { name: name.into(), weight: 10.0, reason: "a secret reason".into(), at_least: at_least.into() }
}

#[rstest]
#[case(&format!("key={KEY}&blog=https://blog.example/"), "valid", &[])]
#[case(&format!("api_key={KEY}&blog=http%3A%2F%2Flocalhost%3A8080"), "valid", &[])]
#[case(&format!("api_key={KEY}&blog="), "invalid", &["x-akismet-debug-help", "x-akismet-error"])]
#[case(&format!("api_key={KEY}"), "invalid", &["x-akismet-debug-help", "x-akismet-error"])]
#[case(&format!("api_key={KEY}&blog=not+an+address"), "invalid", &["x-akismet-debug-help", "x-akismet-error"])]
#[case(&format!("api_key={KEY}&blog=javascript:alert(1)"), "invalid", &["x-akismet-debug-help", "x-akismet-error"])]
#[case("api_key=0123456789aa&blog=https://blog.example/", "invalid", &["x-akismet-debug-help", "x-akismet-error"])]
#[case("", "invalid", &["x-akismet-debug-help", "x-akismet-error"])]
#[tokio::test]
async fn a_key_is_verified(#[case] body: &str, #[case] expected: &str, #[case] headers: &[&str]) {
    exactly(&House::new().send(form("/1.1/verify-key", body.to_owned())).await, expected, headers);
}

#[rstest]
#[case("0123456789ab.comments.example", "false")]
#[case("0123456789AB.comments.example:8080", "false")]
#[case("0123456789aa.comments.example", "invalid")]
#[case("comments.example", "invalid")]
#[case("localhost", "invalid")]
#[tokio::test]
async fn a_key_may_stand_in_the_host(#[case] host: &str, #[case] expected: &str) {
    let mut request = form("/1.1/comment-check", format!("{ABOUT}&comment_content=hello"));
    request.headers_mut().insert("host", host.parse().expect("a header value"));
    assert_eq!(House::new().send(request).await.body, expected);
}

#[tokio::test]
async fn the_form_goes_before_the_host() {
    let mut request = form("/1.1/comment-check", format!("{ABOUT}&api_key=wrongwrongwrong"));
    request.headers_mut().insert("host", format!("{KEY}.comments.example").parse().expect("a header value"));
    assert_eq!(House::new().send(request).await.body, "invalid");
}

#[rstest]
#[case::ham(Verdict::Approve, "honeypot", Verdict::Unspecified, "false", &["x-akismet-guid"])]
#[case::review(Verdict::Hold, "honeypot", Verdict::Hold, "false", &["x-akismet-error", "x-akismet-guid"])]
#[case::spam(Verdict::Spam, "honeypot", Verdict::Unspecified, "true", &["x-akismet-guid"])]
#[case::like_others(Verdict::Spam, "campaign_decided", Verdict::Spam, "true", &["x-akismet-guid"])]
#[case::blatant(Verdict::Spam, "honeypot", Verdict::Spam, "true", &["x-akismet-guid", "x-akismet-pro-tip"])]
#[tokio::test]
async fn a_verdict_has_its_bytes_and_headers(
    #[case] verdict: Verdict,
    #[case] name: &str,
    #[case] at_least: Verdict,
    #[case] body: &str,
    #[case] headers: &[&str],
) {
    let house = House::new();
    house.filter.set(Says::Verdict(verdict, vec![signal(name, at_least)]));
    let answer = house.akismet("comment-check", "comment_content=hello").await;
    exactly(&answer, body, headers);
    assert_eq!(answer.header("x-rejoinder-signals"), name);
    assert!(!format!("{answer:?}").contains("reason"), "names only");
    assert_eq!(answer.header("x-akismet-guid"), house.filter.last().id);
    if headers.contains(&"x-akismet-pro-tip") {
        assert_eq!(answer.header("x-akismet-pro-tip"), "discard");
    }
    assert_eq!(house.log.len(), 0, "a check leaves nothing in the log");
}

#[tokio::test]
async fn what_cannot_be_judged_is_neither_spam_nor_ham() {
    for says in [Says::Away, Says::Hangs, Says::Verdict(Verdict::Unspecified, Vec::new())] {
        let house = House::with(Settings { store_timeout_ms: 20, ..Settings::default() });
        house.filter.set(says);
        let answer = house.akismet("comment-check", "comment_content=hello").await;
        assert!(answer.status.is_server_error(), "{answer:?}");
        assert!(!["true", "false", "valid", ""].contains(&answer.body.as_str()));
        assert_eq!(answer.header("x-akismet-error"), "unavailable");
        assert_eq!(house.send(usage()).await.json()["usage"], 0, "what was not judged does not count");
    }
    let house = House::new();
    house.filter.set(Says::Away);
    let answer = house.akismet("comment-check", "comment_content=hello").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
}

#[rstest]
#[case("comment_author=viagra-test-123", "true")]
#[case("comment_author=viagra-test-123&is_test=1", "true")]
#[case("comment_author_email=akismet-guaranteed-spam%40example.com", "true")]
#[case("user_role=administrator&is_test=true", "false")]
#[case("user_role=administrator&comment_author=viagra-test-123", "false")]
#[tokio::test]
async fn test_values_are_answered_whatever_the_filter_says(#[case] fields: &str, #[case] expected: &str) {
    let house = House::new();
    house.filter.set(Says::Away);
    exactly(&house.akismet("comment-check", fields).await, expected, &["x-akismet-guid"]);
    assert!(house.filter.asked.lock().expect("not poisoned").is_empty(), "none of them is remembered");
}

#[tokio::test]
async fn a_test_does_not_count_for_those_that_come_after_it() {
    let house = House::new();
    for (fields, counts) in [("", true), ("&is_test=0", true), ("&is_test=1", false), ("&is_test=true", false)] {
        house.akismet("comment-check", &format!("comment_content=hello{fields}")).await;
        let asked = house.filter.asked.lock().expect("not poisoned");
        assert_eq!(asked.last().expect("the filter was asked").1, counts, "{fields}");
    }
}

#[rstest]
#[case("comment-check", "blog=https://blog.example/")]
#[case("comment-check", "blog=https://blog.example/&user_ip=+")]
#[case("comment-check", "user_ip=192.0.2.9")]
#[case("submit-spam", "blog=https://blog.example/")]
#[case("submit-ham", "user_ip=192.0.2.9")]
#[tokio::test]
async fn what_is_missing_is_named(#[case] call: &str, #[case] fields: &str) {
    let house = House::new();
    let answer = house.send(form(&format!("/1.1/{call}"), format!("api_key={KEY}&{fields}"))).await;
    exactly(&answer, "invalid", &["x-akismet-debug-help", "x-akismet-error"]);
    assert_eq!(answer.header("x-akismet-error"), "missing-required-field");
    assert!(answer.header("x-akismet-debug-help").contains("is missing; send"), "{answer:?}");
    assert_eq!(house.log.len(), 0);
}

#[tokio::test]
async fn the_whole_comment_reaches_the_filter() {
    let house = House::new();
    let fields = "permalink=https%3A%2F%2Fblog.example%2Fpost&comment_author=%CC%E8%F0%E0&blog_charset=windows-1251\
                  &comment_author_email=mira%40example.org&comment_author_url=https://mira.example\
                  &comment_content=%CF%F0%E8%E2%E5%F2&user_agent=Browser/1&referrer=https://search.example/\
                  &comment_date_gmt=2026-01-02+03:04:05&honeypot_field_name=hp&hp=filled&user_ip=::ffff:192.0.2.1";
    house.akismet("comment-check", fields).await;
    let comment = house.filter.last();
    let (author, client) = (comment.author.expect("an author"), comment.client.expect("a client"));
    assert_eq!((comment.site.as_str(), comment.text.as_str()), ("news", "Привет"));
    assert_eq!(author.name, "Мира");
    assert_eq!((author.email.as_str(), author.url.as_str()), ("mira@example.org", "https://mira.example"));
    assert_eq!(comment.thread.expect("a thread").url, "https://blog.example/post");
    assert_eq!((client.ip.as_str(), client.user_agent.as_str()), ("192.0.2.1", "Browser/1"));
    assert_eq!(client.referrer, "https://search.example/");
    assert!(client.honeypot_filled);
    assert_eq!(comment.submitted_at.expect("a time").seconds, 1_767_323_045);
}

fn usage() -> Request<Body> {
    Request::get(format!("/1.2/usage-limit?api_key={KEY}")).body(Body::empty()).expect("a request")
}

#[tokio::test]
async fn usage_is_counted_by_key_without_tests() {
    let house = House::new();
    for fields in ["comment_content=a", "comment_content=b", "comment_content=c&is_test=1"] {
        house.akismet("comment-check", fields).await;
    }
    let answer = house.send(usage()).await;
    assert_eq!(answer.body, r#"{"limit":"none","usage":2,"percentage":0.0,"throttled":false}"#);
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    let posted = house.send(form("/1.2/usage-limit", "key=cdefcdefcdefcdef")).await;
    assert_eq!(posted.json()["usage"], 0, "another key has its own");
    assert_eq!(house.send(form("/1.2/usage-limit", "key=wrongwrongwrong")).await.body, "invalid");
}

#[tokio::test]
async fn a_site_that_asks_too_often_is_told_when_to_come_back() {
    let house = House::with(Settings { akismet_per_minute: 6, akismet_burst: 2, ..Settings::default() });
    assert_eq!(house.akismet("comment-check", "").await.body, "false");
    assert_eq!(house.akismet("submit-spam", "").await.status, StatusCode::OK);
    let answer = house.akismet("comment-check", "").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!((5..=11).contains(&answer.header("retry-after").parse::<u64>().expect("seconds")), "{answer:?}");
    assert!(!["true", "false"].contains(&answer.body.as_str()));
    let usage = house.send(usage()).await.json();
    assert_eq!((&usage["usage"], &usage["throttled"]), (&1.into(), &true.into()));
    let other = form("/1.1/comment-check", format!("key=cdefcdefcdefcdef&{ABOUT}"));
    assert_eq!(house.send(other).await.body, "false", "another site has its own allowance");
}

#[tokio::test]
async fn a_body_that_cannot_be_taken_is_refused_clearly() {
    let house = House::with(Settings { max_body_bytes: 1_000, ..Settings::default() });
    let large = house.akismet("comment-check", &format!("comment_content={}", "a".repeat(2_000))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(large.body.contains("1000 bytes"), "{large:?}");
    let multipart = Request::post("/1.1/comment-check").header("content-type", "multipart/form-data; boundary=x");
    let answer = house.send(multipart.body(Body::from("--x--")).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let get = Request::get("/1.1/comment-check").body(Body::empty()).expect("a request");
    assert_eq!(house.send(get).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
