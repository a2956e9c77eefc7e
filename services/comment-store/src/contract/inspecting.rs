use rejoinder_proto::v1;
use uuid::Uuid;

use super::{
    Fixture,
    samples::{Sample, changes, rejected, save},
};
use crate::{
    Change, State,
    inspect::{Checksum, checksum},
    ledger::Effect,
    row::RowState,
};

/// Something of everything: comments in every state, a reply, a duplicate, a rejection, a decision that waits.
fn everything() -> (Vec<Sample>, Vec<Change>) {
    let [visible, held, spam, gone, awaited] = [1000, 2000, 3000, 4000, 5000].map(Sample::at);
    let held = held.verdict(v1::Verdict::Hold);
    let spam = spam.verdict(v1::Verdict::Spam);
    let reply = Sample::at(6000).to(visible.id).with(|comment| comment.client = None);
    let copy = visible.copy();
    let refused = rejected(Uuid::now_v7());
    let mut batch = changes([&visible, &held, &spam, &gone, &reply, &copy]);
    batch.push(Change::Rejected(refused));
    batch.push(held.decided(v1::Action::Approve, "ed", 9000));
    batch.push(gone.decided(v1::Action::Trash, "ed", 9500));
    batch.push(awaited.decided(v1::Action::Spam, "دبیر", 9900));
    (vec![visible, held, spam, gone, reply, copy], batch)
}

pub(super) async fn known(Fixture { store, .. }: Fixture) {
    let (samples, batch) = everything();
    save(&*store, &batch).await;
    let ids: Vec<Uuid> = samples.iter().map(|sample| sample.id).chain([Uuid::now_v7()]).collect();
    let found = store.known(&ids).await.expect("an answer");
    assert_eq!(found.len(), 6, "an id that is not known has no row");
    let state = |index: usize| found.iter().find(|known| known.id == ids[index]).expect("a row");
    for (index, wanted) in
        [State::Approved, State::Approved, State::Spam, State::Trash, State::Approved].into_iter().enumerate()
    {
        let origin = samples[index].comment().origin.expect("an origin");
        assert_eq!(state(index).state, RowState::Stored(wanted), "{index}");
        assert_eq!(state(index).origin, (origin.partition, origin.offset));
    }
    assert_eq!(state(5).state, RowState::Rejected);
    assert!(store.known(&[]).await.expect("an answer").is_empty());
}

pub(super) async fn pages(Fixture { store, .. }: Fixture) {
    assert!(store.rows(None, 10).await.expect("a page").is_empty());
    assert!(store.decisions(None, 10).await.expect("a page").is_empty());
    save(&*store, &everything().1).await;
    let whole = store.rows(None, 100).await.expect("a page");
    assert_eq!(whole.len(), 8);
    assert!(whole.is_sorted_by(|a, b| a.id < b.id));
    let (mut paged, mut after) = (Vec::new(), None);
    while let Some(row) = store.rows(after, 1).await.expect("a page").pop() {
        after = Some(row.id);
        paged.push(row);
    }
    assert_eq!(paged, whole);

    let decisions = store.decisions(None, 100).await.expect("a page");
    assert_eq!(decisions.len(), 3);
    assert_eq!(decisions.iter().filter(|(.., effect)| *effect == Effect::Quiet).count(), 1, "the one that waits");
    let (mut paged, mut after) = (Vec::new(), None);
    while let Some((id, key, effect)) = store.decisions(after.as_ref(), 1).await.expect("a page").pop() {
        after = Some((id, key.clone()));
        paged.push((id, key, effect));
    }
    assert_eq!(paged, decisions);
}

pub(super) async fn checksums(Fixture { store, second }: Fixture) {
    let sum = async || checksum(&*store).await.expect("a checksum");
    let empty = sum().await;
    assert_eq!((empty.rows, empty.decisions), (0, 0));
    let (samples, batch) = everything();
    save(&*store, &batch).await;
    let full = sum().await;
    assert_eq!((full.rows, full.decisions, full.logged), (8, 3, 2), "what waits for its comment is not in the log yet");
    assert_ne!(full.sha256, empty.sha256);
    save(&*second, &batch).await;
    assert_eq!(sum().await, full, "the batch again changes nothing");
    save(&*store, &[samples[0].decided(v1::Action::Approve, "ed", 9000)]).await;
    let decided = sum().await;
    assert_eq!(
        Checksum { sha256: String::new(), ..decided.clone() },
        Checksum { rows: 8, decisions: 4, logged: 3, sha256: String::new() }
    );
    save(&*store, &[samples[0].decided(v1::Action::Spam, "ed", 9001)]).await;
    assert!(![full.sha256, decided.sha256].contains(&sum().await.sha256));
}

/// The same comments have the same checksum on every database.
pub(super) async fn canonical(Fixture { store, .. }: Fixture) {
    let id = Uuid::from_u128(0x0190_163d_8694_739b_aea5_966c_26f8_ad91);
    let mut sample = Sample::at(1_700_000_000_123).with(|comment| {
        comment.id = id.to_string();
        comment.text = "hello سلام".into();
        comment.html = "<p>hello سلام</p>".into();
        comment.fingerprint = vec![7; 32];
        comment.parent_id = Uuid::from_u128(1).to_string();
        comment.origin = Some(v1::Origin { partition: 2, offset: 5_000_000_000 });
        comment.client.get_or_insert_default().form_seconds = Some(-0.0);
    });
    sample.id = id;
    sample.event.score = 0.1 + 0.2;
    sample.event.signals =
        vec![v1::Signal { name: "links".into(), weight: 1.5, reason: "two links".into(), at_least: 2 }];
    save(&*store, &[sample.change(), sample.decided(v1::Action::Approve, "دبیر", 9)]).await;
    let sum = checksum(&*store).await.expect("a checksum");
    assert_eq!(sum.sha256, "88ca9496826f331fb627e7586441cd6b914299a851ff7eb0c0a895572d24e223");
}
