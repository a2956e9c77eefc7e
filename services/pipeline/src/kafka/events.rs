//! What librdkafka tells from its own threads.

use std::{
    collections::HashMap,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry::metrics::Counter;
use rdkafka::{
    ClientContext, Message, Statistics,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance},
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::ProducerContext,
};

use super::{errors, settings::Named};
use crate::telemetry;

/// The same trouble is reported again after this time.
const QUIET: Duration = Duration::from_secs(30);

/// Logs a client's errors, each kind once a while: librdkafka repeats them with every attempt to reconnect.
#[derive(Debug)]
pub struct Reports {
    client: String,
    told: Mutex<Vec<(RDKafkaErrorCode, Instant)>>,
    /// Why the brokers do not let us in.
    locked_out: Mutex<Option<String>>,
}

impl Reports {
    /// `client` says in the log whose errors they are.
    pub fn new(client: impl Into<String>) -> Self {
        Self { client: client.into(), told: Mutex::default(), locked_out: Mutex::default() }
    }

    /// Whether to tell of it, and from then on it is told.
    fn is_new(&self, code: RDKafkaErrorCode) -> bool {
        let mut told = lock(&self.told);
        told.retain(|(_, at)| at.elapsed() < QUIET);
        let new = told.iter().all(|(each, _)| *each != code);
        if new {
            told.push((code, Instant::now()));
        }
        new
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters of it comes as an error too.
        tracing::debug!(target: "librdkafka", client = self.client, ?level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        if code == RDKafkaErrorCode::PartitionEOF {
            return;
        }
        if errors::is_locked_out(code) {
            *lock(&self.locked_out) = Some(reason.to_owned());
        }
        if self.is_new(code) {
            tracing::warn!(client = self.client, ?code, reason, "kafka client error");
        } else {
            tracing::debug!(client = self.client, ?code, reason, "kafka client error");
        }
    }
}

/// What a rebalance does with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// It is ours from now on.
    Came,
    /// It was taken from us.
    Went,
}

/// What happens to a group member outside of its own calls.
#[derive(Debug)]
pub struct MemberEvents {
    reports: Reports,
    moves: Mutex<Vec<(Named, Move)>>,
    /// Where the next fetch begins, of partitions of which everything fetched was handed out.
    drained: Mutex<HashMap<Named, i64>>,
    rebalances: Counter<u64>,
}

impl MemberEvents {
    /// Nothing happened yet.
    pub fn new(client: impl Into<String>) -> Self {
        Self {
            reports: Reports::new(client),
            moves: Mutex::default(),
            drained: Mutex::default(),
            rebalances: telemetry::counter("rejoinder.rebalances", "times that partitions came or were taken away"),
        }
    }

    /// The partitions that came or went since the last call, in that order.
    pub fn take_moves(&self) -> Vec<(Named, Move)> {
        mem::take(&mut lock(&self.moves))
    }

    /// Why the brokers do not let us in, unless they have since.
    pub fn locked_out(&self) -> Option<String> {
        lock(&self.reports.locked_out).clone()
    }

    /// They have let us in.
    pub fn let_in(&self) {
        *lock(&self.reports.locked_out) = None;
    }

    /// How far a partition was fetched, when all of that was handed out; some seconds old.
    pub fn drained_to(&self, partition: &Named) -> Option<i64> {
        lock(&self.drained).get(partition).copied()
    }
}

impl ClientContext for MemberEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reports.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reports.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.into_iter().flat_map(|(name, topic)| {
            topic.partitions.into_values().map(move |partition| ((name.clone(), partition.partition), partition))
        });
        *lock(&self.drained) = partitions
            .filter(|(_, partition)| partition.fetchq_cnt == 0 && partition.next_offset >= 0)
            .map(|(name, partition)| (name, partition.next_offset))
            .collect();
    }
}

impl ConsumerContext for MemberEvents {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let (what, moved, partitions) = match rebalance {
            Rebalance::Assign(partitions) => {
                // A partition that was taken from us while it was paused would come back paused, and stay so.
                if let Err(error) = consumer.resume(partitions) {
                    tracing::warn!(client = self.reports.client, %error, "cannot resume");
                }
                ("assigned", Move::Came, partitions)
            }
            Rebalance::Revoke(partitions) => ("revoked", Move::Went, partitions),
            Rebalance::Error(error) => {
                tracing::warn!(client = self.reports.client, %error, "rebalance failed");
                return;
            }
        };
        self.rebalances.add(1, &[telemetry::label("event", what)]);
        let named: Vec<Named> =
            partitions.elements().iter().map(|each| (each.topic().to_owned(), each.partition())).collect();
        tracing::info!(client = self.reports.client, partitions = ?named, "partitions {what}");
        lock(&self.moves).extend(named.into_iter().map(|partition| (partition, moved)));
    }
}

/// Counts the deliveries of one batch, so that waiting for thousands of them is one wait.
#[derive(Debug)]
pub struct Deliveries {
    reports: Reports,
    batch: Mutex<Batch>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Batch {
    number: usize,
    delivered: usize,
    awaited: usize,
    failed: Option<KafkaError>,
}

impl Deliveries {
    /// Nothing sent yet.
    pub fn new(client: impl Into<String>) -> Self {
        Self { reports: Reports::new(client), batch: Mutex::default(), changed: Condvar::new() }
    }

    /// Starts a batch, and gives the number that its records carry: late reports of an earlier one do not count.
    pub fn start(&self) -> usize {
        let mut batch = lock(&self.batch);
        *batch = Batch { number: batch.number + 1, awaited: usize::MAX, ..Batch::default() };
        batch.number
    }

    /// Waits until `count` records of the batch were delivered or one was not, and gives the first error. `false` when
    /// neither happens in time.
    pub fn wait(&self, count: usize, time: Duration) -> Result<bool, KafkaError> {
        let mut batch = lock(&self.batch);
        batch.awaited = count;
        let (mut batch, _) = self
            .changed
            .wait_timeout_while(batch, time, |batch| batch.failed.is_none() && batch.delivered < count)
            .unwrap_or_else(PoisonError::into_inner);
        batch.awaited = usize::MAX;
        match batch.failed.take() {
            Some(error) => Err(error),
            None => Ok(batch.delivered >= count),
        }
    }

    /// How many records of the batch were delivered.
    pub fn delivered(&self) -> usize {
        lock(&self.batch).delivered
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reports.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reports.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let mut batch = lock(&self.batch);
        if batch.number != number {
            return;
        }
        match result {
            Ok(_) => batch.delivered += 1,
            Err((error, message)) => {
                if batch.failed.is_none() {
                    tracing::debug!(topic = message.topic(), %error, "delivery failed");
                }
                batch.failed.get_or_insert_with(|| error.clone());
            }
        }
        if batch.failed.is_some() || batch.delivered >= batch.awaited {
            self.changed.notify_all();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
