use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use chrono::Utc;
use rejoinder_comment_store::{Decision, State, StoredComment};
use rejoinder_proto::v1::{Action, CommentModerated, Signal, Verdict};
use rstest::rstest;
use uuid::Uuid;

use crate::{
    fakes::{Behaviour, comment, id},
    house::{Answer, House},
};

fn held() -> StoredComment {
    let mut held = comment(1);
    held.state = State::Pending;
    held.public.author_name = "<i>Ann".into();
    held.public.thread_title = "<u>Title".into();
    held.text = "<script>alert(1)</script>".into();
    held.public.html = "<p>&lt;script&gt;</p>".into();
    (held.verdict, held.score) = (Verdict::Hold, 7.5);
    let signal = |text: &str, weight| Signal { name: "x".into(), weight, reason: text.into(), at_least: 0 };
    held.signals = vec![signal("first <s>", 5.0), signal("second", 2.5), signal("fourth", -0.5), signal("third", -2.0)];
    held
}

async fn with(house: &House, method: Method, token: &str) -> Answer {
    let request = Request::builder().method(method).uri(format!("/moderate/{token}"));
    house.send(request.body(Body::empty()).expect("a request")).await
}

fn decided(action: Action, moderator: &str) -> Option<Decision> {
    Some(Decision { action, moderator: moderator.into(), at: Utc::now() })
}

#[tokio::test]
async fn looking_shows_everything_and_decides_nothing() {
    let house = House::new();
    let token = house.token(house.store.add(held()), Action::Approve);
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let answer = with(&house, method, &token).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-robots-tag"), "noindex");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
    }
    assert_eq!(house.log.len(), 0);
    let page = with(&house, Method::GET, &token).await.body;
    for shown in [
        "Approve this comment",
        "was held for a person, with 7.50 points.",
        "First ",
        "+5.00 points",
        "Second.",
        "Third.",
        "-2.00 points",
        "alert(1)",
        "<form method=\"post\"",
        "editor",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("ourth"), "the top three are enough");
    for raw in ["<script>", "<i>Ann", "<u>Title", "First <s>", "The <News>"] {
        assert!(!page.contains(raw), "{raw}: {page}");
    }
}

#[rstest]
#[case(Action::Approve, "approved by editor")]
#[case(Action::Spam, "marked as spam by editor")]
#[case(Action::Trash, "moved to the trash by editor")]
#[tokio::test]
async fn the_button_decides_once(#[case] action: Action, #[case] words: &str) {
    let house = House::new();
    let comment = house.store.add(held());
    let token = house.token(comment, action);
    let answer = with(&house, Method::POST, &token).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains(words) && !answer.body.contains("<form"), "{}", answer.body);
    let event: CommentModerated = house.log.last();
    assert_eq!(
        (event.id.as_str(), event.site.as_str(), event.thread_id.as_str()),
        (&*comment.to_string(), "news", "a")
    );
    assert_eq!((event.action(), event.moderator.as_str()), (action, "editor"));
    assert!(event.decided_at.is_some());

    house.store.moderate(&event);
    let again = with(&house, Method::POST, &token).await;
    assert!(again.body.contains("already") && again.body.contains(words), "{}", again.body);
    assert_eq!(house.log.len(), 1, "a decision that stands is not made again");
}

#[tokio::test]
async fn what_another_decided_is_said_and_can_be_changed() {
    let house = House::new();
    let mut stored = held();
    (stored.state, stored.decision) = (State::Trash, decided(Action::Trash, "another"));
    let comment = house.store.add(stored);
    let page = with(&house, Method::GET, &house.token(comment, Action::Approve)).await.body;
    assert!(page.contains("moved to the trash by another") && page.contains("<form"), "{page}");
    // The same decision by another moderator is not made again.
    let page = with(&house, Method::POST, &house.token(comment, Action::Trash)).await.body;
    assert!(page.contains("already moved to the trash by another"), "{page}");
    assert_eq!(house.log.len(), 0);
    with(&house, Method::POST, &house.token(comment, Action::Approve)).await;
    assert_eq!(house.log.last::<CommentModerated>().action(), Action::Approve);
}

#[rstest]
#[case::forged(|house: &House, id| house.token(id, Action::Approve).replace("1.", "2."), StatusCode::FORBIDDEN)]
#[case::cut(|house: &House, id| house.token(id, Action::Approve)[..60].to_owned(), StatusCode::FORBIDDEN)]
#[case::nonsense(|_: &House, _| "x".to_owned(), StatusCode::FORBIDDEN)]
#[case::expired(|house: &House, id| house.token_by("editor", id, Action::Approve, 1), StatusCode::GONE)]
#[case::no_longer_a_moderator(|house: &House, id| house.token_by("gone", id, Action::Approve, 4_000_000_000_000), StatusCode::FORBIDDEN)]
#[case::no_action(|house: &House, id| house.token(id, Action::Unspecified), StatusCode::FORBIDDEN)]
#[case::an_operators_action(|house: &House, id| house.token(id, Action::Reset), StatusCode::FORBIDDEN)]
#[case::not_there_yet(|house: &House, _| house.token(id(99), Action::Approve), StatusCode::NOT_FOUND)]
#[tokio::test]
async fn a_link_that_allows_nothing_does_nothing(
    #[case] token: fn(&House, Uuid) -> String,
    #[case] status: StatusCode,
) {
    let house = House::new();
    let comment = house.store.add(held());
    let token = token(&house, comment);
    for method in [Method::GET, Method::POST] {
        let answer = with(&house, method, &token).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.contains("<h1>") && !answer.body.contains("alert(1)"), "{}", answer.body);
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    assert_eq!(house.log.len(), 0);
}

#[tokio::test]
async fn a_comment_of_another_site_is_out_of_reach() {
    let house = House::new();
    let mut foreign = held();
    foreign.site = "blog".into();
    let token = house.token(house.store.add(foreign), Action::Approve);
    assert_eq!(with(&house, Method::POST, &token).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.log.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_never_said_to_be_made_when_the_log_is_away() {
    let house = House::new();
    let token = house.token(house.store.add(held()), Action::Approve);
    for behaviour in [Behaviour::Fail, Behaviour::Hang] {
        house.log.set(behaviour);
        let answer = with(&house, Method::POST, &token).await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
        assert!(answer.body.contains("again") && !answer.body.contains("approved by"), "{}", answer.body);
    }
}
