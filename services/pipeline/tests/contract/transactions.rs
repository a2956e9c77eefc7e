//! Outputs and offsets: both, or neither.

use std::time::Duration;

use rejoinder_proto::Topic;
use rstest::rstest;

use crate::fixture::{Transport, eventually, gather, nothing, numbered, numbers, passed_on, progress, some};

#[rstest]
fn outputs_and_offsets_commit_together(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(30, 3));
    let mut consumer = fixture.join("together", "0");
    let batch = gather(&mut *consumer, 30);
    assert!(fixture.read(Topic::Validated).is_empty());
    consumer.commit(batch.iter().map(passed_on).collect(), &progress(&batch)).expect("a commit");
    assert_eq!(numbers(&fixture.read(Topic::Validated)), (0..30).collect::<Vec<_>>());
    nothing(&mut *consumer);
    consumer.leave();
    nothing(&mut *fixture.join("together", "1"));
    // Another group has its own offsets.
    assert_eq!(gather(&mut *fixture.join("other", "0"), 30).len(), 30);
}

#[rstest]
fn a_batch_without_outputs_moves_the_offsets(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(5, 1));
    let mut consumer = fixture.join("quiet", "0");
    let batch = gather(&mut *consumer, 5);
    consumer.commit(Vec::new(), &progress(&batch)).expect("a commit");
    drop(consumer);
    nothing(&mut *fixture.join("quiet", "0"));
}

#[rstest]
fn a_rewound_batch_comes_again(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(50, 5));
    let mut consumer = fixture.join("rewind", "0");
    let done = gather(&mut *consumer, 10);
    consumer.commit(done.iter().map(passed_on).collect(), &progress(&done)).expect("a commit");
    for round in 0..3 {
        let batch = gather(&mut *consumer, 40);
        consumer.rewind(&progress(&batch)).expect("a rewind");
        // A dependency is away for longer than one wait.
        for _ in 0..round * 3 {
            consumer.idle(Duration::from_millis(100)).expect("waiting");
        }
        let again = gather(&mut *consumer, 40);
        assert_eq!(numbers(&again), numbers(&batch));
        consumer.rewind(&progress(&again)).expect("a rewind");
    }
    // A part of it, by another member, once this one is gone without a word.
    let part = some(&mut *consumer, 10);
    drop(part);
    drop(consumer);
    let mut consumer = fixture.join("rewind", "1");
    let rest = gather(&mut *consumer, 40);
    consumer.commit(rest.iter().map(passed_on).collect(), &progress(&rest)).expect("a commit");
    assert_eq!(numbers(&fixture.read(Topic::Validated)), (0..50).collect::<Vec<_>>());
    consumer.leave();
}

#[rstest]
fn waiting_takes_no_records(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    let mut consumer = fixture.join("idle", "0");
    fixture.append(numbered(1, 1));
    let first = some(&mut *consumer, 1);
    consumer.commit(Vec::new(), &progress(&first)).expect("a commit");
    consumer.idle(Duration::from_millis(50)).expect("waiting");
    fixture.append(numbered(100, 7));
    for _ in 0..10 {
        consumer.idle(Duration::from_millis(100)).expect("waiting");
    }
    assert_eq!(numbers(&gather(&mut *consumer, 100)), (0..100).collect::<Vec<_>>());
    consumer.leave();
}

#[rstest]
fn the_lag_is_what_is_not_committed_and_falls_to_nothing(
    #[values(Transport::Sqlite, Transport::Kafka)] transport: Transport,
) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(90, 9));
    let mut consumer = fixture.join("lag", "0");
    let first = gather(&mut *consumer, 30);
    consumer.commit(first.iter().map(passed_on).collect(), &progress(&first)).expect("a commit");
    let total = |lag: Vec<(Topic, i32, i64)>| lag.iter().map(|(_, _, lag)| lag).sum::<i64>();
    assert_eq!(total(consumer.lag()), 60);
    let rest = gather(&mut *consumer, 60);
    consumer.commit(rest.iter().map(passed_on).collect(), &progress(&rest)).expect("a commit");
    // The outputs' topic ends with the markers of transactions, which are no records.
    let mut next = fixture.log().join("next", "0", &[Topic::Validated]).expect("a member");
    let outputs = gather(&mut *next, 90);
    next.commit(Vec::new(), &progress(&outputs)).expect("a commit");
    eventually("no lag in either group", || {
        nothing(&mut *next);
        nothing(&mut *consumer);
        let lag = next.lag();
        !lag.is_empty() && total(lag) == 0 && total(consumer.lag()) == 0
    });
    consumer.leave();
    next.leave();
}
