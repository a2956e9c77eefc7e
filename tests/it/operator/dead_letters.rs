//! `rejoinder dead-letters`: look at them, replay them once, discard them.

use rejoinder_pipeline::Record;
use rejoinder_proto::{Topic, headers::Headers};
use uuid::Uuid;

use super::site::{Kind, Site, letter_of};
use crate::{
    bad_input::{raw, submitted},
    harness::until,
};

/// The lines of a list, by column.
fn list(site: &Site, arguments: &[&str]) -> Vec<Vec<String>> {
    let text = site.home().succeed(&[&["dead-letters", "list"], arguments].concat());
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The letters of a stage: how often each had been replayed before.
fn attempts(site: &Site, stage: &str) -> Vec<i32> {
    let mut letters: Vec<_> = site.read(Topic::DeadLetter).iter().map(letter_of).filter(|l| l.stage == stage).collect();
    letters.sort_by_key(|letter| letter.attempt);
    letters.iter().map(|letter| letter.attempt).collect()
}

/// A record on comments.screened that neither of the topic's two readers can use.
fn unreadable() -> Record {
    let headers = Headers::new().with("ce_id", Uuid::now_v7().to_string()).with("odd", "\u{1b}[2J");
    Record { topic: Topic::Screened, ..raw(headers, Some(b"\xff\xff\xff".to_vec())) }
}

async fn once_and_by_the_stage_that_failed(kind: Kind, test: &str) {
    let Some(mut site) = Site::open(kind, test).await else { return };
    site.append(vec![unreadable()]).await;
    site.start();
    until("both readers give it up", async || site.read(Topic::DeadLetter).len() == 2).await;

    // Looking is allowed while the site runs.
    let lines = list(&site, &["--stage", "comment-store", "--topic", "comments.screened", "--reason", "undecodable"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((lines[0][1].as_str(), lines[0][8].as_str()), ("open", "0"));
    let letter = lines[0][0].clone();
    assert!(list(&site, &["--stage", "comment-store", "--to", "2020-01-01"]).is_empty());
    assert_eq!(list(&site, &["--from", "2020-01-01"]).len(), 2);
    let shown = site.home().succeed(&["dead-letters", "show", &letter]);
    for words in ["comment-store", "undecodable", "odd: \\u{1b}[2J", "0xffffff", "comments.screened"] {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
    if kind == Kind::Embedded {
        let refused = site.home().output(&["dead-letters", "replay", &letter]);
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && errors.contains("in use by another rejoinder process"), "{errors}");
    }

    site.stop();
    let done = site.home().succeed(&["dead-letters", "replay", &letter]);
    assert!(done.contains("1 dead letters replayed"), "{done}");
    let again = site.home().output(&["dead-letters", "replay", "--stage", "comment-store", "--reason", "undecodable"]);
    let (said, errors) = (String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&again.stderr));
    if !again.status.success() {
        assert!(
            said.contains(&format!("{letter} was replayed")) && errors.contains("nothing is left"),
            "{said}{errors}"
        );
    } else {
        // It had died again by then, and that one was replayed.
        assert!(kind == Kind::Distributed && said.contains("1 dead letters replayed, 1 were"), "{said}");
    }
    site.start();
    let replays = if again.status.success() { 2 } else { 1 };
    until("it dies again", async || attempts(&site, "comment-store").len() == 1 + replays).await;
    assert_eq!(attempts(&site, "comment-store"), (0..=replays as i32).collect::<Vec<_>>());
    let records: Vec<_> = site.read(Topic::Screened);
    assert_eq!(records.len(), 1 + replays);
    assert_eq!(records.last().and_then(|each| each.record.headers.text("rejoinder-stage")), Some("comment-store"));

    // A comment after it shows that the notifier has passed over the replayed record.
    let event = submitted("still here");
    site.stop();
    site.append(vec![Record::of(&event, "/test", "00-x")]).await;
    site.start();
    until("the comment's mail is there", async || !site.home().mails().is_empty()).await;
    assert_eq!(attempts(&site, "notifier"), [0], "the other reader of the topic was left alone");
    assert_eq!(list(&site, &["--all", "--stage", "comment-store"]).len(), 1 + replays);
    let open = list(&site, &["--stage", "comment-store"]);
    assert_eq!((open.len(), open[0][8].as_str()), (1, replays.to_string().as_str()), "{open:?}");
}

async fn discarded(kind: Kind, test: &str) {
    let Some(mut site) = Site::open(kind, test).await else { return };
    let poison = || raw(Headers::new().with("ce_id", Uuid::now_v7().to_string()), None);
    site.append(vec![poison(), poison(), poison()]).await;
    site.start();
    until("all are dead", async || site.read(Topic::DeadLetter).len() == 3).await;
    site.stop();
    let letters: Vec<String> = list(&site, &[]).into_iter().map(|line| line[0].clone()).collect();
    let refused = site.home().output(&["dead-letters", "discard", "--reason", "all of them"]);
    assert!(!refused.status.success(), "discarding everything must be asked for");
    let done = site.home().succeed(&["dead-letters", "discard", &letters[1], "--reason", "a test of the publisher's"]);
    assert!(done.contains("1 dead letters discarded"), "{done}");
    assert_eq!(list(&site, &[]).len(), 2);
    let shown = site.home().succeed(&["dead-letters", "show", &letters[1]]);
    assert!(shown.contains("discarded") && shown.contains("a test of the publisher's"), "{shown}");
    let refused = site.home().output(&["dead-letters", "replay", &letters[1]]);
    assert!(String::from_utf8_lossy(&refused.stdout).contains("was discarded"), "a discarded letter stays dead");
    assert_eq!(refused.status.code(), Some(1));
    let none = site.home().output(&["dead-letters", "discard", "0:999", "--reason", "x"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no dead letter at 0:999"));

    // Two operators at the same moment, again and again: each letter goes once.
    let replays: Vec<_> = (0..4)
        .map(|_| site.home().command(&["dead-letters", "replay"]).stdout(std::process::Stdio::piped()).spawn())
        .collect();
    for replay in replays {
        replay.expect("the binary starts").wait_with_output().expect("it ends");
    }
    let _ = site.home().output(&["dead-letters", "replay", "--from", "2020-01-01"]);
    let first: Vec<_> = site.read(Topic::Submitted).into_iter().filter(|each| attempt(each) == Some("1")).collect();
    assert_eq!(first.len(), 2, "each of the two that were open was replayed once");
}

fn attempt(delivered: &rejoinder_pipeline::Delivered) -> Option<&str> {
    delivered.record.headers.text("rejoinder-attempt")
}

#[tokio::test]
async fn an_embedded_letter_is_replayed_once() {
    once_and_by_the_stage_that_failed(Kind::Embedded, "an_embedded_letter_is_replayed_once").await;
}

#[tokio::test]
async fn a_letter_on_kafka_is_replayed_once() {
    once_and_by_the_stage_that_failed(Kind::Distributed, "a_letter_on_kafka_is_replayed_once").await;
}

#[tokio::test]
async fn an_embedded_letter_is_discarded() {
    discarded(Kind::Embedded, "an_embedded_letter_is_discarded").await;
}

#[tokio::test]
async fn a_letter_on_kafka_is_discarded() {
    discarded(Kind::Distributed, "a_letter_on_kafka_is_discarded").await;
}
