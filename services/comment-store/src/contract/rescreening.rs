use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use rejoinder_proto::v1::{Action, Verdict, Visibility};
use uuid::Uuid;

use super::{
    Fixture,
    deciding::stored,
    samples::{Sample, rejected, save},
};
use crate::{Change, Fate, Saved, State, inspect::checksum};

pub(super) async fn replaces(Fixture { store, second }: Fixture) {
    let first = Sample::at(1000);
    let spam = first.again(1, Verdict::Spam, "wave");
    let held = first.again(2, Verdict::Hold, "");
    let back = first.again(3, Verdict::Approve, "");
    let steps = [
        (&first, first.visible(), State::Approved),
        (&spam, spam.screened(Visibility::Removed), State::Spam),
        (&held, Saved::Quiet, State::Pending),
        (&back, back.screened(Visibility::Visible), State::Approved),
    ];
    for (screening, answer, state) in &steps {
        let answers = [answer.clone()];
        assert_eq!(save(&*store, &[screening.change()]).await, answers);
        let sum = checksum(&*store).await.expect("a checksum");
        assert_eq!(save(&*second, &[screening.change()]).await, answers, "the same record again");
        assert_eq!(checksum(&*store).await.expect("a checksum"), sum);
        let stored = stored(&*store, &first).await;
        assert_eq!(stored.state, *state);
        assert_eq!(
            (stored.revision, stored.campaign.as_str()),
            (screening.event.revision, screening.event.campaign.as_str())
        );
        assert_eq!((stored.score, &stored.policy_version), (screening.event.score, &screening.event.policy_version));
        assert_eq!(stored.verdict, screening.event.verdict());
    }
    let all: Vec<Change> = steps.iter().map(|(screening, ..)| screening.change()).collect();
    let answers: Vec<Saved> = steps.iter().map(|(_, answer, _)| answer.clone()).collect();
    assert_eq!(save(&*store, &all).await, answers, "all of them again");
    let other = Sample::at(2000);
    let late = other.again(1, Verdict::Spam, "");
    assert_eq!(
        save(&*store, &[other.change(), late.change()]).await,
        [other.visible(), late.screened(Visibility::Removed)],
        "both in one batch"
    );
    assert_eq!(stored(&*store, &other).await.state, State::Spam);
}

/// Whatever comes when: the last screening is shown, and the state is the decision's, or else the last screening's.
pub(super) async fn any_order(Fixture { store, .. }: Fixture) {
    let verdict = || prop::sample::select(vec![Verdict::Approve, Verdict::Hold, Verdict::Spam]);
    let order = Just(vec![0_usize, 1, 2, 3]).prop_shuffle();
    let decision = prop::option::of(prop::sample::select(vec![Action::Approve, Action::Spam, Action::Trash]));
    let plans = (prop::array::uniform3(verdict()), order, decision, 1..5_usize);
    let mut runner = TestRunner::deterministic();
    for round in 0..60 {
        let (verdicts, order, decision, batch) = plans.new_tree(&mut runner).expect("a plan").current();
        let first = Sample::at(1000).verdict(verdicts[0]);
        let last = first.again(2, verdicts[2], "wave");
        let mut all = vec![first.change(), first.again(1, verdicts[1], "").change(), last.change()];
        all.extend(decision.map(|action| first.decided(action, "ed", 9000)));
        let all: Vec<Change> = order.iter().filter_map(|at| all.get(*at).cloned()).collect();
        let mut answers = Vec::new();
        for changes in all.chunks(batch) {
            answers.extend(save(&*store, changes).await);
        }
        let wanted = match (decision, verdicts[2]) {
            (Some(Action::Approve), _) | (None, Verdict::Approve) => State::Approved,
            (Some(Action::Trash), _) => State::Trash,
            (None, Verdict::Hold) => State::Pending,
            _ => State::Spam,
        };
        let stored = stored(&*store, &first).await;
        let told = format!("round {round}: {verdicts:?} {order:?} {decision:?} {answers:?}");
        assert_eq!((stored.state, stored.revision, stored.campaign.as_str()), (wanted, 2, "wave"), "{told}");
        assert_eq!(stored.score, last.event.score, "{told}");
        let mut visible = false;
        for answer in &answers {
            let Saved::Published(event) = answer else { continue };
            assert_eq!(event.visibility() == Visibility::Visible, !visible, "seen and gone by turns: {told}");
            visible = !visible;
        }
        assert_eq!(visible, wanted == State::Approved, "the last word to readers is the state: {told}");
        let sum = checksum(&*store).await.expect("a checksum");
        assert_eq!(save(&*store, &all).await, answers, "a replay answers the same: {told}");
        assert_eq!(checksum(&*store).await.expect("a checksum"), sum, "{told}");
    }
}

pub(super) async fn misfits(Fixture { store, .. }: Fixture) {
    let alone = Sample::at(1000).again(4, Verdict::Approve, "");
    for _ in 0..2 {
        let answers = [alone.screened(Visibility::Visible)];
        assert_eq!(save(&*store, &[alone.change()]).await, answers, "of nothing that is known: stored as a first one");
    }
    let refused = Sample::at(2000);
    save(&*store, &[Change::Rejected(rejected(refused.id))]).await;
    assert_eq!(save(&*store, &[refused.again(1, Verdict::Approve, "").change()]).await, [Saved::Quiet]);
    assert!(matches!(store.fates(&[refused.id]).await.expect("fates")[0], Some(Fate::Rejected(_))));
    let mut second = alone.again(5, Verdict::Spam, "");
    second.event.comment.get_or_insert_default().origin = Sample::at(1).comment().origin;
    assert_eq!(save(&*store, &[second.change()]).await, [Saved::Quiet], "of another copy of the id");
    assert_eq!(stored(&*store, &alone).await.state, State::Approved);
    let mut impossible = Sample::at(3000);
    impossible.id = Uuid::now_v7();
    impossible.event.revision = -1;
    let error = store.save(&[impossible.change()]).await.expect_err("below zero").to_string();
    assert!(error.contains("revision"), "{error}");
}
