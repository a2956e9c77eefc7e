//! Workers that share a group.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use rejoinder_pipeline::{BatchLimits, Consumer, Delivered, LogError};
use rejoinder_proto::Topic;
use rstest::rstest;

use crate::fixture::{PATIENCE, Transport, eventually, gather, limits, numbered, numbers, passed_on, progress, some};

/// Passes records on until `enough` says so of the batches done; gives how many records it passed on.
fn work(mut consumer: Box<dyn Consumer>, total: &AtomicUsize, enough: impl Fn(usize) -> bool) -> usize {
    let (mut done, mut batches) = (0, 0);
    let until = Instant::now() + PATIENCE;
    while !enough(batches) {
        assert!(Instant::now() < until, "the work is not done in time");
        let batch = match consumer.poll(limits(20)) {
            Ok(batch) => batch,
            Err(LogError::Fatal(reason)) => panic!("{reason}"),
            Err(_) => continue,
        };
        if batch.is_empty() {
            continue;
        }
        match consumer.commit(batch.iter().map(passed_on).collect(), &progress(&batch)) {
            Ok(()) => {
                batches += 1;
                done += batch.len();
                total.fetch_add(batch.len(), Ordering::SeqCst);
            }
            Err(LogError::Fatal(reason)) => panic!("{reason}"),
            Err(_) => {}
        }
    }
    consumer.leave();
    done
}

#[rstest]
fn two_workers_share_and_one_leaves(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    let (total, fed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let mut sent = 0;
    thread::scope(|scope| {
        let (stays, leaves) = (fixture.join("shared", "stays"), fixture.join("shared", "leaves"));
        let first = scope.spawn(|| work(stays, &total, |_| total.load(Ordering::SeqCst) >= fed.load(Ordering::SeqCst)));
        // The second leaves after a few batches of its own, with more records still to come.
        let second = scope.spawn(|| work(leaves, &total, |batches| batches >= 5));
        let mut feed = || {
            fixture.append(numbered(sent + 50, 40).split_off(sent));
            sent += 50;
        };
        while !second.is_finished() {
            feed();
        }
        (0..5).for_each(|_| feed());
        fed.store(sent, Ordering::SeqCst);
        assert!(second.join().expect("the second worker") > 0);
        first.join().expect("the first worker");
    });
    assert_eq!(numbers(&fixture.read(Topic::Validated)), (0..sent).collect::<Vec<_>>());
}

#[rstest]
fn who_leaves_makes_room_at_once(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(40, 20));
    let mut first = fixture.join("room", "first");
    let unfinished = gather(&mut *first, 40);
    assert_eq!(unfinished.len(), 40);
    let mut second = fixture.join("room", "second");
    // It may be given a share already.
    let mut taken = second.poll(limits(40)).expect("a poll");
    let started = Instant::now();
    first.leave();
    let left = 40 - taken.len();
    taken.extend(gather(&mut *second, left));
    assert_eq!(numbers(&taken), (0..40).collect::<Vec<_>>());
    // A member that only falls silent keeps its partitions for the session's 6 s.
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    second.leave();
}

#[rstest]
fn a_member_that_joins_takes_nothing_twice(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    let total = AtomicUsize::new(0);
    fixture.append(numbered(400, 40));
    thread::scope(|scope| {
        let mut first = fixture.join("joins", "0");
        // It has a batch in hand while the others come.
        let batch = some(&mut *first, 100);
        let workers: Vec<_> = (1..3)
            .map(|n| {
                let consumer = fixture.join("joins", &n.to_string());
                scope.spawn(|| work(consumer, &total, |_| total.load(Ordering::SeqCst) >= 400))
            })
            .collect();
        match first.commit(batch.iter().map(passed_on).collect(), &progress(&batch)) {
            Ok(()) => {
                total.fetch_add(batch.len(), Ordering::SeqCst);
            }
            Err(LogError::Replay(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let first = scope.spawn(|| work(first, &total, |_| total.load(Ordering::SeqCst) >= 400));
        for worker in workers.into_iter().chain([first]) {
            worker.join().expect("a worker");
        }
    });
    assert_eq!(numbers(&fixture.read(Topic::Validated)), (0..400).collect::<Vec<_>>());
}

#[rstest]
fn a_batch_in_hand_is_not_done_twice(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(40, 20));
    let mut first = fixture.join("hand", "first");
    let in_hand = gather(&mut *first, 40);
    // Another comes, does what it is given, and goes, before the first one is done.
    let mut second = fixture.join("hand", "second");
    for _ in 0..10 {
        let batch = second.poll(limits(40)).expect("a poll");
        if !batch.is_empty() {
            second.commit(batch.iter().map(passed_on).collect(), &progress(&batch)).expect("a commit");
        }
    }
    second.leave();
    let mut commit = |batch: &[Delivered]| match first.commit(batch.iter().map(passed_on).collect(), &progress(batch)) {
        Ok(()) | Err(LogError::Replay(_)) => first.poll(limits(40)).expect("a poll"),
        Err(error) => panic!("{error}"),
    };
    let mut next = commit(&in_hand);
    while !next.is_empty() {
        next = commit(&next);
    }
    eventually("all are done", || {
        let batch = first.poll(limits(40)).expect("a poll");
        if !batch.is_empty() {
            first.commit(batch.iter().map(passed_on).collect(), &progress(&batch)).expect("a commit");
        }
        fixture.read(Topic::Validated).len() >= 40
    });
    assert_eq!(numbers(&fixture.read(Topic::Validated)), (0..40).collect::<Vec<_>>());
    first.leave();
}

#[rstest]
fn what_is_taken_away_while_a_batch_is_gathered_is_not_done_twice(
    #[values(Transport::Sqlite, Transport::Kafka)] transport: Transport,
) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(40, 20));
    let total = AtomicUsize::new(0);
    let mut first = fixture.join("taken", "first");
    let held = gather(&mut *first, 40);
    first.rewind(&progress(&held)).expect("a rewind");
    thread::scope(|scope| {
        let second = fixture.join("taken", "second");
        let second = scope.spawn(|| work(second, &total, |_| total.load(Ordering::SeqCst) >= 40));
        // All records are gathered at once, and then it waits for more while the second takes its share.
        let batch = first.poll(BatchLimits { linger: Duration::from_secs(4), ..limits(100) }).expect("a poll");
        match first.commit(batch.iter().map(passed_on).collect(), &progress(&batch)) {
            Ok(()) => {
                total.fetch_add(batch.len(), Ordering::SeqCst);
            }
            Err(LogError::Replay(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let first = work(first, &total, |_| total.load(Ordering::SeqCst) >= 40);
        assert!(second.join().expect("the second worker") + first <= 40);
    });
    assert_eq!(numbers(&fixture.read(Topic::Validated)), (0..40).collect::<Vec<_>>());
}

#[rstest]
fn a_partition_that_goes_and_comes_back_while_waiting_is_read(
    #[values(Transport::Sqlite, Transport::Kafka)] transport: Transport,
) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(40, 20));
    let mut first = fixture.join("back", "first");
    let held = gather(&mut *first, 40);
    first.rewind(&progress(&held)).expect("a rewind");
    let mut second = fixture.join("back", "second");
    eventually("the second has a share", || {
        first.idle(Duration::from_millis(20)).expect("waiting");
        !second.poll(limits(40)).expect("a poll").is_empty()
    });
    second.leave();
    for _ in 0..20 {
        first.idle(Duration::from_millis(50)).expect("waiting");
    }
    let again = gather(&mut *first, 40);
    assert_eq!(numbers(&again), (0..40).collect::<Vec<_>>());
    first.leave();
}

#[test]
fn what_is_taken_away_while_more_is_read_is_not_done_twice() {
    // Only Kafka's members read ahead.
    let Some(fixture) = Transport::Kafka.open() else { return };
    fixture.append(numbered(80, 20));
    let mut first = fixture.join("ahead", "first");
    let in_hand = gather(&mut *first, 40);
    let mut second = fixture.join("ahead", "second");
    let mut theirs = Vec::new();
    eventually("the second has a share", || {
        let more = first.poll_ahead(limits(40)).expect("a poll");
        first.rewind(&progress(&more)).expect("a rewind");
        theirs = second.poll(limits(80)).expect("a poll");
        !theirs.is_empty()
    });
    second.commit(theirs.iter().map(passed_on).collect(), &progress(&theirs)).expect("a commit");
    let refused = first.commit(in_hand.iter().map(passed_on).collect(), &progress(&in_hand));
    assert!(matches!(refused, Err(LogError::Replay(_))), "{refused:?}");
    let total = AtomicUsize::new(theirs.len());
    thread::scope(|scope| {
        let both =
            [first, second].map(|member| scope.spawn(|| work(member, &total, |_| total.load(Ordering::SeqCst) >= 80)));
        both.into_iter().for_each(|member| assert!(member.join().is_ok(), "a worker"));
    });
    assert_eq!(numbers(&fixture.read(Topic::Validated)), (0..80).collect::<Vec<_>>());
}
