//! The runner asks a stage of the next batch while one commits. Only Kafka's members read ahead.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use rejoinder_pipeline::{BatchLimits, Consumer, Delivered, LogError, Progress, Record, runner::RunnerSettings};
use rejoinder_proto::Topic;
use rstest::rstest;

use crate::{
    fixture::{Fixture, Transport, eventually, nothing},
    worker::{Gate, Levers, Toy, Worker, comment, garbage, ids, letter, patient},
};

/// Records in a batch: so few that there is always a backlog.
const BATCH: usize = 5;
const RECORDS: usize = 60;

fn small() -> RunnerSettings {
    RunnerSettings { max_records: BATCH, ..patient() }
}

/// A member that commits only once the stage was asked of the batch that was read ahead.
struct Late {
    member: Box<dyn Consumer>,
    levers: Levers,
    /// How many commits are still to fail: every second one does.
    failing: usize,
    commits: usize,
    /// The batches that the stage will have been asked of.
    awaited: Option<usize>,
    /// How many commits have met the stage at work.
    met: Arc<AtomicUsize>,
    /// Where the stage waits with the first batch that was read ahead.
    gate: Option<Gate>,
}

impl Late {
    fn new(fixture: &Fixture, levers: &Levers, failing: usize) -> Self {
        let (member, levers) = (fixture.join("toy", "0"), levers.clone());
        Self { member, levers, failing, commits: 0, awaited: None, met: Arc::default(), gate: None }
    }

    fn asked(&self) -> usize {
        self.levers.batches.lock().expect("no poison").len()
    }
}

impl Consumer for Late {
    fn poll(&mut self, limits: BatchLimits) -> Result<Vec<Delivered>, LogError> {
        self.member.poll(limits)
    }

    fn poll_ahead(&mut self, limits: BatchLimits) -> Result<Vec<Delivered>, LogError> {
        let next = self.member.poll_ahead(limits)?;
        self.awaited = (!next.is_empty()).then(|| self.asked() + 1);
        if let Some(gate) = self.gate.take_if(|_| !next.is_empty()) {
            *self.levers.gate.lock().expect("no poison") = Some(gate);
        }
        Ok(next)
    }

    fn commit(&mut self, outputs: Vec<Record>, progress: &Progress) -> Result<(), LogError> {
        if let Some(asked) = self.awaited.take() {
            eventually("the stage is asked of the next batch", || self.asked() >= asked);
            self.met.fetch_add(1, Ordering::SeqCst);
        }
        self.commits += 1;
        if self.failing > 0 && self.commits.is_multiple_of(2) {
            self.failing -= 1;
            self.member.rewind(progress)?;
            return Err(LogError::Replay("the test says so".to_owned()));
        }
        self.member.commit(outputs, progress)
    }

    fn rewind(&mut self, progress: &Progress) -> Result<(), LogError> {
        self.member.rewind(progress)
    }

    fn idle(&mut self, time: Duration) -> Result<(), LogError> {
        self.member.idle(time)
    }

    fn lag(&mut self) -> Vec<(Topic, i32, i64)> {
        self.member.lag()
    }

    fn leave(self: Box<Self>) {
        self.member.leave();
    }
}

fn sent(fixture: &Fixture) -> Vec<Record> {
    let sent: Vec<_> = (0..RECORDS).map(|n| comment(&format!("t{}", n % 7), "hello")).collect();
    fixture.append(sent.clone());
    sent
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

fn ids_of(records: &[Record]) -> Vec<String> {
    sorted(records.iter().filter_map(|record| record.headers.text("ce_id").map(str::to_owned)).collect())
}

#[rstest]
#[case::all_commit(0)]
#[case::some_fail(4)]
fn the_next_batch_is_judged_while_one_commits(#[case] failing: usize) {
    let Some(fixture) = Transport::Kafka.open() else { return };
    let sent = sent(&fixture);
    let levers = Levers::default();
    let late = Late::new(&fixture, &levers, failing);
    let met = Arc::clone(&late.met);
    let worker = Worker::of(Toy::<true>(levers.clone()), Box::new(late), small());
    eventually("all pass", || fixture.read(Topic::Rejected).len() >= RECORDS);
    worker.stop().expect("the worker stops");
    assert_eq!(sorted(ids(&fixture, Topic::Rejected)), ids_of(&sent), "each once");
    assert!(met.load(Ordering::SeqCst) >= RECORDS / BATCH / 2, "{met:?} of {:?}", levers.batches);
    nothing(&mut *fixture.join("toy", "0"));
}

#[test]
fn a_stage_that_judges_by_what_came_before_is_not_asked_ahead() {
    let Some(fixture) = Transport::Kafka.open() else { return };
    sent(&fixture);
    let levers = Levers::default();
    let late = Late::new(&fixture, &levers, 0);
    let met = Arc::clone(&late.met);
    let worker = Worker::of(Toy::<false>(levers), Box::new(late), small());
    eventually("all pass", || fixture.read(Topic::Rejected).len() == RECORDS);
    worker.stop().expect("the worker stops");
    assert_eq!(met.load(Ordering::SeqCst), 0);
}

#[test]
fn what_goes_wrong_ahead_goes_wrong_in_its_turn() {
    let Some(fixture) = Transport::Kafka.open() else { return };
    let odd = |n: usize| match n % 12 {
        3 => garbage("a"),
        8 => comment("a", "panic"),
        _ => comment("a", "hello"),
    };
    let sent: Vec<_> = (0..RECORDS).map(odd).collect();
    fixture.append(sent.clone());
    let levers = Levers::default();
    let worker = Worker::of(Toy::<true>(levers.clone()), fixture.join("toy", "0"), small());
    eventually("some pass", || fixture.read(Topic::Rejected).len() >= BATCH);
    levers.down.store(true, Ordering::SeqCst);
    let asked = || levers.batches.lock().expect("no poison").len();
    let before = asked();
    eventually("it tries again, or is done", || asked() > before + 2 || fixture.read(Topic::Rejected).len() == 50);
    levers.down.store(false, Ordering::SeqCst);
    eventually("all pass", || fixture.read(Topic::Rejected).len() >= 50);
    worker.stop().expect("the worker stops");
    // One thread of comments is one partition, which keeps its order.
    let id = |n: usize| sent[n].headers.text("ce_id").expect("an id").to_owned();
    let passed = (0..RECORDS).filter(|n| ![3, 8].contains(&(n % 12))).map(id);
    assert_eq!(ids(&fixture, Topic::Rejected), passed.collect::<Vec<_>>());
    let dead = fixture.read(Topic::DeadLetter).iter().map(|dead| letter(&dead.record).reason).collect::<Vec<_>>();
    assert_eq!(dead, ["undecodable", "panic"].repeat(RECORDS / 12));
}

#[test]
fn a_stop_finishes_what_is_judged() {
    let Some(fixture) = Transport::Kafka.open() else { return };
    sent(&fixture);
    let levers = Levers::default();
    let (here, arrived) = mpsc::channel();
    let (release, go_on) = mpsc::channel();
    let late = Late { gate: Some((here, go_on)), ..Late::new(&fixture, &levers, 0) };
    let worker = Worker::of(Toy::<true>(levers.clone()), Box::new(late), small());
    arrived.recv().expect("the stage has the batch that was read ahead");
    worker.stop.cancel();
    release.send(()).expect("the stage waits");
    worker.end().expect("the worker stops");
    let judged: usize = levers.batches.lock().expect("no poison").iter().sum();
    assert_eq!(fixture.read(Topic::Rejected).len(), judged);
    assert!((BATCH + 1..RECORDS).contains(&judged), "{judged}");
}
