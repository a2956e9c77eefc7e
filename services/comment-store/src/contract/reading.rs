use std::collections::HashMap;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use rejoinder_proto::v1;
use uuid::Uuid;

use super::{
    Fixture,
    samples::{Sample, changes, rejected, save, time},
};
use crate::{Change, Cursor, Fate, PublicComment, State, Store};

/// The whole thread, page by page.
pub(super) async fn pages(store: &dyn Store, thread: &str, limit: u32) -> Vec<PublicComment> {
    let mut comments = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = store.thread("news", thread, cursor.as_ref(), limit).await.expect("a page");
        assert!(page.comments.len() <= limit as usize);
        comments.extend(page.comments);
        assert!(comments.len() < 10_000, "the pages come to no end");
        match page.next {
            // As a reader brings it back.
            Some(next) => cursor = Some(Cursor::decode(&next.encode()).expect("our own cursor")),
            None => return comments,
        }
    }
}

fn ids(comments: &[PublicComment]) -> Vec<Uuid> {
    comments.iter().map(|comment| comment.id).collect()
}

/// Depth first, oldest first: what a person would draw. Levels below the tenth are not drawn deeper.
pub(super) fn drawn(samples: &[Sample]) -> Vec<(Uuid, u16)> {
    let mut replies: HashMap<Option<Uuid>, Vec<&Sample>> = HashMap::new();
    for sample in samples {
        replies.entry(sample.comment().parent_id.parse().ok()).or_default().push(sample);
    }
    replies.values_mut().for_each(|replies| replies.sort_by_key(|sample| sample.millis()));
    let mut drawn = Vec::new();
    let mut open: Vec<(&Sample, u16)> = replies[&None].iter().rev().map(|sample| (*sample, 0)).collect();
    while let Some((sample, depth)) = open.pop() {
        drawn.push((sample.id, depth));
        let below = replies.get(&Some(sample.id)).into_iter().flatten();
        open.extend(below.rev().map(|reply| (*reply, depth + 1)));
    }
    drawn
}

pub(super) async fn tree(Fixture { store, .. }: Fixture) {
    let mut runner = TestRunner::deterministic();
    let shapes = prop::collection::vec((prop::option::weighted(0.7, any::<prop::sample::Index>()), 1..500i64), 40);
    for round in 0..5 {
        let thread = format!("tree-{round}");
        let mut samples: Vec<Sample> = Vec::new();
        let mut now = 1_700_000_000_000;
        for (parent, pause) in shapes.new_tree(&mut runner).expect("a shape").current() {
            now += pause;
            let sample = Sample::at(now).on(&thread);
            // At most ten deep: below that see `deep`.
            let parent = parent.filter(|_| !samples.is_empty()).map(|parent| parent.get(&samples).id);
            samples.push(parent.map_or(sample.clone(), |parent| sample.to(parent)));
        }
        // Parents and replies in one batch, and in several.
        for batch in samples.chunks([40, 7, 1, 13, 20][round]) {
            save(&*store, &changes(batch)).await;
        }
        let whole = pages(&*store, &thread, 1000).await;
        let expected = drawn(&samples);
        assert!(expected.iter().all(|(_, depth)| *depth < 10), "the shape is not too deep for the test");
        assert_eq!(whole.iter().map(|comment| (comment.id, comment.depth)).collect::<Vec<_>>(), expected);
        for limit in 1..=41 {
            assert_eq!(pages(&*store, &thread, limit).await, whole, "pages of {limit}");
        }
        let gone = samples[3].decided(v1::Action::Trash, "ed", now + 1);
        save(&*store, &[gone]).await;
        let left: Vec<_> = ids(&whole).into_iter().filter(|id| *id != samples[3].id).collect();
        assert_eq!(ids(&pages(&*store, &thread, 3).await), left, "the replies of what is gone stay where they were");
    }
}

pub(super) async fn same_instant(Fixture { store, .. }: Fixture) {
    let mut samples: Vec<Sample> = (0..300).map(|_| Sample::at(1_700_000_000_000)).collect();
    for at in (1..samples.len()).step_by(3) {
        samples[at] = samples[at].clone().to(samples[(at - 1) / 10 * 10].id);
    }
    let expected: Vec<Uuid> = drawn(&samples).into_iter().map(|(id, _)| id).collect();
    for batch in changes(&samples).chunks(37) {
        save(&*store, batch).await;
    }
    assert_eq!(ids(&pages(&*store, "a", 7).await), expected);
}

pub(super) async fn missing_parents(Fixture { store, .. }: Fixture) {
    let elsewhere = Sample::at(1000).on("b");
    let other_site = Sample::at(1000).with(|comment| comment.site = "other".into());
    let twin = elsewhere.copy();
    save(&*store, &changes([&elsewhere, &other_site])).await;
    let orphans =
        [Uuid::now_v7(), elsewhere.id, other_site.id, twin.id].map(|parent| Sample::at(5000).on("missing").to(parent));
    save(&*store, &changes([&twin].into_iter().chain(&orphans))).await;
    let page = store.thread("news", "missing", None, 10).await.expect("a page");
    assert_eq!(page.comments.len(), 4);
    for comment in page.comments {
        let orphan = orphans.iter().find(|orphan| orphan.id == comment.id).expect("one of ours");
        assert_eq!(
            (comment.depth, comment.parent),
            (0, orphan.comment().parent_id.parse().ok()),
            "the parent's id is kept"
        );
    }
}

pub(super) async fn deep(Fixture { store, .. }: Fixture) {
    let mut chain = vec![Sample::at(1000).on("deep")];
    for level in 1..14 {
        let parent = chain.last().expect("a first one").id;
        chain.push(Sample::at(1000 + level).on("deep").to(parent));
    }
    save(&*store, &changes(&chain[..7])).await;
    save(&*store, &changes(&chain[7..])).await;
    let whole = pages(&*store, "deep", 4).await;
    assert_eq!(ids(&whole), chain.iter().map(|sample| sample.id).collect::<Vec<_>>());
    assert_eq!(
        whole.iter().map(|comment| comment.depth).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9]
    );
    assert_eq!(whole[13].parent, Some(chain[12].id));
}

pub(super) async fn recent(Fixture { store, .. }: Fixture) {
    let mut samples: Vec<Sample> = (1..=6).map(|at| Sample::at(at * 1000).on(&format!("thread-{at}"))).collect();
    samples[5] = samples[5].clone().verdict(v1::Verdict::Hold);
    samples[3] = samples[3].clone().with(|comment| comment.site = "other".into());
    save(&*store, &changes(&samples)).await;
    let recent = store.recent("news", 3).await.expect("recent");
    assert_eq!(ids(&recent), [samples[4].id, samples[2].id, samples[1].id]);
    let (newest, sample) = (&recent[0], samples[4].comment());
    let thread = sample.thread.clone().unwrap_or_default();
    assert_eq!((&newest.thread, &newest.thread_title, &newest.thread_url), (&thread.id, &thread.title, &thread.url));
    assert_eq!((newest.author_name.as_str(), newest.submitted_at), ("Ada", time(5000)));
    assert_eq!(store.recent("news", 100).await.expect("recent").len(), 4);
    assert_eq!(store.recent("nowhere", 100).await.expect("recent"), []);
}

pub(super) async fn counts(Fixture { store, .. }: Fixture) {
    let samples = [
        Sample::at(1).on("one"),
        Sample::at(2).on("two"),
        Sample::at(3).on("two"),
        Sample::at(4).on("two").verdict(v1::Verdict::Spam),
        Sample::at(5).on("two").with(|comment| comment.site = "other".into()),
    ];
    save(&*store, &changes(&samples)).await;
    let threads = ["two", "none", "one", "two"].map(String::from);
    assert_eq!(store.counts("news", &threads).await.expect("counts"), [2, 0, 1, 2]);
}

pub(super) async fn fates(Fixture { store, .. }: Fixture) {
    let held = Sample::at(1000).verdict(v1::Verdict::Hold);
    let spam = Sample::at(2000).verdict(v1::Verdict::Spam).to(held.id);
    let refused = rejected(Uuid::now_v7());
    save(&*store, &[held.change(), spam.change(), Change::Rejected(refused.clone())]).await;
    save(&*store, &[held.decided(v1::Action::Approve, "ed", 9000)]).await;
    let refused_id: Uuid = refused.id.parse().expect("an id");
    let fates = store.fates(&[refused_id, Uuid::now_v7(), spam.id, held.id, spam.id]).await.expect("fates");
    assert_eq!(fates[0], Some(Fate::Rejected(refused.errors)));
    assert_eq!(fates[1], None);
    assert_eq!(fates[2], fates[4]);
    let [Some(Fate::Stored(spam)), Some(Fate::Stored(decided))] = &fates[2..4] else { panic!("{fates:?}") };
    assert_eq!(
        (spam.state, &spam.decision, spam.public.parent, spam.public.depth),
        (State::Spam, &None, Some(held.id), 1)
    );
    assert_eq!((decided.state, decided.verdict), (State::Approved, v1::Verdict::Hold));
    let decision = decided.decision.as_ref().expect("a decision");
    assert_eq!((decision.action, decision.moderator.as_str(), decision.at), (v1::Action::Approve, "ed", time(9000)));
}
