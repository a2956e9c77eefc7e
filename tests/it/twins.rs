//! Two publishers, the same comment, the same instant.

use std::collections::HashMap;

use futures::{StreamExt, future::join, stream};
use rejoinder_pipeline::{Log, kafka::KafkaLog};
use rejoinder_proto::{Topic, v1};
use uuid::Uuid;

use crate::{
    distributed::Deployment,
    harness::{
        topics::{append, committed, said},
        until,
    },
};

/// How many pairs of each kind; `REJOINDER_TEST_PAIRS` says otherwise.
const PAIRS: usize = 10_000;

/// Threads of comments that only show who is at work.
const WARM_UP: &str = "warm-up-";

fn id_of(event: &v1::CommentSubmitted) -> Uuid {
    event.id.parse().expect("an id")
}

/// The same comment sent by two publishers at one instant is one comment, whether under one id or two: with two replicas of
/// every worker, no more and no less than one row, one publication, and one rejection for a second id. By default ten thousand
/// times each.
#[tokio::test]
async fn the_same_comment_from_two_publishers_at_one_instant_is_one_comment() {
    let test = "the_same_comment_from_two_publishers_at_one_instant_is_one_comment";
    let rest = "policy.screening.mode = \"post\"\npolicy.validation.flood_seconds = 0\n";
    let Some(mut house) = Deployment::start(test, rest).await else { return };
    let second = ["validator", "spam-filter", "comment-store"].map(|stage| house.home.replica(stage, "second"));
    let logs = [(), ()].map(|()| KafkaLog::new(house.kafka.clone()).expect("settings"));
    let publishers = logs.each_ref().map(|log| log.publisher().expect("a publisher"));
    // The race is on when every replica has its share of the partitions.
    let mut early = 0;
    until("the second replicas take part", async || {
        for n in 0..30 {
            let thread = format!("{WARM_UP}{n}");
            append(&*publishers[0], &said(&thread, early + n)).await;
            // A rejection: it may be these of which the second store has its partitions.
            append(&*publishers[0], &v1::CommentSubmitted { body: String::new(), ..said(&thread, 0) }).await;
        }
        early += 60;
        let mut consumed = true;
        for replica in &second {
            consumed &= replica.consumed().await > 0;
        }
        consumed
    })
    .await;
    let pairs = std::env::var("REJOINDER_TEST_PAIRS").map_or(PAIRS, |pairs| pairs.parse().expect("a number"));

    let one_id: Vec<_> =
        (0..pairs).map(|n| said(&format!("t{}", n % 97), n)).map(|event| (event.clone(), event)).collect();
    let two_ids: Vec<_> = (pairs..2 * pairs)
        .map(|n| said(&format!("t{}", n % 97), n))
        .map(|event| (event.clone(), v1::CommentSubmitted { id: Uuid::now_v7().to_string(), ..event }))
        .collect();
    // Both kinds by turns, so that batches hold both.
    let all = one_id.iter().zip(&two_ids).flat_map(|(one, two)| [one, two]);
    stream::iter(all)
        .map(|(one, other)| join(append(&*publishers[0], one), append(&*publishers[1], other)))
        .buffered(500)
        .collect::<Vec<_>>()
        .await;

    let rows = house.database.settled((early + 3 * pairs) as u64).await;
    assert_eq!(rows.len(), early + 3 * pairs);
    let is_shown = |id: &Uuid| matches!(rows[id], 1 | 2);
    assert!(one_id.iter().all(|(event, _)| is_shown(&id_of(event))), "every comment under one id is there");
    let losers: Vec<String> = two_ids
        .iter()
        .map(|(one, other)| match (is_shown(&id_of(one)), is_shown(&id_of(other))) {
            (true, false) => other.id.clone(),
            (false, true) => one.id.clone(),
            both => panic!("{} and {}: {both:?}, and not one of two", one.id, other.id),
        })
        .collect();

    let mut rejected = committed::<v1::CommentRejected>(&logs[0], Topic::Rejected);
    rejected.retain(|event| !event.thread_id.starts_with(WARM_UP));
    let mut codes: HashMap<&str, Vec<&str>> = HashMap::new();
    for event in &rejected {
        codes.entry(&event.id).or_default().extend(event.errors.iter().map(|error| error.code.as_str()));
    }
    assert!(losers.iter().all(|id| codes.get(id.as_str()).is_some_and(|codes| codes == &["duplicate"])));
    assert_eq!(rejected.len(), losers.len(), "each second id is rejected once, and nothing else is");
    let published = committed::<v1::CommentPublished>(&logs[0], Topic::Published);
    let shown: HashMap<&str, usize> = published.iter().fold(HashMap::new(), |mut shown, event| {
        *shown.entry(event.id.as_str()).or_default() += 1;
        shown
    });
    assert!(shown.iter().all(|(id, times)| *times == 1 && is_shown(&id.parse().expect("an id"))));
    assert_eq!(shown.len(), rows.values().filter(|state| **state == 1).count());
    assert!(committed::<v1::DeadLetter>(&logs[0], Topic::DeadLetter).is_empty());
    for worker in house.workers.drain(..).chain(second.into_iter().map(|replica| replica.process)) {
        let mut worker = worker;
        assert!(worker.terminate().success());
    }
}
