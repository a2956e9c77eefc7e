use std::{collections::HashMap, sync::Arc};

use rejoinder_proto::v1;
use uuid::Uuid;

use super::{
    Fixture,
    samples::{Sample, changes, rejected, save},
};
use crate::{Change, Fate, Saved, State, Store};

/// Saves in batches of 50, until done: a caller tries again what is not available.
async fn save_all(store: Arc<dyn Store>, all: Vec<Change>) -> Vec<Saved> {
    let mut saved = Vec::new();
    for batch in all.chunks(50) {
        let mut tries = 0;
        saved.extend(loop {
            match store.save(batch).await {
                Ok(saved) => break saved,
                Err(error) if tries == 20 => panic!("still refused: {error}"),
                Err(_) => tries += 1,
            }
        });
    }
    saved
}

/// Both at the same time.
async fn race(f: &Fixture, one: Vec<Change>, other: Vec<Change>) -> (Vec<Saved>, Vec<Saved>) {
    let one = tokio::spawn(save_all(f.store.clone(), one));
    let other = tokio::spawn(save_all(f.second.clone(), other));
    (one.await.expect("the first writer"), other.await.expect("the second writer"))
}

async fn states(store: &dyn Store, ids: impl IntoIterator<Item = Uuid>) -> Vec<Option<State>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let fates = store.fates(&ids).await.expect("fates");
    fates
        .into_iter()
        .map(|fate| match fate {
            Some(Fate::Stored(stored)) => Some(stored.state),
            _ => None,
        })
        .collect()
}

pub(super) async fn twins(f: Fixture) {
    let ones: Vec<Sample> = (0..500).map(Sample::at).collect();
    let mut others: Vec<Sample> = ones.iter().map(Sample::copy).collect();
    // Not in the same order, so that the writers meet from both sides.
    others.reverse();
    let (one, other) = race(&f, changes(&ones), changes(&others)).await;
    let answers: HashMap<Uuid, &Saved> =
        ones.iter().chain(&others).map(|sample| sample.id).zip(one.iter().chain(&other)).collect();
    let all = || ones.iter().chain(&others).map(|sample| sample.id);
    let tally = f.store.tally(&all().collect::<Vec<_>>()).await.expect("a tally");
    assert_eq!((tally.approved, tally.rejected), (500, 500));
    for (id, state) in all().zip(states(&*f.store, all()).await) {
        match answers[&id] {
            Saved::Published(_) => assert_eq!(state, Some(State::Approved)),
            Saved::Duplicate(_) => assert_eq!(state, None),
            Saved::Quiet => panic!("a comment without an answer"),
        }
    }
    for (one, other) in ones.iter().zip(others.iter().rev()) {
        let kept = [one, other].map(|sample| matches!(answers[&sample.id], Saved::Published(_)));
        assert_ne!(kept[0], kept[1], "exactly one of two is kept");
    }
    let (one_again, other_again) = race(&f, changes(&ones), changes(&others)).await;
    assert_eq!((one_again, other_again), (one, other), "a replay answers the same");
}

pub(super) async fn zombie(f: Fixture) {
    let samples: Vec<Sample> = (0..500).map(Sample::at).collect();
    let (one, other) = race(&f, changes(&samples), changes(&samples)).await;
    assert_eq!(one, other);
    assert_eq!(f.store.counts("news", &["a".into()]).await.expect("counts"), [500]);
}

pub(super) async fn fates(f: Fixture) {
    let samples: Vec<Sample> = (0..300).map(Sample::at).collect();
    let rejections = samples.iter().rev().map(|sample| Change::Rejected(rejected(sample.id))).collect();
    let (saved, _) = race(&f, changes(&samples), rejections).await;
    for ((sample, saved), state) in samples.iter().zip(saved).zip(states(&*f.store, samples.iter().map(|s| s.id)).await)
    {
        match state {
            Some(_) => assert_eq!(saved, sample.visible()),
            None => assert_eq!(saved, Saved::Quiet),
        }
    }
}

pub(super) async fn decisions(f: Fixture) {
    let samples: Vec<Sample> = (0..300).map(|at| Sample::at(at).verdict(v1::Verdict::Hold)).collect();
    let decided = samples.iter().rev().map(|sample| sample.decided(v1::Action::Approve, "ed", 9_000_000)).collect();
    let (stored, mut decided) = race(&f, changes(&samples), decided).await;
    decided.reverse();
    for (sample, (stored, decided)) in samples.iter().zip(stored.into_iter().zip(decided)) {
        let event = sample.published(v1::Visibility::Visible, 9_000_000);
        assert!(
            (stored == event && decided == Saved::Quiet) || (stored == Saved::Quiet && decided == event),
            "said once: {stored:?} {decided:?}"
        );
    }
    let states = states(&*f.store, samples.iter().map(|sample| sample.id)).await;
    assert!(states.iter().all(|state| *state == Some(State::Approved)), "no decision is lost");
}

pub(super) async fn restored(f: Fixture) {
    let trashed: Vec<Sample> = (0..200).map(Sample::at).collect();
    save(&*f.store, &changes(&trashed)).await;
    let decide = |action, at| trashed.iter().map(|sample| sample.decided(action, "ed", at)).collect::<Vec<_>>();
    save(&*f.store, &decide(v1::Action::Trash, 1_000_000)).await;
    let mut copies: Vec<Sample> = trashed.iter().map(Sample::copy).collect();
    copies.reverse();
    race(&f, decide(v1::Action::Approve, 2_000_000), changes(&copies)).await;
    copies.reverse();
    let old = states(&*f.store, trashed.iter().map(|sample| sample.id)).await;
    let new = states(&*f.store, copies.iter().map(|sample| sample.id)).await;
    for (old, new) in old.into_iter().zip(new) {
        assert!(
            (old == Some(State::Approved)) != (new == Some(State::Approved)),
            "exactly one copy is visible: {old:?} {new:?}"
        );
    }
}
