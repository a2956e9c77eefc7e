use std::{fs, time::Duration};

use axum::http::StatusCode;
use rejoinder_comment_store::State;
use rejoinder_proto::v1::FieldError;
use rstest::rstest;

use crate::{
    fakes::{comment, id},
    house::House,
};

const THREAD: &str = "why-swifts-hardly-ever-land";

fn on_the_article(house: &House, n: u128, parent: Option<u128>, state: State) {
    let mut stored = comment(n);
    stored.public.thread = THREAD.into();
    stored.public.parent = parent.map(id);
    stored.public.depth = parent.is_some().into();
    stored.public.author_name = format!("Reader {n}");
    stored.state = state;
    house.store.add(stored);
}

#[tokio::test]
async fn the_article_has_its_comments_the_recent_ones_and_a_form() {
    let house = House::new();
    on_the_article(&house, 1, None, State::Approved);
    on_the_article(&house, 2, Some(1), State::Approved);
    on_the_article(&house, 3, None, State::Pending);
    let page = house.get("/").await.body;
    for text in [
        "2 comments on",
        "Recent Comments",
        "Leave a Reply",
        "Your email address will not be published. Required fields are marked",
        "Post Comment",
        "name=\"shown_at\"",
        "name=\"redirect_to\" value=\"/#respond\"",
        "in reply to <bdi>Reader 1</bdi>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains(&format!("https://news.example/a#comment-{}", id(2))), "{page}");
    assert!(!page.contains("Reader 3"), "a held comment is not shown");
    assert!(!page.contains("<script>") && !page.contains(" onclick"), "scripts are files of their own");
}

#[tokio::test]
async fn a_reply_link_works_without_a_script() {
    let house = House::new();
    on_the_article(&house, 1, None, State::Approved);
    let page = house.get(&format!("/?replytocom={}", id(1))).await.body;
    assert!(page.contains("Leave a Reply to <bdi>Reader 1</bdi>") && page.contains("Cancel reply"), "{page}");
    assert!(page.contains(&format!("name=\"parent\" value=\"{}\"", id(1))), "{page}");
    let page = house.get(&format!("/?replytocom={}", id(9))).await.body;
    assert!(page.contains("name=\"parent\" value=\"\""), "an unknown comment cannot be answered");
}

#[tokio::test]
async fn names_titles_and_texts_are_escaped() {
    let house = House::new();
    let mut stored = comment(1);
    stored.public.thread = THREAD.into();
    stored.public.author_name = "<script>alert(1)</script>".into();
    stored.public.thread_title = "\"><script>alert(2)</script>".into();
    stored.public.author_url = "javascript:alert(3)".into();
    stored.public.thread_url = "JAVASCRIPT://x/%0aalert(4)".into();
    house.store.add(stored);
    let page = house.get(&format!("/?replytocom={}", id(1))).await.body;
    assert!(page.contains("alert(1)") && page.contains("alert(2)"), "{page}");
    assert!(!page.contains("<script>alert") && !page.contains("alert(3)") && !page.contains("alert(4)"), "{page}");
}

#[rstest]
#[case(State::Approved, "Your comment is published")]
#[case(State::Pending, "Your comment is awaiting moderation.")]
#[case(State::Spam, "Your comment is awaiting moderation.")]
#[tokio::test]
async fn after_sending_the_page_says_what_became_of_it(#[case] state: State, #[case] words: &str) {
    let house = House::new();
    on_the_article(&house, 1, None, state);
    let page = house.get(&format!("/?submitted={}", id(1))).await.body;
    assert!(page.contains(words), "{page}");
    assert_eq!(page.contains("comment 1"), state == State::Approved);
}

#[tokio::test]
async fn a_rejection_shows_its_reasons() {
    let house = House::new();
    let error =
        FieldError { field: "body".into(), code: "duplicate".into(), message: "You have said <that> already.".into() };
    house.store.rejected.lock().expect("no panic").insert(id(1), vec![error]);
    let page = house.get(&format!("/?submitted={}", id(1))).await.body;
    assert!(page.contains("not accepted") && page.contains("already.") && !page.contains("<that>"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn the_page_waits_a_moment_for_the_pipeline_and_no_longer() {
    let house = House::new();
    let started = tokio::time::Instant::now();
    let page = house.get(&format!("/?submitted={}", id(5))).await.body;
    assert!(
        page.contains("is being checked") && page.contains(&format!("data-status=\"/v1/comments/{}\"", id(5))),
        "{page}"
    );
    assert!(started.elapsed() >= Duration::from_secs(1) && started.elapsed() < Duration::from_secs(2));

    let late = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        on_the_article(&house, 5, None, State::Approved);
    };
    let path = format!("/?submitted={}", id(5));
    let (answer, ()) = tokio::join!(house.get(&path), late);
    assert!(answer.body.contains("Your comment is published"), "{}", answer.body);
}

const MAIL: &str = "From: \"Rejoinder\" <comments@news.example>\r\nTo: editor@news.example\r\nSubject: =?utf-8?q?Moderate_=3Cb=3E?=\r\n\
    Date: Tue, 24 Nov 2026 21:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n<i>Hello Approve: http://127.0.0.1/moderate/1.a.b.c\r\n\
    --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><head></head><p>Hello <a href=\"http://127.0.0.1/moderate/1.a.b.c\">x</a>\r\n--b--\r\n";

#[tokio::test]
async fn the_mailbox_shows_its_mails() {
    let house = House::new();
    assert!(house.get("/mailbox").await.body.contains("There is no mail yet"));
    fs::write(house.mailbox.path().join("1.eml"), MAIL).expect("a file");
    fs::write(house.mailbox.path().join("notes.txt"), "no mail").expect("a file");
    let list = house.get("/mailbox").await.body;
    assert!(
        list.contains("href=\"/mailbox/1.eml\"") && !list.contains("Moderate <b>") && !list.contains("notes"),
        "{list}"
    );
    let mail = house.get("/mailbox/1.eml").await.body;
    for text in [
        "comments@news.example",
        "24 November 2026",
        "src=\"/mailbox/1.eml/html\"",
        "href=\"http://127.0.0.1/moderate/1.a.b.c\"",
    ] {
        assert!(mail.contains(text), "{text}: {mail}");
    }
    assert!(!mail.contains("<i>Hello"), "{mail}");
    let html = house.get("/mailbox/1.eml/html").await;
    assert!(html.body.starts_with("<html><head><base target=\"_top\"></head><p>Hello"), "{}", html.body);
    assert!(html.header("content-security-policy").contains("sandbox allow-popups"));
    assert!(!html.header("content-security-policy").contains("allow-scripts"));
}

#[rstest]
#[case("/mailbox/2.eml")]
#[case("/mailbox/..%2F1.eml")]
#[case("/mailbox/%2Fetc%2Fpasswd")]
#[case("/mailbox/notes.txt")]
#[case("/mailbox/.eml/html")]
#[tokio::test]
async fn the_mailbox_gives_nothing_else(#[case] path: &str) {
    let house = House::new();
    fs::write(house.mailbox.path().join("notes.txt"), "no mail").expect("a file");
    assert_eq!(house.get(path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn assets_are_served_and_nothing_else() {
    let house = House::new();
    for (file, media_type) in
        [("style.css", "text/css"), ("comments.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
    {
        let answer = house.get(&format!("/assets/{file}")).await;
        assert!(answer.header("content-type").starts_with(media_type) && !answer.body.is_empty());
    }
    house.get("/assets/Cargo.toml").await.problem(404);
}
