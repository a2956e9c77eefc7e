//! `rejoinder audit` holds where everything is accounted for, and names what is not.

use rejoinder_pipeline::{Reason, Record, to_dead_letter};
use rejoinder_proto::Topic;
use uuid::Uuid;

use super::site::{Kind, Site, id_of};
use crate::bad_input::submitted;

fn hex(id: &str) -> String {
    Uuid::parse_str(id).expect("an id").simple().to_string()
}

async fn audits(kind: Kind, test: &str) {
    let Some(mut site) = Site::open(kind, test).await else { return };
    let day = site.day().await;

    // While everything runs.
    let (holds, findings, total) = site.audit(&[]);
    assert!(holds && findings.is_empty(), "{findings:?} {total}");
    assert_eq!(total["submitted"], day.submitted);
    assert_eq!(total["stored"], 6, "{total}");
    assert_eq!((&total["states"]["held"], &total["states"]["trash"]), (&2.into(), &2.into()), "{total}");
    assert_eq!((&total["rejected"], &total["repeats"]), (&2.into(), &1.into()), "{total}");
    assert_eq!(total["dead_lettered"], day.dead, "{total}");
    assert!(total["mails_about_stored"].as_u64() >= Some(4), "{total}");
    let table = site.home().succeed(&["audit"]);
    assert!(table.contains("the audit holds") && table.contains("LOST          0"), "{table}");

    let (holds, _, total) = site.audit(&["--from", "2020-01-01"]);
    assert!(holds && total["submitted"] == day.submitted, "{total}");
    let (holds, _, total) = site.audit(&["--to", "2020-01-01"]);
    assert!(!holds && total["submitted"] == 0, "an audit of nothing proves nothing");
    let partition = site.read(Topic::Submitted)[0].position.partition.to_string();
    let (holds, _, total) = site.audit(&["--partition", &partition, "--first", "1", "--end", "4"]);
    assert!(holds && total["submitted"] == 3, "{total}");

    // A row that somebody deleted by hand.
    site.sql("comments.sqlite", &format!("DELETE FROM comments WHERE id = {{uuid:{}}}", hex(&day.approved))).await;
    let (holds, findings, total) = site.audit(&[]);
    assert!(!holds && total["holds"] == false);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((&findings[0]["finding"], &findings[0]["id"]), (&"lost".into(), &day.approved.as_str().into()));
    assert_eq!(findings[0]["lost_at"], "comment-store");
    let output = site.home().output(&["audit"]);
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains(&format!("LOST       {}", day.approved)) && table.contains("THE AUDIT DOES NOT"), "{table}");

    // A rejection that is gone, and a row about which a mail went out.
    for id in [&day.copy, &day.held] {
        site.sql("comments.sqlite", &format!("DELETE FROM comments WHERE id = {{uuid:{}}}", hex(id))).await;
    }
    let (holds, findings, _) = site.audit(&[]);
    let named = |kind: &str, id: &str| findings.iter().any(|finding| finding["finding"] == kind && finding["id"] == id);
    assert!(!holds && named("lost", &day.held) && named("mail", &day.held), "{findings:?}");
    assert!(!named("lost", &day.copy), "it was never submitted: the test put it further on");
    assert_eq!(findings.len(), 3, "{findings:?}");

    // A mail about a comment that never was.
    let stranger = Uuid::now_v7().to_string();
    let moved = format!(
        "UPDATE notifier_outbox SET comment_id = {{uuid:{}}} WHERE comment_id = {{uuid:{}}}",
        hex(&stranger),
        hex(&day.held)
    );
    site.sql("outbox.sqlite", &moved).await;
    let (_, findings, _) = site.audit(&[]);
    assert!(findings.iter().any(|finding| finding["finding"] == "mail" && finding["id"] == stranger), "{findings:?}");
}

async fn finds_copies_and_what_is_under_way(kind: Kind, test: &str) {
    let Some(mut site) = Site::open(kind, test).await else { return };
    let event = submitted("hello");
    site.append(vec![Record::of(&event, "/test", "00-x")]).await;
    site.start().until_state(&event.id, "pending").await;
    site.until_at_rest().await;
    site.stop();

    // Somebody commits before delivery, or delivers twice.
    for topic in [Topic::Validated, Topic::Screened] {
        let record = site.read(topic).into_iter().find(|each| id_of(each) == event.id).expect("a record").record;
        site.append(vec![record]).await;
    }
    let (holds, findings, total) = site.audit(&[]);
    assert!(!holds);
    for topic in ["comments.validated", "comments.screened"] {
        let found = findings.iter().filter(|finding| finding["topic"] == topic && finding["id"] == event.id).count();
        // The spam filter may have passed the second copy on.
        assert!(found == 1 || (kind == Kind::Distributed && found == 2), "{findings:?}");
        assert_eq!(total["twice"][topic], found);
    }
    assert_eq!(total["twice"]["comments.rejected"], 0);
    assert_eq!(total["lost"], 0);

    if let Site::Distributed(house) = &mut site {
        house.workers[1].kill();
    }
    let waiting = submitted("wait for me");
    site.append(vec![Record::of(&waiting, "/test", "00-x")]).await;
    let waits_for = if kind == Kind::Embedded { "validator" } else { "spam-filter" };
    crate::harness::until("it waits", async || {
        let (_, findings, total) = site.audit(&[]);
        let found = findings.iter().find(|finding| finding["finding"] == "in flight");
        assert_eq!(total["lost"], 0, "{findings:?}");
        found.is_some_and(|found| found["id"] == waiting.id && found["waits_for"] == waits_for)
    })
    .await;
}

#[tokio::test]
async fn the_embedded_site_is_accounted_for() {
    audits(Kind::Embedded, "the_embedded_site_is_accounted_for").await;
}

#[tokio::test]
async fn the_distributed_site_is_accounted_for() {
    audits(Kind::Distributed, "the_distributed_site_is_accounted_for").await;
}

#[tokio::test]
async fn copies_are_found_in_the_embedded_log() {
    finds_copies_and_what_is_under_way(Kind::Embedded, "copies_are_found_in_the_embedded_log").await;
}

#[tokio::test]
async fn copies_are_found_on_kafka() {
    finds_copies_and_what_is_under_way(Kind::Distributed, "copies_are_found_on_kafka").await;
}

#[tokio::test]
async fn a_dead_letter_is_an_end_until_it_is_replayed() {
    let test = "a_dead_letter_is_an_end_until_it_is_replayed";
    let Some(mut site) = Site::open(Kind::Embedded, test).await else { return };
    let event = submitted("hello");
    let delete = format!("DELETE FROM comments WHERE id = {{uuid:{}}}", hex(&event.id));
    site.append(vec![Record::of(&event, "/test", "00-x")]).await;
    site.start().until_state(&event.id, "pending").await;
    site.until_at_rest().await;
    site.stop();

    // As if the store had given it up.
    site.sql("comments.sqlite", &delete).await;
    let screened = site.read(Topic::Screened).into_iter().find(|each| id_of(each) == event.id).expect("a record");
    site.append(vec![to_dead_letter("comment-store", &screened, &Reason::impossible("a test"), "00-x")]).await;
    let (_, _, total) = site.audit(&[]);
    assert_eq!((&total["dead_lettered"], &total["lost"]), (&1.into(), &0.into()), "{total}");

    site.home().succeed(&["dead-letters", "replay"]);
    let (_, findings, total) = site.audit(&[]);
    assert_eq!(total["in_flight"]["comment-store"], 1, "{findings:?} {total}");
    site.start().until_state(&event.id, "pending").await;
    site.until_at_rest().await;
    let (_, _, total) = site.audit(&[]);
    assert_eq!((&total["stored"], &total["twice"]["comments.screened"]), (&1.into(), &0.into()), "{total}");

    site.sql("comments.sqlite", &delete).await;
    let (_, findings, total) = site.audit(&[]);
    assert_eq!((&total["dead_lettered"], &total["lost"]), (&0.into(), &1.into()), "{findings:?} {total}");
}
