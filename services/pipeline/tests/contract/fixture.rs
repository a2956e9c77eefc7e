//! A log of each kind, and small things that the cases share.

use std::{
    env,
    io::Write,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use futures::executor::block_on;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use rejoinder_pipeline::{
    BatchLimits, Consumer, Delivered, Log, LogError, Position, Progress, Publisher, Range, Record,
    kafka::{KafkaLog, KafkaSettings, TopicState},
    sqlite::SqliteLog,
};
use rejoinder_proto::{Topic, headers::Headers};
use tempfile::TempDir;

/// Partitions of each topic.
pub const PARTITIONS: i32 = 4;
/// Long enough for a group to settle on a busy machine; a wait that meets its condition ends at once.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Sqlite,
    Kafka,
}

enum Place {
    File(TempDir),
    Cluster(KafkaSettings),
}

/// A log of its own, removed at the end.
pub struct Fixture {
    place: Place,
    log: Option<Arc<dyn Log>>,
    publisher: OnceLock<Arc<dyn Publisher>>,
}

impl Transport {
    /// A new, empty log. `None`, said aloud, when there is no Kafka to try; that is a failure where CI=true.
    pub fn open(self) -> Option<Fixture> {
        let place = match self {
            Transport::Sqlite => Place::File(tempfile::tempdir().expect("a temporary folder")),
            Transport::Kafka => Place::Cluster(cluster()?),
        };
        Some(Fixture::new(place))
    }
}

/// Settings for the cluster under test, with a prefix that no other test has.
pub fn cluster() -> Option<KafkaSettings> {
    let Ok(brokers) = env::var("REJOINDER_TEST_KAFKA") else {
        let message = "SKIPPED: Kafka was not tried, because REJOINDER_TEST_KAFKA does not say where one is";
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "{message}");
        // Past the test harness, which keeps what a passing test prints.
        writeln!(std::io::stderr(), "{message}").expect("standard error");
        return None;
    };
    let prefix = format!("t{:016x}.", rand::random::<u64>());
    Some(KafkaSettings {
        brokers,
        prefix,
        partitions: PARTITIONS,
        session_timeout_ms: 6_000,
        ..KafkaSettings::default()
    })
}

impl Fixture {
    /// The log of a cluster, with its topics.
    pub fn on(settings: KafkaSettings) -> Self {
        Self::new(Place::Cluster(settings))
    }

    fn new(place: Place) -> Self {
        let mut fixture = Self { place, log: None, publisher: OnceLock::new() };
        if let Some(kafka) = fixture.kafka() {
            assert_eq!(kafka.create_topics().expect("topics can be made"), Topic::ALL);
            // A topic that was just made is not known to every request at once.
            eventually("the topics are there", || {
                kafka.check_topics().expect("an answer").values().all(|state| *state == TopicState::Right)
            });
        }
        fixture.reopen();
        fixture
    }

    pub fn log(&self) -> &Arc<dyn Log> {
        self.log.as_ref().expect("the log is open")
    }

    /// Lets go of the log, and opens it again as a new process would.
    pub fn reopen(&mut self) {
        self.publisher = OnceLock::new();
        self.log = None;
        self.log = Some(match &self.place {
            Place::File(folder) => {
                Arc::new(SqliteLog::open(&folder.path().join("log.sqlite"), PARTITIONS).expect("the file opens"))
            }
            Place::Cluster(settings) => Arc::new(KafkaLog::new(settings.clone()).expect("the settings are right")),
        });
    }

    /// The file of an embedded log.
    pub fn path(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File(folder) => Some(folder.path().join("log.sqlite")),
            Place::Cluster(_) => None,
        }
    }

    pub fn settings(&self) -> Option<&KafkaSettings> {
        match &self.place {
            Place::File(_) => None,
            Place::Cluster(settings) => Some(settings),
        }
    }

    pub fn kafka(&self) -> Option<KafkaLog> {
        self.settings().map(|settings| KafkaLog::new(settings.clone()).expect("the settings are right"))
    }

    pub fn join(&self, group: &str, instance: &str) -> Box<dyn Consumer> {
        self.log().join(group, instance, &[Topic::Submitted]).expect("the group takes a member")
    }

    /// Appends one after the other's acknowledgement was awaited for all of them together, so in order.
    pub fn append(&self, records: Vec<Record>) -> Vec<Position> {
        let publisher = self.publisher.get_or_init(|| self.log().publisher().expect("a publisher"));
        block_on(futures::future::try_join_all(records.into_iter().map(|record| publisher.append(record))))
            .expect("the log takes the records")
    }

    /// Everything that a topic has.
    pub fn read(&self, topic: Topic) -> Vec<Delivered> {
        self.read_within(topic, &Range::default())
    }

    /// What a topic has within a range.
    pub fn read_within(&self, topic: Topic, range: &Range) -> Vec<Delivered> {
        let mut reader = self.log().read(topic, range).expect("a reader");
        let mut all = Vec::new();
        while let Some(records) = reader.next().expect("the topic can be read") {
            all.extend(records);
        }
        all
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let Some(settings) = self.settings() else { return };
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &settings.brokers).create().expect("an admin client");
        let names: Vec<String> = Topic::ALL.iter().map(|topic| format!("{}{topic}", settings.prefix)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let _ = block_on(admin.delete_topics(&names, &AdminOptions::new()));
    }
}

pub fn record(key: &str, payload: impl Into<Vec<u8>>) -> Record {
    Record {
        topic: Topic::Submitted,
        key: key.as_bytes().to_vec(),
        headers: Headers::new(),
        payload: Some(payload.into()),
    }
}

/// Numbered records over some keys.
pub fn numbered(count: usize, keys: usize) -> Vec<Record> {
    (0..count).map(|number| record(&format!("key-{}", number % keys), number.to_string())).collect()
}

pub fn number(record: &Record) -> usize {
    let payload = record.payload.as_deref().expect("a payload");
    std::str::from_utf8(payload).expect("text").parse().expect("a number")
}

pub fn numbers(delivered: &[Delivered]) -> Vec<usize> {
    let mut numbers: Vec<usize> = delivered.iter().map(|each| number(&each.record)).collect();
    numbers.sort_unstable();
    numbers
}

/// The same record on the topic after.
pub fn passed_on(delivered: &Delivered) -> Record {
    Record { topic: Topic::Validated, ..delivered.record.clone() }
}

pub fn progress(batch: &[Delivered]) -> Progress {
    Progress::of(batch.iter().map(|delivered| delivered.position))
}

pub fn limits(records: usize) -> BatchLimits {
    BatchLimits { records, bytes: 8 << 20, wait: Duration::from_millis(200), linger: Duration::ZERO }
}

/// Polls until there is a batch.
pub fn some(consumer: &mut dyn Consumer, records: usize) -> Vec<Delivered> {
    let until = Instant::now() + PATIENCE;
    loop {
        match consumer.poll(limits(records)) {
            Ok(batch) if !batch.is_empty() => return batch,
            Ok(_) | Err(LogError::Replay(_) | LogError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < until, "nothing came");
    }
}

/// Polls without committing until there are as many.
pub fn gather(consumer: &mut dyn Consumer, count: usize) -> Vec<Delivered> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(some(consumer, count - all.len()));
    }
    all
}

/// Whether nothing comes for a while, which proves an absence as far as one can.
pub fn nothing(consumer: &mut dyn Consumer) {
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let batch = consumer.poll(limits(100)).expect("a poll");
        assert!(batch.is_empty(), "{} records came", batch.len());
    }
}

/// Waits for a condition.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
