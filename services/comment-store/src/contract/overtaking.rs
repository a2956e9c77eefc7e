//! Replies that come before the comments that they answer.

use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use rejoinder_proto::v1;
use uuid::Uuid;

use super::{
    Fixture,
    reading::{drawn, pages},
    samples::{Sample, changes, rejected, save},
};
use crate::{Change, Saved, Store};

/// The thread as readers see it: ids and depths.
async fn seen(store: &dyn Store, thread: &str) -> Vec<(Uuid, u16)> {
    pages(store, thread, 50).await.iter().map(|comment| (comment.id, comment.depth)).collect()
}

/// A first comment with two replies, the first of which is answered in turn: in the order in which they were submitted.
fn family(thread: &str, millis: i64) -> [Sample; 4] {
    let parent = Sample::at(millis).on(thread);
    let reply = Sample::at(millis + 1).on(thread).to(parent.id);
    let second = Sample::at(millis + 2).on(thread).to(parent.id);
    let below = Sample::at(millis + 3).on(thread).to(reply.id);
    [parent, reply, second, below]
}

pub(super) async fn adopted(Fixture { store, second }: Fixture) {
    let orders = [[1, 3, 0, 2], [3, 1, 2, 0], [3, 2, 1, 0], [2, 3, 0, 1]];
    for (number, order) in orders.into_iter().enumerate() {
        for size in 1..=4 {
            let thread = format!("{number}-{size}");
            let family = family(&thread, 1000);
            let late: Vec<Change> = order.iter().map(|at| family[*at].change()).collect();
            let mut answers = Vec::new();
            for batch in late.chunks(size) {
                answers.extend(save(&*store, batch).await);
            }
            assert_eq!(answers, order.map(|at| family[at].visible()), "readers hear of each at once");
            assert_eq!(seen(&*store, &thread).await, drawn(&family), "{order:?} in batches of {size}");
            // As a worker does that died before its offsets were committed.
            assert_eq!(save(&*second, &late).await, answers);
            assert_eq!(save(&*second, &late[1..]).await, answers[1..]);
            assert_eq!(seen(&*store, &thread).await, drawn(&family), "{order:?} again");
        }
    }
}

pub(super) async fn waiting(Fixture { store, .. }: Fixture) {
    let [parent, reply, second, below] = family("a", 1000);
    let other = Sample::at(1001);
    save(&*store, &changes([&reply, &below, &other, &second])).await;
    let top = [(reply.id, 0), (below.id, 1), (other.id, 0), (second.id, 0)];
    assert_eq!(seen(&*store, "a").await, top, "at the top level, by age");
    assert_eq!(store.fates(&[parent.id]).await.expect("fates"), [None], "what is waited for is no comment");
    assert_eq!(store.tally(&[parent.id]).await.expect("a tally"), Default::default());
    assert_eq!(store.facts(&[parent.question()]).await.expect("facts")[0].known, None);
    assert_eq!(store.facts(&[second.question()]).await.expect("facts")[0].parent, None);
    // Held, and in the end thrown away: it is there all the same, and what hangs below it stays in order.
    let parent = parent.verdict(v1::Verdict::Hold);
    save(&*store, &[parent.change(), parent.decided(v1::Action::Trash, "ed", 9000)]).await;
    assert_eq!(seen(&*store, "a").await, [(reply.id, 1), (below.id, 2), (second.id, 1), (other.id, 0)]);
}

pub(super) async fn any_order(Fixture { store, .. }: Fixture) {
    let mut runner = TestRunner::deterministic();
    // Some trees are deeper than a path can be.
    for (round, near) in [0.3, 0.7, 0.97, 1.0].into_iter().enumerate() {
        let shapes = vec((prop::bool::weighted(near), any::<prop::sample::Index>(), 0..3i64), 40);
        let shape = shapes.new_tree(&mut runner).expect("a shape").current();
        let threads = ["produced", "shuffled"].map(|name| format!("{name}-{round}"));
        let both = threads.each_ref().map(|thread| {
            let (mut samples, mut now): (Vec<Sample>, _) = (Vec::new(), 1_700_000_000_000);
            for (near, parent, pause) in &shape {
                now += pause;
                let sample = Sample::at(now).on(thread);
                let below = samples.len().checked_sub(1);
                let parent = below.map(|last| if *near { last } else { parent.index(last + 1) });
                let is_first = parent.is_none_or(|parent| parent == 0 && samples.len() % 7 == 0);
                samples.push(if is_first { sample } else { sample.to(samples[parent.unwrap_or_default()].id) });
            }
            samples
        });
        let numbered = async |at: usize| {
            let number = |id| both[at].iter().position(|sample| sample.id == id).expect("one of ours");
            seen(&*store, &threads[at]).await.into_iter().map(|(id, depth)| (number(id), depth)).collect::<Vec<_>>()
        };
        save(&*store, &changes(&both[0])).await;
        let order = Just((0..both[1].len()).collect::<Vec<_>>()).prop_shuffle();
        let order = order.new_tree(&mut runner).expect("an order").current();
        for batch in order.chunks([1, 7, 13, 40][round]) {
            save(&*store, &changes(batch.iter().map(|at| &both[1][*at]))).await;
        }
        assert_eq!(numbered(1).await, numbered(0).await, "round {round}");
        assert_eq!(numbered(1).await.len(), 40);
    }
}

pub(super) async fn misfits(Fixture { store, .. }: Fixture) {
    let elsewhere = Sample::at(1000).on("b");
    let other_site = Sample::at(1000).with(|comment| comment.site = "other".into());
    let refused = Sample::at(1000);
    let kept = Sample::at(1000).on("c");
    let copy = kept.copy();
    let parents = [&elsewhere, &other_site, &refused, &copy];
    let replies: Vec<Sample> = (2000..).zip(parents).map(|(at, parent)| Sample::at(at).to(parent.id)).collect();
    let below: Vec<Sample> = (3000..).zip(&replies).map(|(at, reply)| Sample::at(at).to(reply.id)).collect();
    save(&*store, &changes(replies.iter().chain(&below[..2]))).await;
    let parents =
        [elsewhere.change(), other_site.change(), Change::Rejected(rejected(refused.id)), kept.change(), copy.change()];
    let saved = save(&*store, &parents).await;
    assert!(matches!(saved[4], Saved::Duplicate(_)), "{saved:?}");
    save(&*store, &changes(&below[2..])).await;
    let expected: Vec<_> =
        replies.iter().zip(&below).flat_map(|(reply, below)| [(reply.id, 0), (below.id, 1)]).collect();
    assert_eq!(seen(&*store, "a").await, expected, "they stay where they are");
}

pub(super) async fn circles(Fixture { store, .. }: Fixture) {
    let [one, two, three] = [1000, 2000, 3000].map(Sample::at);
    let (one, two, three) = (one.clone().to(three.id), two.clone().to(one.id), three.clone().to(two.id));
    let own = Sample::at(4000);
    let own = own.clone().to(own.id);
    for sample in [&one, &two, &three, &own] {
        save(&*store, &changes([sample])).await;
    }
    // The last one to come would hang below itself: it stands at the top, and the others below it.
    assert_eq!(seen(&*store, "a").await, [(three.id, 0), (one.id, 1), (two.id, 2), (own.id, 0)]);
    let late = Sample::at(5000).to(two.id);
    save(&*store, &changes([&late])).await;
    assert_eq!(seen(&*store, "a").await[3], (late.id, 3));
}

/// Saves at once what must not miss each other, over and over, and looks at the whole in the end.
pub(super) async fn races(f: Fixture) {
    let mut all = Vec::new();
    for round in 0..60 {
        let thread = "a";
        let families: Vec<_> = (0..3).map(|n| family(thread, round * 100 + n * 10)).collect();
        let pick = |at: usize| families.iter().map(move |family| family[at].change());
        let early: Vec<Change> = if round % 3 == 0 { Vec::new() } else { pick(1).collect() };
        save(&*f.store, &early).await;
        // The parents meet their replies, or the replies' own replies, or both.
        let one: Vec<Change> = pick(0).collect();
        let other: Vec<Change> = match round % 3 {
            0 => pick(1).chain(pick(3)).collect(),
            1 => pick(3).collect(),
            _ => pick(2).chain(pick(3)).collect(),
        };
        let (store, second) = (f.store.clone(), f.second.clone());
        let parents = tokio::spawn(async move { save_now(&*store, &one).await });
        let replies = tokio::spawn(async move { save_now(&*second, &other).await });
        parents.await.expect("the parents' writer");
        replies.await.expect("the replies' writer");
        let rest: Vec<Change> = (1..4).flat_map(pick).collect();
        save(&*f.store, &rest).await;
        all.extend(families.into_iter().flatten());
    }
    assert_eq!(seen(&*f.store, "a").await, drawn(&all));
}

/// As a worker does: what is not available is tried again.
async fn save_now(store: &dyn Store, batch: &[Change]) {
    for _ in 0..20 {
        if store.save(batch).await.is_ok() {
            return;
        }
    }
    panic!("still refused");
}
