//! The order within a thread while workers come and go.

use std::sync::atomic::{AtomicBool, Ordering};

use rejoinder_pipeline::{Log, kafka::KafkaLog};
use rejoinder_proto::{Topic, v1};

use crate::{
    distributed::Deployment,
    harness::{
        replicas::Replica,
        topics::{answer, append, by_thread, committed, drawn, said},
        until,
    },
};

const STAGES: [&str; 3] = ["validator", "spam-filter", "comment-store"];
const THREADS: usize = 12;
/// How often a replica of every worker comes and another one goes.
const ROUNDS: usize = 5;

/// Keeps a conversation going on every thread until it is told to stop; every third comment answers an earlier one, which may
/// still be on its way. Gives them in the order of each thread.
async fn talk(log: &dyn Log, stop: &AtomicBool) -> Vec<v1::CommentSubmitted> {
    let publisher = log.publisher().expect("a publisher");
    let mut events: Vec<v1::CommentSubmitted> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let number = events.len();
        // The last one on this thread, or the one before it.
        let earlier = number.checked_sub(THREADS * (1 + number % 2)).map(|at| &events[at]);
        let event = match earlier.filter(|earlier| number.is_multiple_of(3) && earlier.parent_id.is_empty()) {
            Some(earlier) => answer(earlier, number),
            None => said(&format!("t{}", number % THREADS), number),
        };
        append(&*publisher, &event).await;
        events.push(event);
    }
    events
}

/// Waits until a replica has its share of the work.
async fn takes_part(replica: &Replica) {
    until("the new replica takes part", async || replica.consumed().await > 0).await;
}

#[tokio::test]
async fn every_threads_order_holds_while_workers_come_and_go() {
    let test = "every_threads_order_holds_while_workers_come_and_go";
    let rest = "policy.screening.mode = \"post\"\npolicy.validation.flood_seconds = 0\n\
                policy.screening.burst_weight = 0.0\npolicy.screening.campaign_weight = 0.0\n\
                policy.screening.model_weight_max = 0.0\n\
                kafka.session_timeout_ms = 6000\nkafka.transaction_timeout_ms = 6000\n";
    let Some(house) = Deployment::start(test, rest).await else { return };
    let log = KafkaLog::new(house.kafka.clone()).expect("settings");
    let stop = AtomicBool::new(false);
    let come_and_go = async {
        // The first of each is the deployment's own; its turn comes first.
        let mut oldest: Vec<_> = house.workers;
        for round in 0..ROUNDS {
            // Three names by turns: a replica that was killed comes back under its own.
            let name = format!("replica-{}", round % 3);
            let new = STAGES.map(|stage| house.home.replica(stage, &name));
            for replica in &new[..2] {
                takes_part(replica).await;
            }
            for mut process in std::mem::replace(&mut oldest, new.into_iter().map(|replica| replica.process).collect())
            {
                if round % 2 == 0 { process.kill() } else { assert!(process.terminate().success()) }
            }
        }
        stop.store(true, Ordering::Relaxed);
        oldest
    };
    let (events, workers) = tokio::join!(talk(&log, &stop), come_and_go);
    let rows = house.database.settled(events.len() as u64).await;
    assert!(rows.values().all(|state| *state == 1), "every comment is there");

    let submitted = by_thread(&events);
    assert!(
        submitted.len() == THREADS && submitted.values().all(|ids| ids.len() > 20),
        "a conversation on every thread"
    );
    assert_eq!(by_thread(&committed::<v1::CommentSubmitted>(&log, Topic::Submitted)), submitted);
    assert!(by_thread(&committed::<v1::CommentScreened>(&log, Topic::Screened)) == submitted, "screened");
    // The rows are there a moment before the transaction that tells of them.
    until("all are published in the order of each thread", async || {
        by_thread(&committed::<v1::CommentPublished>(&log, Topic::Published)) == submitted
    })
    .await;
    for thread in 0..THREADS {
        let thread = format!("t{thread}");
        let is_here = |event: &&v1::CommentSubmitted| event.thread.as_ref().is_some_and(|here| here.id == thread);
        let here: Vec<_> = events.iter().filter(is_here).cloned().collect();
        assert_eq!(house.gateway.thread(&thread).await, drawn(&here), "as readers see {thread}");
    }
    drop(workers);
}
