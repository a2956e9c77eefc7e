use std::{
    thread,
    time::{Duration, Instant},
};

use opentelemetry::metrics::Counter;
use rdkafka::{
    ClientConfig, TopicPartitionList,
    consumer::ConsumerGroupMetadata,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, Producer, ThreadedProducer},
    util::Timeout,
};

use super::{
    errors::{self, Verdict},
    events::Deliveries,
    records,
    settings::{self, KafkaSettings, MAX_RECORD_BYTES},
};
use crate::{LogError, Record, moment, telemetry};

/// How long a new producer may take to settle what its predecessor left.
const INIT: Duration = Duration::from_secs(5);
/// How long the group's coordinator may take to accept offsets.
const OFFSETS: Duration = Duration::from_secs(10);
/// How long an abort may take. Unlike a commit, librdkafka would wait for it without end; after a time-out the producer is
/// given up, so that its state does not matter.
const ABORT: Duration = Duration::from_secs(5);

/// The transactions of one group member: outputs and offsets, both or neither.
pub struct Transactions {
    settings: KafkaSettings,
    config: ClientConfig,
    client: String,
    group: String,
    made: Counter<u64>,
    producer: Option<ThreadedProducer<Deliveries>>,
}

/// Why a transaction did not commit.
#[derive(Debug)]
pub enum Failure {
    /// It was aborted: nothing happened.
    Aborted(LogError),
    /// It is not known whether it committed; the group's committed offsets tell, once a new producer is
    /// [prepared](Transactions::prepare).
    Unknown(String),
    /// The process cannot go on.
    Fatal(String),
}

/// An error in the midst of a transaction.
enum Trouble {
    /// One that librdkafka has flagged.
    Call(KafkaError),
    /// One that is known to leave nothing behind after an abort.
    Abort(LogError),
}

impl From<KafkaError> for Trouble {
    fn from(error: KafkaError) -> Self {
        Self::Call(error)
    }
}

impl Transactions {
    /// Connects to nothing yet. The transactional id is the member's own: a restart fences the process before it.
    pub fn new(settings: &KafkaSettings, group: &str, instance: &str) -> Result<Self, LogError> {
        let config = settings.transactional(group, instance);
        config.create_native_config().map_err(|error| settings::refused(&error))?;
        let (client, group) = (format!("{group}-{instance}"), group.to_owned());
        let made = telemetry::counter(
            "rejoinder.producers",
            "transactional producers made: one at the start, and one whenever it is not known how a transaction ended",
        );
        Ok(Self { settings: settings.clone(), config, client, group, made, producer: None })
    }

    /// Makes a producer when there is none. Afterwards no transaction under our id is open.
    pub fn prepare(&mut self) -> Result<(), LogError> {
        if self.producer.is_some() {
            return Ok(());
        }
        let context = Deliveries::new(&self.client);
        let producer: ThreadedProducer<Deliveries> =
            self.config.create_with_context(context).map_err(|error| settings::refused(&error))?;
        producer.init_transactions(INIT).map_err(|error| match errors::classify(errors::facts(&error)) {
            Verdict::Fatal => LogError::Fatal(error.to_string()),
            Verdict::Abort | Verdict::Unknown => LogError::Unavailable(error.to_string()),
        })?;
        self.made.add(1, &[telemetry::label("group", self.group.clone())]);
        self.producer = Some(producer);
        Ok(())
    }

    /// One transaction. Blocks at most about as long as Kafka lets a transaction live.
    pub fn commit(
        &mut self,
        outputs: Vec<Record>,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), Failure> {
        let Some(producer) = &self.producer else {
            return Err(Failure::Unknown("there is no producer yet".to_owned()));
        };
        let trouble = match self.transact(producer, outputs, offsets, group) {
            Ok(()) => return Ok(()),
            Err(trouble) => trouble,
        };
        let failure = settle(producer, trouble);
        if !matches!(failure, Failure::Aborted(_)) {
            self.producer = None;
        }
        Err(failure)
    }

    /// One transaction without offsets, from outside of any group.
    pub fn append(&mut self, records: Vec<Record>) -> Result<(), Failure> {
        let Some(producer) = &self.producer else {
            return Err(Failure::Unknown("there is no producer any more".to_owned()));
        };
        let begun = producer.begin_transaction().map_err(Trouble::from);
        let delivered = begun.and_then(|()| self.deliver(producer, records));
        let committed = delivered.and_then(|()| Ok(producer.commit_transaction(Timeout::Never)?));
        let Err(trouble) = committed else { return Ok(()) };
        let failure = settle(producer, trouble);
        if !matches!(failure, Failure::Aborted(_)) {
            self.producer = None;
        }
        Err(failure)
    }

    fn transact(
        &self,
        producer: &ThreadedProducer<Deliveries>,
        outputs: Vec<Record>,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), Trouble> {
        producer.begin_transaction()?;
        self.deliver(producer, outputs)?;
        moment::here("offsets.before");
        producer.send_offsets_to_transaction(offsets, group, OFFSETS)?;
        lost_answer("offsets.answer")?;
        moment::here("commit.before");
        // Never: librdkafka then takes what the transaction has left. Another time-out leaves its state undefined.
        producer.commit_transaction(Timeout::Never)?;
        moment::here("commit.after");
        lost_answer("commit.answer")?;
        Ok(())
    }

    /// Sends all, then awaits all: a commit with deliveries outstanding takes 100 ms more.
    fn deliver(&self, producer: &ThreadedProducer<Deliveries>, outputs: Vec<Record>) -> Result<(), Trouble> {
        let deliveries = producer.context();
        let (number, count) = (deliveries.start(), outputs.len());
        for output in outputs {
            let topic = self.settings.topic(output.topic);
            let failed = |error| Trouble::Abort(undelivered(&error, &topic, output.size()));
            while !self.enqueue(producer, &topic, &output, number).map_err(failed)? {
                // The queue is full: it has room again with the next delivery.
                deliveries.wait(deliveries.delivered() + 1, Duration::from_millis(100)).map_err(failed)?;
            }
        }
        if moment::here("send.after") {
            return Err(Trouble::Abort(LogError::Replay("a fail point says so".to_owned())));
        }
        let time = Duration::from_millis(u64::from(self.settings.transaction_timeout_ms));
        match deliveries.wait(count, time) {
            Ok(true) => {}
            Ok(false) => return Err(Trouble::Abort(LogError::Unavailable(format!("no delivery within {time:?}")))),
            Err(error) => return Err(Trouble::Abort(undelivered(&error, "an output's topic", 0))),
        }
        // The last report is counted an instant before librdkafka takes its record for done. A producer that never does is of
        // no further use.
        let until = Instant::now() + time;
        while producer.in_flight_count() > 0 {
            if Instant::now() > until {
                return Err(Trouble::Call(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)));
            }
            thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }

    /// `false` when the queue is full.
    fn enqueue(
        &self,
        producer: &ThreadedProducer<Deliveries>,
        topic: &str,
        output: &Record,
        number: usize,
    ) -> Result<bool, KafkaError> {
        let mut record = BaseRecord::with_opaque_to(topic, number)
            .key(output.key.as_slice())
            .headers(records::headers(&output.headers));
        if let Some(payload) = &output.payload {
            record = record.payload(payload.as_slice());
        }
        match producer.send(record) {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((error, _)) => Err(error),
        }
    }
}

/// Aborts when that is the thing to do, and says what is left.
fn settle(producer: &ThreadedProducer<Deliveries>, trouble: Trouble) -> Failure {
    if let Some((code, reason)) = producer.client().fatal_error() {
        return Failure::Fatal(format!("{code:?}: {reason}"));
    }
    let then = match trouble {
        Trouble::Abort(error) => error,
        Trouble::Call(error) => match errors::classify(errors::facts(&error)) {
            Verdict::Abort => LogError::Replay(error.to_string()),
            Verdict::Unknown => return Failure::Unknown(error.to_string()),
            Verdict::Fatal => return Failure::Fatal(error.to_string()),
        },
    };
    let aborted = producer.abort_transaction(ABORT).and_then(|()| lost_answer("abort.answer"));
    match (aborted, then) {
        (_, LogError::Fatal(reason)) => Failure::Fatal(reason),
        (Ok(()), then) => Failure::Aborted(then),
        (Err(error), then) => match errors::classify(errors::facts(&error)) {
            Verdict::Fatal => Failure::Fatal(error.to_string()),
            Verdict::Abort | Verdict::Unknown => Failure::Unknown(format!("{then}; and the abort failed: {error}")),
        },
    }
}

/// What a request gives whose answer never comes, where a fail point says so.
fn lost_answer(moment: &str) -> Result<(), KafkaError> {
    match moment::here(moment) {
        true => Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)),
        false => Ok(()),
    }
}

/// Why a record of `size` bytes was not delivered, as the worker's error.
fn undelivered(error: &KafkaError, topic: &str, size: usize) -> LogError {
    let code = errors::facts(error).code;
    if code == RDKafkaErrorCode::MessageSizeTooLarge || code == RDKafkaErrorCode::InvalidMessageSize {
        LogError::Fatal(format!(
            "{topic} does not take a record of {size} bytes; raise the topic's max.message.bytes to {MAX_RECORD_BYTES}"
        ))
    } else if errors::is_refusal(code) {
        LogError::Fatal(format!("{topic}: {error}"))
    } else if errors::is_missing_topic(code) {
        LogError::Unavailable(errors::missing(&[topic.to_owned()]))
    } else {
        LogError::Unavailable(format!("{topic}: {error}"))
    }
}
