use super::*;
use crate::{Depth, MemoryOutbox, Moderator, samples};
use rejoinder_pipeline::Position;

fn stage(policy: Policy) -> (Notifier, Arc<MemoryOutbox>, Arc<Notify>) {
    let (outbox, wake) = (Arc::new(MemoryOutbox::new()), Arc::new(Notify::new()));
    let sites = Arc::new(HashMap::from([("news".to_owned(), policy)]));
    (Notifier::new(sites, outbox.clone(), wake.clone()), outbox, wake)
}

fn two_moderators() -> Policy {
    let moderator = |name: &str| Moderator {
        name: name.into(),
        email: format!("{name}@news.example").parse().expect("an address"),
    };
    Policy { moderators: vec![moderator("amin"), moderator("sara")], ..Policy::default() }
}

fn at(event: Input) -> Received<Input> {
    Received { position: Position { topic: event.topic(), partition: 0, offset: 0 }, event, trace: None }
}

fn received(verdict: v1::Verdict, site: &str) -> Received<Input> {
    screening(verdict, 0, site)
}

fn screening(verdict: v1::Verdict, revision: i32, site: &str) -> Received<Input> {
    let mut event = samples::screened();
    (event.verdict, event.revision) = (verdict.into(), revision);
    event.comment.get_or_insert_default().site = site.into();
    at(Input::Screened(Box::new(event)))
}

fn decision(action: Action) -> v1::CommentModerated {
    let (id, site) = (samples::screened().id().to_owned(), "news".to_owned());
    let (moderator, decided_at) = ("amin".to_owned(), Some(rejoinder_proto::now()));
    v1::CommentModerated { id, site, action: action.into(), moderator, decided_at, ..Default::default() }
}

fn decided(event: v1::CommentModerated) -> Received<Input> {
    at(Input::Moderated(Box::new(event)))
}

const OWED: Depth = Depth { pending: 2, sent: 0, failed: 0, skipped: 0 };
const WITHDRAWN: Depth = Depth { pending: 0, sent: 0, failed: 0, skipped: 2 };

#[tokio::test]
async fn a_held_comment_owes_a_mail_to_each_moderator_once() {
    let (mut stage, outbox, wake) = stage(two_moderators());
    let batch = [received(v1::Verdict::Hold, "news"), received(v1::Verdict::Hold, "news")];
    for _ in 0..2 {
        let outcomes = stage.process(&batch).await.expect("the outbox is there");
        assert_eq!(outcomes, [Outcome::Emit(Vec::new()), Outcome::Emit(Vec::new())]);
    }
    assert_eq!(outbox.depth().await.expect("counts"), Depth { pending: 2, ..Depth::default() });
    wake.notified().await;
}

#[tokio::test]
async fn nobody_is_told_of_what_is_not_held_or_where_nobody_wants_it() {
    let (mut stage, outbox, _) = stage(Policy { notify_held: false, ..two_moderators() });
    let batch = [v1::Verdict::Approve, v1::Verdict::Spam, v1::Verdict::Hold].map(|verdict| received(verdict, "news"));
    let outcomes = stage.process(&batch).await.expect("the outbox is there");
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Emit(Vec::new())));
    assert_eq!(outbox.depth().await.expect("counts"), Depth::default());
}

#[tokio::test]
async fn an_unknown_site_goes_to_the_dead_letters_and_the_rest_is_served() {
    let (mut stage, outbox, _) = stage(two_moderators());
    let batch = [received(v1::Verdict::Hold, "elsewhere"), received(v1::Verdict::Hold, "news")];
    let outcomes = stage.process(&batch).await.expect("the outbox is there");
    assert!(matches!(&outcomes[0], Outcome::Reject(reason) if reason.code == "impossible"));
    assert_eq!(outcomes[1], Outcome::Emit(Vec::new()));
    assert_eq!(outbox.depth().await.expect("counts").pending, 2);
}

#[tokio::test]
async fn what_needs_nobody_any_more_is_withdrawn_and_what_does_again_is_owed() {
    use v1::Verdict::{Approve, Hold, Spam};
    let (mut stage, outbox, _) = stage(two_moderators());
    let steps = [
        (screening(Hold, 0, "news"), OWED),
        (screening(Approve, 0, "news"), OWED),
        (screening(Spam, 1, "news"), WITHDRAWN),
        (screening(Hold, 2, "news"), OWED),
        (screening(Approve, 3, "news"), WITHDRAWN),
        (screening(Hold, 4, "news"), OWED),
        (decided(decision(Action::Withdraw)), OWED),
        (decided(decision(Action::Reset)), OWED),
        (decided(v1::CommentModerated { decided_at: None, ..decision(Action::Spam) }), OWED),
        (decided(v1::CommentModerated { moderator: "a\0".into(), ..decision(Action::Spam) }), OWED),
        (decided(v1::CommentModerated { id: "x".into(), ..decision(Action::Spam) }), OWED),
        (decided(decision(Action::Trash)), WITHDRAWN),
    ];
    // Twice over, as a batch may come again: one by one, and all at once.
    for _ in 0..2 {
        for (received, depth) in &steps {
            let outcomes = stage.process(std::slice::from_ref(received)).await.expect("the outbox is there");
            assert_eq!(outcomes, [Outcome::Emit(Vec::new())]);
            assert_eq!(outbox.depth().await.expect("counts"), *depth, "{received:?}");
        }
    }
    for last in 1..=steps.len() {
        let batch: Vec<_> = steps[..last].iter().map(|(received, _)| received.clone()).collect();
        for _ in 0..2 {
            stage.process(&batch).await.expect("the outbox is there");
            assert_eq!(outbox.depth().await.expect("counts"), steps[last - 1].1, "the first {last} in one batch");
        }
    }
}

#[tokio::test]
async fn nobody_elses_mail_is_withdrawn() {
    let (mut stage, outbox, _) = stage(two_moderators());
    let other = v1::CommentModerated { id: "0190163d-8694-739b-aea5-966c26f8ad92".into(), ..decision(Action::Approve) };
    stage.process(&[received(v1::Verdict::Hold, "news"), decided(other)]).await.expect("the outbox is there");
    assert_eq!(outbox.depth().await.expect("counts"), OWED);
}
