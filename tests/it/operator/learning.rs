//! `rejoinder spam decisions`, `forget` and `reset`: what the filter learns from moderators.

use serde_json::Value;

use super::site::{Kind, Site};
use crate::harness::{comment, until};

fn decisions(site: &Site) -> Vec<Value> {
    let lines = site.home().succeed(&["spam", "decisions", "--site", "news", "--json"]);
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn kinds(site: &Site) -> Vec<(String, bool)> {
    let kind = |row: &Value| (row["kind"].as_str().expect("a kind").to_owned(), row["learned"] == true);
    decisions(site).iter().map(kind).collect()
}

#[tokio::test]
async fn what_a_moderator_decides_is_learned_and_can_be_taken_back() {
    let Some(mut site) = Site::open(Kind::Embedded, "learning").await else { return };
    let held = site.start().post(&comment("Ada", "A first thought.")).await;
    assert!(decisions(&site).is_empty());
    site.decide("A first thought.", "approve", &held, "published").await;
    let row = decisions(&site).pop().expect("a decision");
    let wanted = (&held.clone().into(), &"ham".into(), &"editor".into());
    assert_eq!((&row["comment"], &row["kind"], &row["moderator"]), wanted);
    assert_eq!(row["learned"], true, "{row}");

    site.stop();
    let refused = |which: &[&str]| {
        let output = site.home().output(&[&["spam", "forget", "--reason", "a slip"], which].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (which, code, why) in [
        (&["--site", "nowhere", "--comment", &held][..], 1, "no site \"nowhere\""),
        (&["--site", "news", "--moderator", "nobody"], 1, "learns no such decision"),
        (&["--site", "news"], 2, "--comment"),
        (&["--site", "news", "--comment", &held, "--moderator", "editor"], 2, "cannot be used with"),
    ] {
        let (status, said) = refused(which);
        assert!(status == Some(code) && said.contains(why), "{which:?}: {status:?} {said}");
    }
    let forget = ["spam", "forget", "--site", "news", "--moderator", "editor", "--reason", "a slip"];
    assert_eq!(site.home().succeed(&forget), "1 decisions are taken back\n");
    site.home().succeed(&["spam", "reset", "--site", "news", "--reason", "a new beginning"]);
    site.start();
    until("the store has read what was taken back", async || decisions(&site).len() == 3).await;
    let wanted = [("ham".to_owned(), false), ("withdrawn".to_owned(), false), ("reset".to_owned(), false)];
    let mut found = kinds(&site);
    // They may stand on two partitions.
    found.sort_by_key(|(kind, _)| wanted.iter().position(|(wanted, _)| wanted == kind));
    assert_eq!(found, wanted);
    assert_eq!(site.start().state(&held).await, "published", "its state stays");
    site.until_at_rest().await;
    assert!(site.audit(&[]).0, "the audit holds");

    let beside = site.home().data().join("beside.sqlite").display().to_string();
    let before = site.home().succeed(&["checksum"]);
    assert!(before.contains("learnable 3"), "{before}");
    assert_eq!(site.home().succeed(&["replay", "--database", &beside]), before, "the same from nothing but the log");
}
