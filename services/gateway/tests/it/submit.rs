use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use futures::StreamExt;
use rejoinder_gateway::{IDEMPOTENCY_KEY, Settings, id_of_key};
use rejoinder_proto::v1::CommentSubmitted;
use rstest::rstest;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    fakes::Behaviour,
    house::{GOOD, House, json},
};

#[tokio::test]
async fn a_comment_becomes_an_event() {
    let house = House::new();
    let answer = house
        .submit(
            r#"{"thread": "a", "parent": "0190163d-8694-739b-aea5-966c26f8ad91", "name": "پرستو", "email": "p@example.org",
                "url": "https://p.example", "body": "سلام 👩‍👩‍👧", "thread_title": "T", "thread_url": "https://news.example/a"}"#,
        )
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let id: Uuid = answer.json()["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    assert_eq!(id.get_version_num(), 7);
    let status_url = format!("https://comments.example/v1/comments/{id}");
    assert_eq!(answer.json()["status_url"], status_url);
    assert_eq!(answer.header("location"), status_url);

    let event: CommentSubmitted = house.log.last();
    assert_eq!((event.id, event.site), (id.to_string(), "news".into()));
    let thread = event.thread.expect("a thread");
    assert_eq!((&*thread.id, &*thread.title, &*thread.url), ("a", "T", "https://news.example/a"));
    let author = event.author.expect("an author");
    assert_eq!((&*author.name, &*author.email, &*author.url), ("پرستو", "p@example.org", "https://p.example"));
    assert_eq!((&*event.parent_id, &*event.body), ("0190163d-8694-739b-aea5-966c26f8ad91", "سلام 👩‍👩‍👧"));
    let client = event.client.expect("a client");
    assert_eq!((&*client.ip, client.honeypot_filled, client.form_seconds), ("192.0.2.77", false, None));
    assert!(event.submitted_at.is_some());
}

#[tokio::test]
async fn the_trace_goes_on() {
    let house = House::new();
    let mut request = json(GOOD);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.headers_mut().insert("traceparent", parent.parse().expect("a header value"));
    house.send(request).await;
    let next = house.log.header("traceparent");
    assert!(next.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && next != parent, "{next}");
    house.submit(GOOD).await;
    assert!(rejoinder_proto::trace::next_hop(&house.log.header("traceparent")).is_some());
    assert_eq!(house.log.header("ce_source"), "gateway");
}

#[rstest]
#[case::not_json("thread=a")]
#[case::cut(r#"{"thread": "a""#)]
#[case::empty("")]
#[case::not_an_object("[]")]
#[case::a_string("\"hello\"")]
#[case::a_lone_surrogate(r#"{"body": "\ud800"}"#)]
#[case::twice(r#"{"body": "a", "body": "b"}"#)]
#[tokio::test]
async fn what_cannot_be_read_is_a_400(#[case] body: &'static str) {
    let house = House::new();
    house.submit(body).await.problem(400);
    assert_eq!(house.log.len(), 0);
}

#[tokio::test]
async fn invalid_utf8_is_a_400_and_the_text_is_not_quoted() {
    let house = House::new();
    let answer = house.submit(b"{\"thread\": \"a\", \"body\": \"secret \xff\"}".to_vec()).await;
    answer.problem(400);
    let misquoted = house.submit(r#"{"body": "secret" "#).await;
    assert!(!answer.body.contains("secret") && !misquoted.body.contains("secret"), "{answer:?}");
}

#[rstest]
#[case::missing(r#"{"thread": "a"}"#, &["name", "email", "body"])]
#[case::all_missing("{}", &["thread", "name", "email", "body"])]
#[case::null(r#"{"thread": "a", "name": null, "email": "a@b.c", "body": "x"}"#, &["name"])]
#[case::unknown(r#"{"thread": "a", "name": "n", "email": "a@b.c", "body": "x", "admin": "yes", "b": []}"#, &["admin", "b"])]
#[case::another_type(r#"{"thread": 1, "name": "n", "email": "a@b.c", "body": ["x"]}"#, &["thread", "body"])]
#[case::nul(r#"{"thread": "a", "name": "n\u0000", "email": "a@b.c", "body": "\u0000"}"#, &["name", "body"])]
#[tokio::test]
async fn wrong_fields_are_a_422_that_names_all_of_them(#[case] body: &'static str, #[case] fields: &[&str]) {
    let house = House::new();
    assert_eq!(house.submit(body).await.problem(422), fields);
    assert_eq!(house.log.len(), 0);
}

#[tokio::test]
async fn a_name_of_300_bytes_is_a_422() {
    let house = House::new();
    let answer = house.submit(GOOD.replace("Ann", &"n".repeat(300))).await;
    assert_eq!(answer.problem(422), ["name"]);
    assert_eq!(answer.json()["errors"][0]["code"], "too_long");
}

#[rstest]
#[case(Some("text/plain"))]
#[case(Some("multipart/form-data; boundary=x"))]
#[case(Some("application/json; charset=latin1"))]
#[case(Some("application/jsonp"))]
#[case(None)]
#[tokio::test]
async fn another_content_type_is_a_415(#[case] content_type: Option<&str>) {
    let house = House::new();
    let mut request = Request::post("/v1/sites/news/comments");
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    house.send(request.body(GOOD.into()).expect("a request")).await.problem(415);
}

#[tokio::test]
async fn a_charset_of_utf8_is_fine() {
    let request =
        Request::post("/v1/sites/news/comments").header("content-type", "Application/JSON; charset=\"UTF-8\"");
    let answer = House::new().send(request.body(GOOD.into()).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn two_megabytes_are_a_413_with_and_without_a_length() {
    let house = House::new();
    let long = GOOD.replace("Hello", &"x".repeat(2_000_000));
    house.submit(long.clone()).await.problem(413);
    let read = Arc::new(AtomicUsize::new(0));
    let frames: Vec<_> = long.into_bytes().chunks(100_000).map(<[u8]>::to_vec).collect();
    let counted = futures::stream::iter(frames).map({
        let read = read.clone();
        move |frame| {
            read.fetch_add(frame.len(), Ordering::Relaxed);
            Ok::<_, std::io::Error>(frame)
        }
    });
    house.submit(Body::from_stream(counted)).await.problem(413);
    assert!(read.load(Ordering::Relaxed) >= 2_000_000, "a client that is still writing could not read the answer");
    // The length alone tells, long before all of it has come.
    let mut endless = json(Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>()));
    endless.headers_mut().insert("content-length", "100000000".parse().expect("a header value"));
    house.send(endless).await.problem(413);
    assert_eq!(house.log.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_a_408() {
    let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    House::new().submit(endless).await.problem(408);
}

#[tokio::test]
async fn an_unknown_site_is_a_404_and_another_method_a_405() {
    let house = House::new();
    let unknown = Request::post("/v1/sites/nobody/comments").header("content-type", "application/json");
    house.send(unknown.body(GOOD.into()).expect("a request")).await.problem(404);
    let answer = house.send(Request::delete("/v1/sites/news/comments").body(Body::empty()).expect("a request")).await;
    answer.problem(405);
    assert!(answer.header("allow").contains("POST"), "{:?}", answer.headers);
    house.get("/nothing").await.problem(404);
    house.get("/v1/sites/%ff/comments?thread=a").await.problem(404);
    assert_eq!(house.log.len(), 0);
}

#[tokio::test]
async fn no_answer_before_the_log_has_it() {
    let house = Arc::new(House::new());
    let permits = Arc::new(Semaphore::new(0));
    house.log.set(Behaviour::Wait(permits.clone()));
    let sent = tokio::spawn({
        let house = house.clone();
        async move { house.submit(GOOD).await }
    });
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!sent.is_finished(), "answered before the log did");
    permits.add_permits(1);
    assert_eq!(sent.await.expect("no panic").status, StatusCode::ACCEPTED);
    assert_eq!(house.log.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_or_hangs_is_a_503() {
    let house = House::new();
    for behaviour in [Behaviour::Fail, Behaviour::Hang] {
        house.log.set(behaviour);
        let answer = house.submit(GOOD).await;
        answer.problem(503);
        assert_eq!(answer.header("retry-after"), "5");
    }
}

#[tokio::test]
async fn one_key_is_one_id() {
    let (house, other) = (House::new(), House::new());
    let keyed = |key: &str| {
        let mut request = json(GOOD);
        request.headers_mut().insert(IDEMPOTENCY_KEY, key.parse().expect("a header value"));
        request
    };
    let first = house.send(keyed("k")).await.json();
    assert_eq!(first, house.send(keyed("k")).await.json());
    assert_eq!(first, other.send(keyed("k")).await.json(), "the same on every replica");
    assert_eq!(first["id"], id_of_key("news", "k").to_string());
    assert_ne!(first, house.send(keyed("l")).await.json());
    assert_ne!(house.submit(GOOD).await.json(), house.submit(GOOD).await.json(), "without a key each is a new one");
    for bad in ["", &"k".repeat(256)] {
        house.send(keyed(bad)).await.problem(400);
    }
}

#[tokio::test]
async fn too_many_are_a_429_and_mistakes_do_not_count() {
    let house = House::with(Settings { submit_per_minute: 6, submit_burst: 2, ..Settings::default() });
    for _ in 0..5 {
        house.submit("{}").await.problem(422);
    }
    assert_eq!(house.submit(GOOD).await.status, StatusCode::ACCEPTED);
    assert_eq!(house.submit(GOOD).await.status, StatusCode::ACCEPTED);
    let answer = house.submit(GOOD).await;
    answer.problem(429);
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=11).contains(&wait), "{wait}");
    assert_eq!(house.log.len(), 2);
}

#[tokio::test]
async fn who_can_write_the_forwarded_header_cannot_choose_an_address() {
    let event = async |trusted_proxies| {
        let house = House::with(Settings { trusted_proxies, ..Settings::default() });
        let mut request = json(GOOD);
        request.headers_mut().insert("x-forwarded-for", "203.0.113.1, 198.51.100.2".parse().expect("a header value"));
        house.send(request).await;
        house.log.last::<CommentSubmitted>().client.expect("a client").ip
    };
    assert_eq!(event(0).await, "192.0.2.77");
    assert_eq!(event(1).await, "198.51.100.2");
}

#[tokio::test]
async fn scripts_of_the_sites_own_pages_may_call() {
    let house = House::new();
    let preflight = |path: &str, origin: &str| {
        let request = Request::options(path).header("origin", origin).header("access-control-request-method", "POST");
        request.body(Body::empty()).expect("a request")
    };
    let allowed = async |path: &str, origin: &str| {
        let answer = house.send(preflight(path, origin)).await;
        answer.header("access-control-allow-origin") == origin
    };
    assert!(allowed("/v1/sites/news/comments", "https://news.example").await);
    assert!(!allowed("/v1/sites/news/comments", "https://blog.example").await);
    assert!(!allowed("/v1/sites/news/comments", "https://evil.example").await);
    assert!(allowed("/v1/comments/x", "https://blog.example").await);
    assert!(!allowed("/v1/comments/x", "null").await);
    let mut request = json(GOOD);
    request.headers_mut().insert("origin", "https://news.example".parse().expect("a header value"));
    let answer = house.send(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://news.example");
}
