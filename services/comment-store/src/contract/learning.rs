use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rejoinder_proto::{from_millis, v1};
use uuid::Uuid;

use super::{
    Fixture,
    samples::{Sample, changes, save, time},
};
use crate::{
    Change, Saved, State,
    decision_log::LoggedDecision,
    inspect::{Inspect, checksum},
};

async fn all(store: &dyn Inspect) -> Vec<LoggedDecision> {
    store.decisions_after(0, 10_000).await.expect("the log")
}

/// An operator takes something back.
fn taken_back_at(id: Uuid, action: v1::Action, millis: i64) -> Change {
    Change::Moderated(v1::CommentModerated {
        id: id.to_string(),
        site: "news".into(),
        action: action.into(),
        moderator: "operator".into(),
        decided_at: Some(from_millis(millis)),
        reason: "a slip".into(),
        ..Default::default()
    })
}

pub(super) async fn once(Fixture { store, second }: Fixture) {
    let [one, early] = [1000, 2000].map(Sample::at);
    save(&*store, &changes([&one])).await;
    let decisions = [
        one.decided(v1::Action::Spam, "ed", 9000),
        one.decided(v1::Action::Approve, "دبیر", 9500),
        early.decided(v1::Action::Trash, "ed", 9600),
    ];
    save(&*store, &decisions).await;
    assert_eq!(all(&*store).await.len(), 2, "a comment that is not there yet cannot be learned");
    save(&*second, &decisions).await;
    save(&*store, &changes([&early])).await;
    save(&*second, &changes([&early, &one])).await;
    save(&*store, &decisions).await;
    let log = all(&*store).await;
    assert!(log.is_sorted_by(|a, b| a.seq < b.seq) && log[0].seq > 0);
    let said: Vec<_> =
        log.iter().map(|row| (row.key.id, row.key.action(), row.key.decision.moderator.as_str())).collect();
    let wanted =
        [(one.id, v1::Action::Spam, "ed"), (one.id, v1::Action::Approve, "دبیر"), (early.id, v1::Action::Trash, "ed")];
    assert_eq!(said, wanted, "each once");
    assert_eq!(log[0].comment.as_ref(), Some(one.comment()), "with the whole comment");
    assert_eq!((log[0].key.site.as_str(), log[0].key.decision.at), ("news", time(9000)));
    assert_eq!(store.decisions_after(log[0].seq, 1).await.expect("a page"), log[1..2]);
    assert!(store.decisions_after(log[2].seq, 10).await.expect("a page").is_empty());

    let (mut paged, mut after) = (Vec::new(), None);
    while let Some(row) = store.logged(after.as_ref(), 1).await.expect("a page").pop() {
        after = Some(row.key.clone());
        paged.push(row);
    }
    assert!(paged.is_sorted_by(|a, b| a.key < b.key));
    paged.sort_by_key(|row| row.seq);
    assert_eq!(paged, log);
}

pub(super) async fn reported(Fixture { store, .. }: Fixture) {
    let foreign = Sample::at(1000);
    let report = |action, at| {
        let Change::Moderated(mut event) = foreign.decided(action, "akismet", at) else { unreachable!("a decision") };
        event.comment = Some(foreign.comment().clone());
        Change::Moderated(event)
    };
    let reports = [report(v1::Action::Spam, 9000), report(v1::Action::Approve, 9100)];
    for _ in 0..2 {
        assert_eq!(save(&*store, &reports).await, [Saved::Quiet, Saved::Quiet], "nothing is published");
    }
    assert_eq!(store.fates(&[foreign.id]).await.expect("fates"), [None], "nothing is stored");
    assert!(store.known(&[foreign.id]).await.expect("rows").is_empty());
    let log = all(&*store).await;
    assert_eq!(log.iter().map(|row| row.key.action()).collect::<Vec<_>>(), [v1::Action::Spam, v1::Action::Approve]);
    assert!(log.iter().all(|row| row.comment.as_ref() == Some(foreign.comment())));

    let ours = Sample::at(2000);
    save(&*store, &changes([&ours])).await;
    let Change::Moderated(mut event) = ours.decided(v1::Action::Spam, "akismet", 9200) else { unreachable!() };
    event.comment = Some(ours.comment().clone());
    let saved = save(&*store, &[Change::Moderated(event)]).await;
    assert_eq!(saved, [ours.published(v1::Visibility::Removed, 9200)], "a stored one is decided about");
    assert_eq!(all(&*store).await.len(), 3);
}

pub(super) async fn taken_back(Fixture { store, .. }: Fixture) {
    let one = Sample::at(1000);
    save(&*store, &[one.change(), one.decided(v1::Action::Spam, "ed", 9000)]).await;
    let before = checksum(&*store).await.expect("a checksum");
    let back =
        [taken_back_at(one.id, v1::Action::Withdraw, 9500), taken_back_at(Uuid::now_v7(), v1::Action::Reset, 9600)];
    for _ in 0..2 {
        assert_eq!(save(&*store, &back).await, [Saved::Quiet, Saved::Quiet]);
    }
    let log = all(&*store).await;
    let said: Vec<_> = log.iter().map(|row| (row.key.action(), row.reason.as_str(), row.comment.is_some())).collect();
    let wanted =
        [(v1::Action::Spam, "", true), (v1::Action::Withdraw, "a slip", false), (v1::Action::Reset, "a slip", false)];
    assert_eq!(said, wanted);
    let known = store.known(&[one.id]).await.expect("rows");
    assert_eq!(known[0].state, crate::row::RowState::Stored(State::Spam), "its state stays");
    let after = checksum(&*store).await.expect("a checksum");
    assert_eq!((after.rows, after.decisions, after.logged), (before.rows, before.decisions, 3));
    assert_ne!(after.sha256, before.sha256);
}

/// Writers on several connections, and a follower that asks for what comes after the last row it saw: it sees every row.
pub(super) async fn followed(Fixture { store, second }: Fixture) {
    const WRITERS: usize = 4;
    const EACH: usize = 60;
    let done = Arc::new(AtomicBool::new(false));
    let follower = tokio::spawn({
        let (store, done) = (second.clone(), done.clone());
        async move {
            let (mut seen, mut last) = (Vec::new(), 0);
            loop {
                let was_done = done.load(Ordering::SeqCst);
                let page = store.decisions_after(last, 7).await.expect("a page");
                if page.is_empty() && was_done {
                    return seen;
                }
                for row in page {
                    assert!(row.seq > last);
                    last = row.seq;
                    seen.push(row.key);
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = if writer % 2 == 0 { store.clone() } else { second.clone() };
            tokio::spawn(async move {
                for round in 0..EACH {
                    let sample = Sample::at(1000);
                    let mut batch = vec![sample.change(), sample.decided(v1::Action::Spam, "ed", 9000)];
                    // Transactions of different lengths, so that they end in another order than they began.
                    batch.extend((0..(writer + round) % 4 * 20).map(|_| Sample::at(2000).change()));
                    let mut tries = 0;
                    while let Err(error) = store.save(&batch).await {
                        tries += 1;
                        assert!(tries < 20, "still refused: {error}");
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    done.store(true, Ordering::SeqCst);
    let mut seen = follower.await.expect("the follower");
    assert_eq!(seen.len(), WRITERS * EACH, "none is missed");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), WRITERS * EACH, "and none comes twice");
}

pub(super) async fn looked_through(Fixture { store, .. }: Fixture) {
    let samples: Vec<Sample> = (0..9).map(|at| Sample::at(1000 + at / 2 * 1000)).collect();
    let elsewhere = Sample::at(3000).with(|comment| comment.site = "blog".into());
    save(&*store, &changes(samples.iter().chain([&elsewhere]))).await;
    let wave: Vec<Change> = samples[3..6].iter().map(|one| one.again(1, v1::Verdict::Spam, "wave").change()).collect();
    save(&*store, &wave).await;
    save(&*store, &[samples[4].decided(v1::Action::Approve, "ed", 9000)]).await;

    let (mut found, mut after) = (Vec::new(), None);
    while let Some(one) = store.stored_since("news", time(2000), after, 1).await.expect("a page").pop() {
        after = Some((one.submitted_at, one.id));
        found.push(one);
    }
    let mut wanted: Vec<_> = samples[2..].iter().map(|one| (time(one.millis()), one.id)).collect();
    wanted.sort_unstable();
    assert_eq!(found.iter().map(|one| (one.submitted_at, one.id)).collect::<Vec<_>>(), wanted);
    assert_eq!(store.stored_since("news", time(2000), None, 100).await.expect("a page"), found);
    let of = |id| found.iter().find(|one| one.id == id).expect("a comment");
    let decided = of(samples[4].id);
    assert_eq!(
        (decided.state, decided.decision.as_ref().map(|decision| decision.action)),
        (State::Approved, Some(v1::Action::Approve))
    );
    assert_eq!((decided.screened.revision, decided.screened.campaign.as_str()), (1, "wave"));
    assert_eq!(of(samples[2].id).screened, samples[2].event, "as it was screened");
    assert_eq!(of(samples[2].id).decision, None);

    let (mut members, mut after) = (Vec::new(), None);
    while let Some(one) = store.campaign_members("news", "wave", after, 1).await.expect("a page").pop() {
        after = Some(one.id);
        members.push(one.id);
    }
    let mut wanted: Vec<Uuid> = samples[3..6].iter().map(|one| one.id).collect();
    wanted.sort_unstable();
    assert_eq!(members, wanted);
    for (site, campaign) in [("blog", "wave"), ("news", ""), ("news", "other")] {
        assert!(
            store.campaign_members(site, campaign, None, 10).await.expect("a page").is_empty(),
            "{site} {campaign:?}"
        );
    }
}
