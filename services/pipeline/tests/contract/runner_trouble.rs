//! The runner end to end, when things go wrong.

use std::{sync::atomic::Ordering, sync::mpsc};

use rejoinder_pipeline::{
    Record,
    health::State,
    runner::{RunError, RunnerSettings},
};
use rejoinder_proto::Topic;
use rstest::rstest;

use crate::{
    fixture::{Transport, eventually, gather, nothing},
    worker::{Levers, Worker, comment, garbage, ids, letter, patient},
};

#[rstest]
fn what_cannot_be_used_becomes_a_dead_letter(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    let sent =
        vec![comment("a", "one"), garbage("a"), comment("a", "reject"), comment("a", "two"), comment("a", "drop")];
    let positions = fixture.append(sent.clone());
    let worker = Worker::start(&fixture, &Levers::default(), patient());
    eventually("two comments pass", || fixture.read(Topic::Rejected).len() == 2);
    let dead = fixture.read(Topic::DeadLetter);
    worker.stop().expect("the worker stops");
    let id = |index: usize| sent[index].headers.text("ce_id").expect("an id").to_owned();
    assert_eq!(ids(&fixture, Topic::Rejected), [id(0), id(3)]);
    assert_eq!(dead.len(), 2, "in the same transaction as the outputs");
    for (found, (index, reason)) in dead.iter().zip([(1, "undecodable"), (2, "impossible")]) {
        let header = |name: &str| found.record.headers.text(&format!("__connect.errors.{name}"));
        assert_eq!(header("topic"), Some("comments.submitted"));
        assert_eq!(header("partition"), Some(positions[index].partition.to_string().as_str()));
        assert_eq!(header("offset"), Some(positions[index].offset.to_string().as_str()));
        assert_eq!(header("stage"), Some("toy"));
        assert_eq!(header("exception.class.name"), Some(reason));
        assert_eq!(found.record.key, sent[index].key);
        assert!(found.record.headers.text("traceparent").is_some_and(|trace| trace.contains("4bf92f3577b34da6")));
        let letter = letter(&found.record);
        assert_eq!((letter.reason.as_str(), letter.id), (reason, id(index)));
        assert_eq!(letter.payload.map(|payload| payload.to_vec()), sent[index].payload);
    }
    nothing(&mut *fixture.join("toy", "0"));
}

#[rstest]
fn a_flood_of_garbage_stops_the_worker(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append((0..150).map(|_| garbage("a")).collect());
    let worker = Worker::start(&fixture, &Levers::default(), RunnerSettings::default());
    let health = worker.health.clone();
    let error = worker.end().expect_err("the breaker trips");
    assert!(matches!(error, RunError::Breaker { .. }));
    assert!(error.to_string().contains("101 unusable records in a row"), "{error}");
    assert_eq!(health.snapshot().get("toy"), Some(&State::Stopped));
    let dead = fixture.read(Topic::DeadLetter).len();
    // A batch before the last one may have been small enough to pass; the rest is still there.
    let rest = gather(&mut *fixture.join("toy", "0"), 150 - dead);
    assert!(dead <= 100 && rest.len() >= 50, "{dead} dead letters");
}

#[rstest]
fn a_dependency_that_is_down_holds_the_offsets(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    let levers = Levers::default();
    levers.down.store(true, Ordering::SeqCst);
    let sent: Vec<_> = (0..20).map(|n| comment(&format!("t{}", n % 4), "hello")).collect();
    fixture.append(sent.clone());
    let worker = Worker::start(&fixture, &levers, patient());
    let waits = State::Waiting { dependency: "database".into() };
    eventually("it says what it waits for", || worker.health.snapshot().get("toy") == Some(&waits));
    assert!(!worker.health.is_ready());
    eventually("it tries again", || levers.batches.lock().expect("no poison").len() >= 4);
    assert!(fixture.read(Topic::Rejected).is_empty());
    levers.down.store(false, Ordering::SeqCst);
    eventually("it goes on by itself", || fixture.read(Topic::Rejected).len() == 20);
    eventually("it is ready again", || worker.health.is_ready());
    worker.stop().expect("the worker stops");
    let (mut passed, mut all) = (ids(&fixture, Topic::Rejected), Vec::new());
    all.extend(sent.iter().filter_map(|record| record.headers.text("ce_id").map(str::to_owned)));
    passed.sort();
    all.sort();
    assert_eq!(passed, all);
}

#[rstest]
fn a_record_that_makes_the_stage_panic_dies_alone(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    let sent: Vec<_> = (0..9).map(|n| comment("a", if n == 4 { "panic" } else { "hello" })).collect();
    fixture.append(sent.clone());
    let worker = Worker::start(&fixture, &Levers::default(), patient());
    eventually("the others pass", || fixture.read(Topic::Rejected).len() == 8);
    worker.stop().expect("the worker stops");
    let dead = fixture.read(Topic::DeadLetter);
    assert_eq!(dead.len(), 1);
    let letter = letter(&dead[0].record);
    assert_eq!(letter.reason, "panic");
    assert_eq!(Some(letter.id.as_str()), sent[4].headers.text("ce_id"));
}

#[rstest]
fn a_stop_finishes_the_batch_and_leaves(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    let levers = Levers::default();
    let (here, arrived) = mpsc::channel();
    let (release, go_on) = mpsc::channel();
    *levers.gate.lock().expect("no poison") = Some((here, go_on));
    fixture.append(vec![comment("a", "hello")]);
    let worker = Worker::start(&fixture, &levers, patient());
    arrived.recv().expect("the stage has the batch");
    worker.stop.cancel();
    release.send(()).expect("the stage waits");
    worker.end().expect("the worker stops");
    assert_eq!(fixture.read(Topic::Rejected).len(), 1);
    nothing(&mut *fixture.join("toy", "0"));
}

#[rstest]
fn a_replayed_letter_is_read_by_the_stage_that_failed_alone(
    #[values(Transport::Sqlite, Transport::Kafka)] transport: Transport,
) {
    let Some(fixture) = transport.open() else { return };
    let meant_for = |stage: &str, body: &str| {
        let record = comment("a", body);
        Record { headers: record.headers.clone().with("rejoinder-stage", stage), ..record }
    };
    let foreign = || Record { payload: Some(b"\xff\xff".to_vec()), ..meant_for("another", "") };
    let sent = [foreign(), meant_for("toy", "mine"), foreign(), comment("a", "everybody's"), foreign()];
    fixture.append(sent.to_vec());
    let worker = Worker::start(&fixture, &Levers::default(), patient());
    eventually("what is for it passes", || fixture.read(Topic::Rejected).len() == 2);
    fixture.append(vec![foreign()]);
    let done = || fixture.log().committed("toy").expect("offsets").values().sum::<i64>();
    eventually("the rest is passed over", || done() == 6);
    worker.stop().expect("the worker stops");
    let id = |index: usize| sent[index].headers.text("ce_id").expect("an id").to_owned();
    assert_eq!(ids(&fixture, Topic::Rejected), [id(1), id(3)]);
    assert!(fixture.read(Topic::DeadLetter).is_empty(), "another stage's record is not even decoded");
}
