use rejoinder_proto::v1;
use uuid::Uuid;

use super::{
    Fixture,
    samples::{Sample, changes, rejected, save, time},
};
use crate::{Answered, Change, Facts, State, Tally};

pub(super) async fn facts(Fixture { store, .. }: Fixture) {
    let parent = Sample::at(1000).verdict(v1::Verdict::Hold);
    let refused = rejected(Uuid::now_v7());
    save(&*store, &[parent.change(), Change::Rejected(refused.clone())]).await;
    let lonely = |at: i64| Sample::at(at).by("Bob", "bob@reader.example", "192.0.2.99");

    let reply = lonely(2000).to(parent.id);
    let foreign = lonely(2000).to(parent.id).with(|comment| comment.site = "other".into());
    let copy = lonely(3000).with(|comment| comment.fingerprint = parent.comment().fingerprint.clone());
    let mut known_refused = lonely(2000);
    known_refused.id = refused.id.parse().expect("an id");
    let orphan = lonely(2000).to(known_refused.id);
    // Nothing is known of it, also when somebody waits for it.
    let awaited = lonely(4000).to(Uuid::now_v7()).by("Cyd", "cyd@reader.example", "192.0.2.98");
    save(&*store, &[awaited.change()]).await;
    let unheard_of = lonely(2000).with(|comment| comment.parent_id.clone_from(&awaited.comment().parent_id));
    let questions = [
        parent.question(),
        reply.question(),
        foreign.question(),
        copy.question(),
        known_refused.question(),
        lonely(1).question(),
        orphan.question(),
        unheard_of.question(),
    ];
    let facts = store.facts(&questions).await.expect("facts");
    let wanted = [
        // Of itself it is no duplicate, and no earlier comment.
        Facts { known: parent.comment().origin, ..Facts::default() },
        Facts { parent: Some(Answered::Stored { thread: "a".into(), state: State::Pending }), ..Facts::default() },
        // On another site it is nobody's parent.
        Facts { parent: Some(Answered::Never), ..Facts::default() },
        Facts { duplicate_of: Some(parent.id), ..Facts::default() },
        Facts { known: refused.origin, ..Facts::default() },
        Facts::default(),
        // Nor is what was rejected.
        Facts { parent: Some(Answered::Never), ..Facts::default() },
        Facts::default(),
    ];
    assert_eq!(facts, wanted);
    save(&*store, &[parent.decided(v1::Action::Trash, "ed", 9000)]).await;
    let facts = store.facts(&[copy.question(), reply.question()]).await.expect("facts");
    assert_eq!(facts[0].duplicate_of, None, "the trash does not count");
    assert_eq!(facts[1].parent, Some(Answered::Stored { thread: "a".into(), state: State::Trash }));
}

pub(super) async fn last_comment(Fixture { store, .. }: Fixture) {
    let stored = [
        Sample::at(10_000).by("Ada", "ada@reader.example", "192.0.2.1"),
        Sample::at(20_000).by("Ada", "ada@reader.example", "192.0.2.2").verdict(v1::Verdict::Spam),
        Sample::at(30_000).by("Bob", "BOB@reader.example", "192.0.2.1"),
        Sample::at(40_000).by("", "", ""),
        Sample::at(45_000).by("Ada", "ada@reader.example", "192.0.2.1").with(|comment| comment.site = "other".into()),
    ];
    save(&*store, &changes(&stored)).await;
    let asked = [
        // (address, IP, asked for the time of, last comment)
        ("ada@reader.example", "192.0.2.9", 25_000, Some(20_000)),
        ("ada@reader.example", "192.0.2.9", 20_000, Some(20_000)),
        ("ada@reader.example", "192.0.2.9", 19_999, Some(10_000)),
        ("ada@reader.example", "192.0.2.1", 50_000, Some(30_000)),
        ("nobody@reader.example", "192.0.2.2", 50_000, Some(20_000)),
        ("bob@reader.example", "", 50_000, Some(30_000)),
        ("ada@reader.example", "", 9_999, None),
        ("", "", 50_000, None),
        ("nobody@reader.example", "192.0.2.77", 50_000, None),
    ];
    let questions: Vec<_> =
        asked.iter().map(|(email, ip, at, _)| Sample::at(*at).by("x", email, ip).question()).collect();
    let facts = store.facts(&questions).await.expect("facts");
    for (facts, (email, ip, at, last)) in facts.iter().zip(asked) {
        assert_eq!(facts.last_comment_at, last.map(time), "{email} {ip} at {at}");
    }
    let own = store.facts(&[stored[2].question()]).await.expect("facts");
    assert_eq!(own[0].last_comment_at, Some(time(10_000)), "other ids only");
}

pub(super) async fn previously_approved(Fixture { store, .. }: Fixture) {
    let ada = Sample::at(1000).by("Ada", "Ada@Reader.example", "192.0.2.1");
    let held = Sample::at(2000).by("Eve", "eve@reader.example", "192.0.2.2").verdict(v1::Verdict::Hold);
    save(&*store, &changes([&ada, &held])).await;
    let ask = |pairs: &[(&str, &str, &str)]| {
        pairs
            .iter()
            .map(|(site, name, email)| (site.to_string(), name.to_string(), email.to_string()))
            .collect::<Vec<_>>()
    };
    let authors = ask(&[
        ("news", "Ada", "ada@reader.example"),
        ("news", "Ada", "ADA@reader.example"),
        ("news", "ada", "ada@reader.example"),
        ("news", "Bob", "ada@reader.example"),
        ("news", "Ada", "eve@reader.example"),
        ("other", "Ada", "ada@reader.example"),
        ("news", "Eve", "eve@reader.example"),
    ]);
    let approved = store.previously_approved(&authors).await.expect("authors");
    assert_eq!(approved, [true, true, false, false, false, false, false]);
    save(&*store, &[held.decided(v1::Action::Approve, "ed", 3000), ada.decided(v1::Action::Spam, "ed", 3000)]).await;
    let approved = store.previously_approved(&authors).await.expect("authors");
    assert_eq!(approved, [false, false, false, false, false, false, true]);
}

pub(super) async fn approved_before(Fixture { store, .. }: Fixture) {
    let ada = Sample::at(1000).by("Ada", "Ada@Reader.example", "192.0.2.1");
    let held = Sample::at(2000).by("Eve", "eve@reader.example", "192.0.2.2").verdict(v1::Verdict::Hold);
    save(&*store, &changes([&ada, &held])).await;
    let authors = [
        ("news", "Ada", "ADA@reader.example", 1001),
        ("news", "Ada", "ada@reader.example", 1000),
        ("news", "ada", "ada@reader.example", 1001),
        ("other", "Ada", "ada@reader.example", 1001),
        ("news", "Eve", "eve@reader.example", 9000),
    ];
    let authors = authors.map(|(site, name, email, at)| (site.to_owned(), name.to_owned(), email.to_owned(), time(at)));
    let approved = store.approved_before(&authors).await.expect("authors");
    assert_eq!(approved, [true, false, false, false, false], "a comment does not speak for itself");
    save(&*store, &[held.decided(v1::Action::Approve, "ed", 3000), ada.decided(v1::Action::Spam, "ed", 3000)]).await;
    let approved = store.approved_before(&authors).await.expect("authors");
    assert_eq!(approved, [false, false, false, false, true]);
    assert!(store.approved_before(&[]).await.expect("authors").is_empty());
}

pub(super) async fn tally(Fixture { store, .. }: Fixture) {
    let [visible, held, spam, gone] = [1000, 2000, 3000, 4000].map(Sample::at);
    let held = held.verdict(v1::Verdict::Hold);
    let spam = spam.verdict(v1::Verdict::Spam);
    let refused = rejected(Uuid::now_v7());
    let copy = visible.copy();
    save(&*store, &changes([&visible, &held, &spam, &gone, &copy])).await;
    save(&*store, &[Change::Rejected(refused.clone()), gone.decided(v1::Action::Trash, "ed", 9000)]).await;
    let refused = refused.id.parse().expect("an id");
    let all = [visible.id, held.id, spam.id, gone.id, copy.id, refused, Uuid::now_v7()];
    let tally = Tally { approved: 1, pending: 1, spam: 1, trash: 1, rejected: 2 };
    assert_eq!(store.tally(&all).await.expect("a tally"), tally);
    assert_eq!(store.tally(&[held.id]).await.expect("a tally"), Tally { pending: 1, ..Tally::default() });
}
