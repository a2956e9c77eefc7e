//! A broker of its own that goes away in the midst of the work and comes back.

use std::{
    fs, io,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use rejoinder_pipeline::{LogError, kafka::KafkaSettings};
use rejoinder_proto::Topic;
use rstest::rstest;
use tempfile::TempDir;

use crate::fixture::{Fixture, cluster, limits, numbered, numbers, passed_on, progress, some};

/// A Kafka in a folder of its own.
struct Broker {
    folder: TempDir,
    port: u16,
    controller: u16,
}

#[derive(Clone, Copy)]
enum Absence {
    /// It ends, and is started again: connections are refused.
    Ended,
    /// It hangs: connections stand, and nothing answers.
    Frozen,
}

impl Broker {
    fn start() -> Self {
        let listener = || TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (first, second) = (listener(), listener());
        let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let broker = Self { folder, port: port(&first), controller: port(&second) };
        drop((first, second));
        broker.script("up", "kafka");
        broker
    }

    fn script(&self, name: &str, argument: &str) {
        let done = self.run(name, argument).expect("the script runs");
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn run(&self, name: &str, argument: &str) -> io::Result<Output> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local").join(name);
        Command::new(path)
            .arg(argument)
            .env("REJOINDER_LOCAL_DIR", self.folder.path())
            .env("KAFKA_PORT", self.port.to_string())
            .env("KAFKA_CONTROLLER_PORT", self.controller.to_string())
            .stdout(Stdio::null())
            .output()
    }

    fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.folder.path().join("kafka.pid")).expect("a pid file");
        let status = Command::new("kill").args(["-s", signal, pid.trim()]).status().expect("kill runs");
        assert!(status.success(), "kill -s {signal}");
    }

    fn go_away(&self, how: Absence) {
        match how {
            Absence::Ended => self.script("down", ""),
            Absence::Frozen => self.signal("STOP"),
        }
    }

    fn come_back(&self, how: Absence) {
        match how {
            Absence::Ended => self.script("up", "kafka"),
            Absence::Frozen => self.signal("CONT"),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Whatever the test left of it: no assertion here, since a failed test must not panic twice.
        if let Ok(pid) = fs::read_to_string(self.folder.path().join("kafka.pid")) {
            let _ = Command::new("kill").args(["-s", "CONT", pid.trim()]).status();
        }
        let _ = self.run("down", "--purge");
    }
}

#[rstest]
fn a_broker_that_goes_away_loses_nothing(#[values(Absence::Ended, Absence::Frozen)] absence: Absence) {
    // Where no Kafka is to be tried, none is started either.
    let Some(settings) = cluster() else { return };
    let broker = Broker::start();
    let brokers = format!("127.0.0.1:{}", broker.port);
    let fixture = Fixture::on(KafkaSettings { brokers, transaction_timeout_ms: 5_000, ..settings });
    fixture.append(numbered(100, 10));
    let mut consumer = fixture.join("absent", "0");
    let done = some(&mut *consumer, 20);
    consumer.commit(done.iter().map(passed_on).collect(), &progress(&done)).expect("a commit");

    let in_hand = some(&mut *consumer, 20);
    broker.go_away(absence);
    let started = Instant::now();
    let error = consumer.commit(in_hand.iter().map(passed_on).collect(), &progress(&in_hand)).expect_err("no broker");
    assert!(!matches!(error, LogError::Fatal(_)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    // What was fetched before may still be handed out, but nothing of it can be committed; then the silence is noticed.
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < until, "the absence was never noticed");
        match consumer.poll(limits(20)) {
            Err(LogError::Unavailable(_)) => break,
            Err(error) => panic!("{error}"),
            Ok(batch) if batch.is_empty() => {}
            Ok(batch) => {
                let outputs = batch.iter().map(passed_on).collect();
                let error = consumer.commit(outputs, &progress(&batch)).expect_err("no broker");
                assert!(!matches!(error, LogError::Fatal(_)), "{error}");
            }
        }
    }
    consumer.idle(Duration::from_millis(100)).expect("waiting");

    broker.come_back(absence);
    let mut passed = done.len();
    let until = Instant::now() + Duration::from_secs(60);
    while passed < 100 {
        assert!(Instant::now() < until, "{passed} of 100 passed");
        let Ok(batch) = consumer.poll(limits(20)) else { continue };
        match consumer.commit(batch.iter().map(passed_on).collect(), &progress(&batch)) {
            Ok(()) => passed += batch.len(),
            Err(LogError::Fatal(reason)) => panic!("{reason}"),
            Err(_) => {}
        }
    }
    assert_eq!(numbers(&fixture.read(Topic::Validated)), (0..100).collect::<Vec<_>>());
    consumer.leave();
    drop(fixture);
}
