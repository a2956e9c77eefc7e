//! A blog that speaks Akismet, by unmodified clients, against the real binary.

use std::{
    path::Path,
    process::{Command, Output},
};

use rejoinder_pipeline::sqlite::SqliteView;
use rejoinder_pipeline::{Range, Records};
use rejoinder_proto::{
    Event, Topic,
    v1::{Action, CommentModerated},
};

use crate::harness::{CONFIG, Home, services::skipped};

const KEY: &str = "0123456789abcdef";

/// The folder with the clients; `None` where Node.js cannot be had.
fn clients(test: &str) -> Option<String> {
    let has =
        |command: &str| Command::new(command).arg("--version").output().is_ok_and(|output| output.status.success());
    if !has("node") || !has("npm") {
        skipped(test, "node and npm are not installed");
        return None;
    }
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/akismet/install");
    let output = Command::new(install).output().expect("the script runs");
    if !output.status.success() {
        skipped(test, &format!("the clients cannot be installed: {}", String::from_utf8_lossy(&output.stderr)));
        return None;
    }
    Some(String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned())
}

fn moderated(home: &Home) -> Vec<CommentModerated> {
    let log = SqliteView::open(&home.data().join("log.sqlite")).expect("a log");
    let mut reader = log.read(Topic::Moderated, &Range::default()).expect("a reader");
    let mut events = Vec::new();
    while let Some(records) = reader.next().expect("records") {
        events.extend(records.into_iter().map(|delivered| {
            let record = delivered.record;
            CommentModerated::decode(record.topic, &record.headers, record.payload.as_deref()).expect("a decision")
        }));
    }
    events
}

#[tokio::test]
async fn unmodified_clients_get_what_they_expect() {
    let Some(folder) = clients("unmodified_clients_get_what_they_expect") else { return };
    let home = Home::new(&format!(
        "{CONFIG}\nakismet_keys = [{KEY:?}]\npolicy.screening.reject_words = [\"kazoo.example\"]\n"
    ));
    let dev = home.gateway(&["dev"]);
    let node = |key: &str| -> Output {
        let script = Path::new(&folder).join("clients.mjs");
        Command::new("node").arg(script).args([&dev.address, key]).output().expect("node runs")
    };
    let output = node(KEY);
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.ends_with("20 hold\n"), "{said}");
    assert!(!node("wrongwrongwrong").status.success(), "a test that passes with a wrong key proves nothing");

    // Both clients have reported the same two comments, and nothing else has happened.
    let reports = moderated(&home);
    let actions: Vec<_> = reports.iter().map(CommentModerated::action).collect();
    assert_eq!(actions, [Action::Spam, Action::Approve, Action::Spam, Action::Approve]);
    assert_eq!((&reports[0].id, &reports[1].id), (&reports[2].id, &reports[3].id));
    assert_ne!(reports[0].id, reports[1].id);
    for report in &reports {
        let comment = report.comment.as_ref().expect("the comment");
        assert_eq!((comment.site.as_str(), report.moderator.as_str()), ("news", "akismet:news"));
        assert!(!comment.text.is_empty() && comment.id == report.id);
    }
    assert_eq!(dev.get("/v1/sites/news/recent?limit=50").await["comments"].as_array().map(Vec::len), Some(0));
    assert!(home.mails().is_empty());
}

#[tokio::test]
async fn without_a_key_nobody_is_answered() {
    let home = Home::new(CONFIG);
    let dev = home.gateway(&["dev"]);
    let answer = crate::harness::client().post(dev.url("/1.1/verify-key")).send().await.expect("an answer");
    assert_eq!(answer.status(), reqwest::StatusCode::NOT_FOUND);
}
