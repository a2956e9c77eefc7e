use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use rejoinder_comment_store::State;
use rejoinder_proto::v1::FieldError;
use rstest::rstest;

use crate::{
    fakes::{comment, id},
    house::House,
};

#[tokio::test]
async fn the_fate_of_a_comment() {
    let house = House::new();
    let states = [State::Approved, State::Pending, State::Spam, State::Trash];
    for (n, state) in states.into_iter().enumerate() {
        let mut stored = comment(n as u128);
        stored.state = state;
        house.store.add(stored);
    }
    let wrong = FieldError {
        field: "parent".into(),
        code: "unknown_parent".into(),
        message: "there is no such comment".into(),
    };
    house.store.rejected.lock().expect("no panic").insert(id(4), vec![wrong]);
    let expected = ["published", "pending", "pending", "removed", "rejected", "submitted"];
    for (n, state) in expected.into_iter().enumerate() {
        let answer = house.get(&format!("/v1/comments/{}", id(n as u128))).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(
            (answer.json()["id"].as_str(), answer.json()["state"].as_str()),
            (Some(&*id(n as u128).to_string()), Some(state))
        );
        assert_eq!(answer.json().get("errors").is_some(), state == "rejected");
    }
    let rejected = house.get(&format!("/v1/comments/{}", id(4))).await.json();
    assert_eq!(rejected["errors"][0]["code"], "unknown_parent");
    // Spam must not be told from a held comment by anything.
    let [held, spam] =
        [house.get(&format!("/v1/comments/{}", id(1))).await, house.get(&format!("/v1/comments/{}", id(2))).await];
    assert_eq!(held.body.replace(&id(1).to_string(), ""), spam.body.replace(&id(2).to_string(), ""));
}

#[rstest]
#[case("nonsense")]
#[case("7f3b1d52-1a0c-4f6b-9a53-0a7d4c1e8f11")]
#[case("0190163d8694739baea5966c26f8ad91")]
#[case("%00")]
#[tokio::test]
async fn what_is_no_uuidv7_is_a_404(#[case] id: &str) {
    House::new().get(&format!("/v1/comments/{id}")).await.problem(404);
}

#[tokio::test]
async fn a_thread_in_pages() {
    let house = House::new();
    for n in 0..5 {
        let mut stored = comment(n);
        if n == 4 {
            (stored.public.parent, stored.public.depth) = (Some(id(0)), 1);
        }
        house.store.add(stored);
    }
    let mut hidden = comment(9);
    hidden.state = State::Pending;
    house.store.add(hidden);

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = house.get(&format!("/v1/sites/news/comments?thread=a&limit=2{cursor}")).await.json();
        let comments = page["comments"].as_array().cloned().expect("a list");
        assert!(comments.len() <= 2);
        seen.extend(comments);
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let ids: Vec<_> = seen.iter().map(|c| c["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids, [0, 4, 1, 2, 3].map(|n| id(n).to_string()));
    assert_eq!((&seen[1]["parent"], &seen[1]["depth"]), (&id(0).to_string().into(), &1.into()));
    assert_eq!(seen[0]["author"]["name"], "Ann");
    assert_eq!(seen[0]["html"], "<p>comment 0</p>\n");
}

#[rstest]
#[case("/v1/sites/news/comments", "thread")]
#[case("/v1/sites/news/comments?thread=", "thread")]
#[case("/v1/sites/news/comments?thread=a&thread=b", "thread")]
#[case("/v1/sites/news/comments?thread=a&limit=0", "limit")]
#[case("/v1/sites/news/comments?thread=a&limit=201", "limit")]
#[case("/v1/sites/news/comments?thread=a&limit=x", "limit")]
#[case("/v1/sites/news/comments?thread=a&cursor=!", "cursor")]
#[case("/v1/sites/news/recent?limit=51", "limit")]
#[case("/v1/sites/news/counts", "thread")]
#[tokio::test]
async fn a_wrong_parameter_is_named(#[case] path: &str, #[case] field: &str) {
    assert_eq!(House::new().get(path).await.problem(400), [field]);
}

#[tokio::test]
async fn a_query_with_broken_escapes_is_a_400_and_an_unknown_site_a_404() {
    let house = House::new();
    house.get("/v1/sites/news/comments?thread=%zz").await.problem(400);
    for path in ["comments?thread=a", "recent", "counts?thread=a"] {
        house.get(&format!("/v1/sites/nobody/{path}")).await.problem(404);
    }
}

#[tokio::test]
async fn the_newest_and_the_counts() {
    let house = House::new();
    for n in 0..7 {
        let mut stored = comment(n);
        stored.public.thread = if n % 2 == 0 { "a" } else { "b" }.into();
        house.store.add(stored);
    }
    let recent = house.get("/v1/sites/news/recent").await.json();
    let ids: Vec<_> = recent["comments"].as_array().expect("a list").iter().map(|c| c["id"].clone()).collect();
    assert_eq!(ids, [6, 5, 4, 3, 2].map(|n| id(n).to_string()));
    assert_eq!(recent["comments"][0]["thread"]["title"], "Title A");
    let counts = house.get("/v1/sites/news/counts?thread=a&thread=b&thread=c%2Fd").await.json();
    assert_eq!(counts, serde_json::json!({"counts": {"a": 4, "b": 3, "c/d": 0}}));
}

#[tokio::test]
async fn what_a_cache_has_is_not_sent_again() {
    let house = House::new();
    house.store.add(comment(1));
    let path = "/v1/sites/news/comments?thread=a";
    let first = house.get(path).await;
    assert_eq!(first.header("cache-control"), "public, max-age=1");
    let again =
        Request::get(path).header("if-none-match", first.header("etag")).body(Body::empty()).expect("a request");
    let again = house.send(again).await;
    assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    house.store.add(comment(2));
    assert_ne!(house.get(path).await.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn a_store_that_is_away_is_a_503() {
    let house = House::new();
    *house.store.away.lock().expect("no panic") = true;
    for path in ["/v1/sites/news/comments?thread=a", "/v1/sites/news/recent", &format!("/v1/comments/{}", id(1))] {
        let answer = house.get(path).await;
        answer.problem(503);
        assert_eq!(answer.header("retry-after"), "5");
    }
}

#[tokio::test]
async fn probes_answer_and_requests_are_measured_by_route() {
    let house = House::new();
    house.get("/v1/sites/news/comments?thread=secret").await;
    assert_eq!(house.get("/livez").await.status, StatusCode::OK);
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK);
    let metrics = house.get("/metrics").await.body;
    let counted =
        |line: &str| line.starts_with("rejoinder_http_requests") && line.contains("/v1/sites/{site}/comments");
    assert!(metrics.lines().any(counted), "{metrics}");
    assert!(!metrics.contains("secret"));
}
