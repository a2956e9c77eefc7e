use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use rejoinder_proto::v1::{Action, Verdict, Visibility};

use super::{
    Fixture,
    samples::{Sample, changes, rejected as rejection, save},
};
use crate::{Change, Fate, Saved, State, Store, StoredComment};

pub(super) async fn stored(store: &dyn Store, sample: &Sample) -> StoredComment {
    let fate = store.fates(&[sample.id]).await.expect("fates").remove(0);
    let Some(Fate::Stored(stored)) = fate else { panic!("not stored: {fate:?}") };
    *stored
}

pub(super) async fn early(Fixture { store, .. }: Fixture) {
    let held = Sample::at(1000).verdict(Verdict::Hold);
    let good = Sample::at(2000);
    let unwanted = Sample::at(3000);
    let decided = [
        held.decided(Action::Spam, "ed", 8000),
        held.decided(Action::Approve, "ed", 9000),
        good.decided(Action::Approve, "ed", 9000),
        unwanted.decided(Action::Trash, "ed", 9000),
    ];
    assert_eq!(save(&*store, &decided).await, vec![Saved::Quiet; 4]);
    assert_eq!(store.fates(&[held.id]).await.expect("fates"), [None], "a decision alone is no comment");
    assert_eq!(store.tally(&[held.id]).await.expect("a tally"), Default::default());
    assert_eq!(store.facts(&[held.question()]).await.expect("facts")[0].known, None);

    let answers = [held.published(Visibility::Visible, 9000), good.visible(), Saved::Quiet];
    for _ in 0..2 {
        assert_eq!(save(&*store, &changes([&held, &good, &unwanted])).await, answers);
        assert_eq!(save(&*store, &decided).await, vec![Saved::Quiet; 4], "said once, by the comment");
    }
    assert_eq!(stored(&*store, &held).await.state, State::Approved);
    let unwanted = stored(&*store, &unwanted).await;
    assert_eq!((unwanted.state, unwanted.verdict), (State::Trash, Verdict::Approve));
    assert_eq!(
        unwanted.decision.map(|decision| (decision.action, decision.moderator)),
        Some((Action::Trash, "ed".into()))
    );
}

pub(super) async fn one_batch(Fixture { store, .. }: Fixture) {
    let [before, after, reject] = [1000, 2000, 3000].map(Sample::at);
    let batch = [
        before.decided(Action::Trash, "ed", 9000),
        before.change(),
        after.change(),
        after.decided(Action::Trash, "ed", 9000),
        after.decided(Action::Approve, "ed", 9500),
        reject.decided(Action::Approve, "ed", 9000),
        Change::Rejected(rejection(reject.id)),
    ];
    let answers = [
        Saved::Quiet,
        Saved::Quiet,
        after.visible(),
        after.published(Visibility::Removed, 9000),
        after.published(Visibility::Visible, 9500),
        Saved::Quiet,
        Saved::Quiet,
    ];
    assert_eq!(save(&*store, &batch).await, answers);
    assert_eq!(save(&*store, &batch).await, answers);
    assert_eq!(stored(&*store, &before).await.state, State::Trash);
    assert_eq!(stored(&*store, &after).await.state, State::Approved);
    assert!(matches!(store.fates(&[reject.id]).await.expect("fates")[0], Some(Fate::Rejected(_))));
}

pub(super) async fn permutations(Fixture { store, .. }: Fixture) {
    // Some at the same instant: the higher action counts, then the name.
    let decisions = [
        (Action::Approve, "ed", 5000),
        (Action::Trash, "ed", 6000),
        (Action::Spam, "zoe", 7000),
        (Action::Trash, "ed", 7000),
        (Action::Trash, "bob", 7000),
        (Action::Approve, "ed", 4000),
    ];
    let chosen = prop::sample::subsequence(decisions.to_vec(), 1..=decisions.len()).prop_shuffle();
    let plans =
        (chosen, any::<prop::sample::Index>(), prop::sample::select(vec![Verdict::Approve, Verdict::Hold]), 1..4usize);
    let mut runner = TestRunner::deterministic();
    for round in 0..80 {
        let (order, comment_at, verdict, batch) = plans.new_tree(&mut runner).expect("a plan").current();
        let sample = Sample::at(1000).verdict(verdict);
        let mut all: Vec<Change> = order.iter().map(|(action, by, at)| sample.decided(*action, by, *at)).collect();
        all.insert(comment_at.index(all.len() + 1), sample.change());

        let mut answers = Vec::new();
        for changes in all.chunks(batch) {
            answers.extend(save(&*store, changes).await);
        }
        let (action, moderator, at) =
            order.iter().max_by_key(|(action, by, at)| (*at, *action as i32, *by)).expect("one decision at least");
        let wanted = match action {
            Action::Approve => State::Approved,
            Action::Spam => State::Spam,
            Action::Trash => State::Trash,
            Action::Unspecified | Action::Withdraw | Action::Reset => unreachable!("no decision"),
        };
        let stored = stored(&*store, &sample).await;
        assert_eq!(stored.state, wanted, "round {round}: {order:?}");
        let decision = stored.decision.expect("a decision");
        assert_eq!((decision.action, decision.moderator.as_str()), (*action, *moderator), "round {round}: {order:?}");
        assert_eq!(decision.at.timestamp_millis(), *at);
        let said = answers.iter().filter_map(|answer| match answer {
            Saved::Published(event) => Some(event.visibility()),
            _ => None,
        });
        let mut visible = false;
        for visibility in said {
            assert_eq!(visibility == Visibility::Visible, !visible, "seen and gone by turns: {answers:?}");
            visible = !visible;
        }
        assert_eq!(visible, wanted == State::Approved, "the last word to readers is the state: {answers:?}");
        assert_eq!(save(&*store, &all).await, answers, "round {round}: a replay answers the same");
    }
}

pub(super) async fn removed(Fixture { store, .. }: Fixture) {
    let comment = Sample::at(1000);
    save(&*store, &changes([&comment])).await;
    let steps = [
        (Action::Approve, 2000, Saved::Quiet, State::Approved),
        (Action::Spam, 3000, comment.published(Visibility::Removed, 3000), State::Spam),
        (Action::Trash, 4000, Saved::Quiet, State::Trash),
        (Action::Approve, 5000, comment.published(Visibility::Visible, 5000), State::Approved),
        (Action::Trash, 4500, Saved::Quiet, State::Approved),
    ];
    for (action, at, answer, state) in steps {
        let decision = [comment.decided(action, "ed", at)];
        let answers = [answer];
        assert_eq!(save(&*store, &decision).await, answers, "{action:?} at {at}");
        assert_eq!(save(&*store, &decision).await, answers, "the same click again");
        assert_eq!(stored(&*store, &comment).await.state, state);
        let seen = store.recent("news", 5).await.expect("recent").len() == 1;
        assert_eq!(seen, state == State::Approved);
    }
}

pub(super) async fn rejected(Fixture { store, .. }: Fixture) {
    let comment = Sample::at(1000);
    save(&*store, &[Change::Rejected(rejection(comment.id))]).await;
    assert_eq!(save(&*store, &[comment.decided(Action::Approve, "ed", 2000)]).await, [Saved::Quiet]);
    assert!(matches!(store.fates(&[comment.id]).await.expect("fates")[0], Some(Fate::Rejected(_))));
}

pub(super) async fn trash(Fixture { store, .. }: Fixture) {
    let old = Sample::at(1000);
    let new = old.copy();
    save(&*store, &changes([&old])).await;
    save(&*store, &[old.decided(Action::Trash, "ed", 2000)]).await;
    assert_eq!(save(&*store, &changes([&new])).await, [new.visible()], "what lies in the trash may be said again");

    for (action, at) in [(Action::Approve, 3000), (Action::Spam, 4000)] {
        let restore = [old.decided(action, "ed", at)];
        assert_eq!(save(&*store, &restore).await, [Saved::Quiet]);
        assert_eq!(save(&*store, &restore).await, [Saved::Quiet], "and again");
        let old = stored(&*store, &old).await;
        assert_eq!((old.state, old.decision.map(|decision| decision.action)), (State::Trash, Some(action)));
    }
    assert_eq!(store.counts("news", &["a".into()]).await.expect("counts"), [1]);

    let swap = [new.decided(Action::Trash, "ed", 5000), old.decided(Action::Approve, "ed", 6000)];
    let answers = [new.published(Visibility::Removed, 5000), old.published(Visibility::Visible, 6000)];
    assert_eq!(save(&*store, &swap).await, answers, "once the copy is gone, the next decision restores");
    assert_eq!(save(&*store, &swap).await, answers);
    let back = [old.decided(Action::Trash, "ed", 7000), new.decided(Action::Approve, "ed", 7000)];
    save(&*store, &back).await;
    assert_eq!([stored(&*store, &old).await.state, stored(&*store, &new).await.state], [State::Trash, State::Approved]);
}
