//! What every outbox must keep, as a test that each implementation runs.

use std::{collections::HashSet, future::Future, sync::Arc};

use chrono::{DateTime, Duration, Utc};
use rejoinder_proto::trace::TraceContext;
use uuid::Uuid;

use crate::{Claim, Claimed, Depth, Fate, NewMail, Outbox, Settlement, row_id};

const LEASE: Duration = Duration::minutes(5);

/// Runs the whole contract; `fresh` gives an empty outbox each time. Panics where it is broken.
pub async fn check<F: Future<Output = Arc<dyn Outbox>>>(fresh: impl Fn() -> F) {
    enqueued_twice_is_there_once(&*fresh().await).await;
    what_was_enqueued_comes_back_whole(&*fresh().await).await;
    a_claim_is_exclusive_until_it_runs_out(&*fresh().await).await;
    fates_are_kept(&*fresh().await).await;
    what_is_withdrawn_is_owed_no_more(&*fresh().await).await;
    what_was_skipped_can_be_owed_anew(&*fresh().await).await;
    a_later_screening_takes_the_place_of_an_unsent_one(&*fresh().await).await;
    a_claim_that_ran_out_settles_nothing_but_what_was_sent(&*fresh().await).await;
    only_old_settled_rows_are_purged(&*fresh().await).await;
    sent_mails_come_in_pages(&*fresh().await).await;
    claimants_never_share_a_row(fresh().await).await;
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000 + seconds, 123_456_789).expect("a time in range")
}

fn mail(number: u128, created: i64) -> NewMail {
    let comment = Uuid::from_u128(number);
    NewMail {
        id: row_id(comment, "دبیر"),
        comment,
        site: "news".into(),
        moderator: "دبیر".into(),
        event: vec![0, 1, 2, 255],
        created_at: at(created),
        trace: Some(TraceContext { trace: number.max(1), span: 7, flags: 1 }),
    }
}

async fn claim(outbox: &dyn Outbox, now: i64, limit: u32) -> Vec<Claimed> {
    outbox.claim(at(now), limit, LEASE).await.expect("claims")
}

async fn settle(outbox: &dyn Outbox, now: i64, claim: Claim, fate: Fate) {
    outbox.settle(at(now), &[Settlement { claim, fate }]).await.expect("settles");
}

async fn enqueued_twice_is_there_once(outbox: &dyn Outbox) {
    outbox.enqueue(&[]).await.expect("nothing is fine");
    outbox.enqueue(&[mail(1, 0), mail(2, 0), mail(1, 0)]).await.expect("enqueues");
    let first = claim(outbox, 0, 10).await;
    assert_eq!(first.len(), 2);
    settle(outbox, 1, first[0].claim, Fate::Sent).await;
    outbox.enqueue(&[mail(1, 2), mail(2, 2), mail(3, 2)]).await.expect("enqueues");
    assert_eq!(outbox.depth().await.expect("counts"), Depth { pending: 2, sent: 1, ..Depth::default() });
    let again = claim(outbox, 2, 10).await;
    assert_eq!(again.iter().map(|row| row.mail.comment).collect::<Vec<_>>(), [Uuid::from_u128(3)]);
}

async fn what_was_enqueued_comes_back_whole(outbox: &dyn Outbox) {
    outbox.enqueue(&[mail(7, 0)]).await.expect("enqueues");
    assert!(claim(outbox, -1, 10).await.is_empty(), "not before its time");
    let rows = claim(outbox, 1, 10).await;
    // Databases keep microseconds.
    let kept = |time: DateTime<Utc>| DateTime::from_timestamp_micros(time.timestamp_micros()).expect("in range");
    assert_eq!(rows[0].mail, NewMail { created_at: kept(at(0)), ..mail(7, 0) });
    assert_eq!((rows[0].attempt, rows[0].claim), (1, Claim { id: mail(7, 0).id, until: kept(at(1) + LEASE) }));
}

async fn a_claim_is_exclusive_until_it_runs_out(outbox: &dyn Outbox) {
    let mails: Vec<_> = (0..5).map(|n| mail(n, i64::try_from(n).expect("small"))).collect();
    outbox.enqueue(&mails).await.expect("enqueues");
    let oldest = claim(outbox, 10, 2).await;
    let ids: Vec<_> = oldest.iter().map(|row| row.mail.comment.as_u128()).collect();
    assert_eq!(ids, [0, 1], "the longest due first");
    assert_eq!(claim(outbox, 10, 10).await.len(), 3);
    assert!(claim(outbox, 10 + 299, 10).await.is_empty(), "all are claimed");
    let again = claim(outbox, 10 + 301, 10).await;
    assert_eq!(again.len(), 5, "their claimants died");
    assert!(again.iter().all(|row| row.attempt == 2));
}

async fn fates_are_kept(outbox: &dyn Outbox) {
    outbox.enqueue(&(0..5).map(|n| mail(n, 0)).collect::<Vec<_>>()).await.expect("enqueues");
    let mut rows = claim(outbox, 0, 10).await;
    rows.sort_by_key(|row| row.mail.comment);
    let fates = [
        Fate::Sent,
        Fate::Retry { at: at(60), error: "450".into() },
        Fate::Put { at: at(1), reason: "not_stored" },
        Fate::Failed { error: "550".into() },
        Fate::Skipped { reason: "decided" },
    ];
    let settlements: Vec<_> = rows.iter().zip(fates).map(|(row, fate)| Settlement { claim: row.claim, fate }).collect();
    outbox.settle(at(0), &settlements).await.expect("settles");
    outbox.settle(at(0), &[]).await.expect("nothing is fine");
    let depth = Depth { pending: 2, sent: 1, failed: 1, skipped: 1 };
    assert_eq!(outbox.depth().await.expect("counts"), depth);
    let put = claim(outbox, 2, 10).await;
    assert_eq!(put.iter().map(|row| (row.mail.comment.as_u128(), row.attempt)).collect::<Vec<_>>(), [(2, 1)]);
    settle(outbox, 2, put[0].claim, Fate::Sent).await;
    assert!(claim(outbox, 59, 10).await.is_empty());
    let retried = claim(outbox, 61, 10).await;
    assert_eq!(retried.iter().map(|row| (row.mail.comment.as_u128(), row.attempt)).collect::<Vec<_>>(), [(1, 2)]);
    assert_eq!(retried[0].mail.event, mail(1, 0).event);
}

async fn what_is_withdrawn_is_owed_no_more(outbox: &dyn Outbox) {
    assert_eq!(outbox.withdraw(at(0), &[]).await.expect("nothing is fine"), 0);
    let second = NewMail { id: row_id(mail(1, 0).comment, "b"), moderator: "b".into(), ..mail(1, 0) };
    outbox.enqueue(&[mail(1, 0), second, mail(2, 0), mail(3, 0), mail(4, 0)]).await.expect("enqueues");
    let comments = [1, 3, 4].map(Uuid::from_u128);
    let under_way = claim(outbox, 0, 10).await;
    let claim_of = |n: u128| under_way.iter().find(|row| row.mail.id == mail(n, 0).id).expect("claimed").claim;
    settle(outbox, 1, claim_of(3), Fate::Sent).await;
    settle(outbox, 1, claim_of(4), Fate::Failed { error: "550".into() }).await;
    assert_eq!(outbox.withdraw(at(2), &comments).await.expect("withdraws"), 2, "what was settled stays");
    assert_eq!(outbox.withdraw(at(3), &comments).await.expect("withdraws"), 0, "a batch may come again");
    let depth = Depth { pending: 1, sent: 1, failed: 1, skipped: 2 };
    assert_eq!(outbox.depth().await.expect("counts"), depth);

    // Being sent while it was withdrawn: it failed, or it went out.
    settle(outbox, 4, claim_of(1), Fate::Retry { at: at(5), error: "450".into() }).await;
    assert_eq!(outbox.depth().await.expect("counts"), depth);
    settle(outbox, 5, claim_of(1), Fate::Sent).await;
    assert_eq!(outbox.depth().await.expect("counts"), Depth { sent: 2, skipped: 1, ..depth });
    let later = claim(outbox, 400, 10).await;
    assert_eq!(later.iter().map(|row| row.mail.comment.as_u128()).collect::<Vec<_>>(), [2]);
    assert_eq!(outbox.purge(at(500), 10).await.expect("purges"), 4, "all but the pending one");
}

async fn what_was_skipped_can_be_owed_anew(outbox: &dyn Outbox) {
    outbox.enqueue(&[mail(1, 0), mail(2, 0)]).await.expect("enqueues");
    let mut old = claim(outbox, 0, 10).await;
    old.sort_by_key(|row| row.mail.comment);
    settle(outbox, 1, old[0].claim, Fate::Skipped { reason: "decided" }).await;
    outbox.withdraw(at(1), &[Uuid::from_u128(2)]).await.expect("withdraws");
    outbox.enqueue(&[mail(1, 2), mail(2, 2)]).await.expect("enqueues");
    settle(outbox, 3, old[1].claim, Fate::Failed { error: "550".into() }).await;
    let mut again = claim(outbox, 3, 10).await;
    again.sort_by_key(|row| row.mail.comment);
    assert_eq!(again.iter().map(|row| row.attempt).collect::<Vec<_>>(), [1, 1]);
    assert!(again.iter().all(|row| row.mail.event == mail(1, 2).event && row.mail.created_at > at(1)));
    assert_eq!(outbox.depth().await.expect("counts"), Depth { pending: 2, ..Depth::default() });
    assert_eq!(outbox.purge(at(500), 10).await.expect("purges"), 0);
}

async fn a_later_screening_takes_the_place_of_an_unsent_one(outbox: &dyn Outbox) {
    outbox.enqueue(&[mail(1, 0), mail(2, 0)]).await.expect("enqueues");
    let mut old = claim(outbox, 0, 10).await;
    old.sort_by_key(|row| row.mail.comment);
    settle(outbox, 1, old[1].claim, Fate::Sent).await;
    let later = |n| NewMail { event: vec![9], ..mail(n, 2) };
    outbox.enqueue(&[later(1), later(2)]).await.expect("enqueues");
    // Skipped for the sake of the screening that was replaced meanwhile.
    settle(outbox, 3, old[0].claim, Fate::Skipped { reason: "screened" }).await;
    let new = claim(outbox, 3, 10).await;
    assert_eq!(new.len(), 1, "what was sent stays sent");
    assert_eq!((new[0].mail.comment, &new[0].mail.event, new[0].attempt), (Uuid::from_u128(1), &vec![9], 1));
    outbox.enqueue(&[later(1)]).await.expect("enqueues");
    assert!(claim(outbox, 4, 10).await.is_empty(), "the same again leaves its claim");
}

async fn a_claim_that_ran_out_settles_nothing_but_what_was_sent(outbox: &dyn Outbox) {
    outbox.enqueue(&[mail(1, 0), mail(2, 0)]).await.expect("enqueues");
    let mut old = claim(outbox, 0, 10).await;
    old.sort_by_key(|row| row.mail.comment);
    let mut new = claim(outbox, 301, 10).await;
    new.sort_by_key(|row| row.mail.comment);
    settle(outbox, 302, old[0].claim, Fate::Retry { at: at(302), error: "450".into() }).await;
    settle(outbox, 302, old[1].claim, Fate::Sent).await;
    assert!(claim(outbox, 310, 10).await.is_empty(), "the newer claim holds");
    settle(outbox, 311, new[0].claim, Fate::Sent).await;
    settle(outbox, 311, new[1].claim, Fate::Failed { error: "550".into() }).await;
    assert_eq!(outbox.depth().await.expect("counts"), Depth { sent: 2, ..Depth::default() }, "sent stays sent");
}

async fn only_old_settled_rows_are_purged(outbox: &dyn Outbox) {
    outbox.enqueue(&(0..4).map(|n| mail(n, 0)).collect::<Vec<_>>()).await.expect("enqueues");
    let rows = claim(outbox, 0, 10).await;
    settle(outbox, 10, rows[0].claim, Fate::Sent).await;
    settle(outbox, 10, rows[1].claim, Fate::Failed { error: "550".into() }).await;
    settle(outbox, 20, rows[2].claim, Fate::Skipped { reason: "decided" }).await;
    assert_eq!(outbox.purge(at(15), 1).await.expect("purges"), 1);
    assert_eq!(outbox.purge(at(15), 10).await.expect("purges"), 1);
    assert_eq!(outbox.purge(at(15), 10).await.expect("purges"), 0);
    assert_eq!(outbox.depth().await.expect("counts"), Depth { pending: 1, skipped: 1, ..Depth::default() });
}

async fn sent_mails_come_in_pages(outbox: &dyn Outbox) {
    assert!(outbox.sent(None, 10).await.expect("a page").is_empty());
    outbox.enqueue(&(0..9).map(|n| mail(n, 0)).collect::<Vec<_>>()).await.expect("enqueues");
    let rows = claim(outbox, 0, 10).await;
    for row in &rows[..7] {
        settle(outbox, 1, row.claim, Fate::Sent).await;
    }
    settle(outbox, 1, rows[7].claim, Fate::Failed { error: "550".into() }).await;
    let mut expected: Vec<_> = rows[..7].iter().map(|row| (row.mail.id, row.mail.comment)).collect();
    expected.sort_unstable();
    let (mut sent, mut after) = (Vec::new(), None);
    loop {
        let page = outbox.sent(after, 3).await.expect("a page");
        assert!(page.len() <= 3);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        sent.extend(page);
    }
    assert_eq!(sent, expected, "each once, in order, and nothing that was not sent");
}

async fn claimants_never_share_a_row(outbox: Arc<dyn Outbox>) {
    const ROWS: usize = 1_000;
    let mails: Vec<_> = (0..ROWS as u128).map(|n| mail(n, 0)).collect();
    outbox.enqueue(&mails).await.expect("enqueues");
    let claimant = |outbox: Arc<dyn Outbox>| async move {
        let mut mine = Vec::new();
        loop {
            let rows = claim(&*outbox, 1, 7).await;
            if rows.is_empty() {
                return mine;
            }
            mine.extend(rows.into_iter().map(|row| row.claim.id));
        }
    };
    let claimants: Vec<_> = (0..4).map(|_| tokio::spawn(claimant(outbox.clone()))).collect();
    let mut claimed = Vec::new();
    for claimant in claimants {
        claimed.extend(claimant.await.expect("no panic"));
    }
    let distinct: HashSet<_> = claimed.iter().collect();
    // A claimant may find nothing while others hold the last rows; what counts is that none has two owners.
    assert_eq!((claimed.len(), distinct.len()), (ROWS, ROWS));
}
