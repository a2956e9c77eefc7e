//! Reports of spam and ham: what reaches the log, and that thanks are only given for what is there.

use axum::http::StatusCode;
use rejoinder_gateway::Settings;
use rejoinder_proto::{
    Event, headers,
    v1::{Action, CommentModerated},
};
use uuid::Uuid;

use crate::{fakes::Behaviour, house::House};

const THANKS: &str = "Thanks for making the web a better place.";
const COMMENT: &str = "permalink=https://blog.example/post&comment_author=Mira&comment_content=hello";

#[tokio::test]
async fn a_report_is_a_decision_with_the_comment_in_it() {
    let house = House::new();
    for (call, action) in [("submit-spam", Action::Spam), ("submit-ham", Action::Approve)] {
        let answer = house.akismet(call, &format!("{COMMENT}&reporter=editor")).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, THANKS));
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        let event: CommentModerated = house.log.last();
        assert_eq!((event.action(), event.moderator.as_str()), (action, "editor"));
        assert_eq!((event.site.as_str(), event.thread_id.as_str()), ("news", "https://blog.example/post"));
        assert_eq!(Event::key(&event), "news/https://blog.example/post");
        let comment = event.comment.clone().expect("the comment");
        assert_eq!((comment.id.as_str(), comment.text.as_str()), (event.id.as_str(), "hello"));
        assert_eq!(Uuid::try_parse(&event.id).expect("a UUID").get_version_num(), 7);
        assert_eq!(house.log.header(headers::name::CE_ID), event.id);
    }
    assert_eq!(house.log.len(), 2);
}

#[tokio::test]
async fn the_same_report_twice_has_one_id_which_is_the_checks() {
    let house = House::new();
    let guid = house.akismet("comment-check", COMMENT).await.header("x-akismet-guid").to_owned();
    for fields in [COMMENT.to_owned(), COMMENT.to_owned(), format!("comment_content=edited&guid={guid}")] {
        house.akismet("submit-spam", &fields).await;
        assert_eq!(house.log.last::<CommentModerated>().id, guid);
    }
    house.akismet("submit-spam", "comment_content=another").await;
    assert_ne!(house.log.last::<CommentModerated>().id, guid);
}

#[tokio::test]
async fn who_reports_is_the_site_where_no_name_is_given() {
    let house = House::new();
    for (reporter, expected) in [("", "akismet:news"), ("%0A+", "akismet:news"), ("a%0Ab", "ab")] {
        house.akismet("submit-ham", &format!("{COMMENT}&reporter={reporter}")).await;
        assert_eq!(house.log.last::<CommentModerated>().moderator, expected);
    }
    house.akismet("submit-ham", &format!("{COMMENT}&reporter={}", "%C3%A9".repeat(200))).await;
    assert_eq!(house.log.last::<CommentModerated>().moderator, "é".repeat(50));
}

#[tokio::test]
async fn a_test_is_thanked_for_and_forgotten() {
    let house = House::new();
    assert_eq!(house.akismet("submit-spam", &format!("{COMMENT}&is_test=1")).await.body, THANKS);
    assert_eq!(house.log.len(), 0);
}

#[tokio::test]
async fn no_thanks_for_what_the_log_did_not_take() {
    for behaviour in [Behaviour::Fail, Behaviour::Hang] {
        let house = House::with(Settings { publish_timeout_ms: 20, ..Settings::default() });
        house.log.set(behaviour);
        let answer = house.akismet("submit-spam", COMMENT).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "5");
        assert!(!answer.body.contains("Thanks"));
    }
}
