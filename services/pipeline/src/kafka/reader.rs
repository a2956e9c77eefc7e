use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
};
use rejoinder_proto::{Topic, millis};

use super::{
    errors,
    events::MemberEvents,
    records,
    settings::{self, KafkaSettings},
    topics,
};
use crate::{Delivered, LogError, Range, Reader};

/// Records and about as many bytes in one answer of the reader.
const CHUNK: usize = 1_000;
const CHUNK_BYTES: usize = 4 << 20;
/// How long a partition may say nothing before the log counts as away.
const SILENCE: Duration = Duration::from_secs(10);
/// How long to wait before a question is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// Reads the committed records that a topic has now.
pub struct KafkaReader {
    settings: KafkaSettings,
    consumer: BaseConsumer<MemberEvents>,
    /// The partitions that are not read to the end yet, each with the offset of its end.
    left: BTreeMap<i32, i64>,
    range: Range,
}

impl KafkaReader {
    /// Asks the brokers how far each partition reaches.
    pub fn new(settings: &KafkaSettings, topic: Topic, range: &Range) -> Result<Self, LogError> {
        let consumer: BaseConsumer<MemberEvents> = settings
            .reader()
            .create_with_context(MemberEvents::new("reader"))
            .map_err(|error| settings::refused(&error))?;
        topics::present(consumer.client(), settings, &[topic])?;
        let name = settings.topic(topic);
        let left = ask(|| ends(&consumer, &name, range))?;
        Ok(Self { settings: settings.clone(), consumer, left, range: range.clone() })
    }
}

/// Asks the brokers something until they answer, or have not for too long: a topic that is new, or has just lost a broker, has
/// no leader for a moment.
pub(super) fn ask<T>(question: impl Fn() -> Result<T, KafkaError>) -> Result<T, LogError> {
    let until = Instant::now() + SILENCE;
    loop {
        match question() {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() > until => return Err(LogError::Unavailable(error.to_string())),
            Err(error) => tracing::debug!(%error, "asking again for the ends of the topic"),
        }
        thread::sleep(AGAIN);
    }
}

/// The end of each partition that has records within the range, and reading them begins. Under read_committed an end is the offset of the
/// first record that is still undecided.
fn ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    name: &str,
    range: &Range,
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(name), KafkaSettings::ANSWER)?;
    let mut left = BTreeMap::new();
    let mut assignment = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        let number = partition.id();
        if range.partition.is_some_and(|only| only != number) {
            continue;
        }
        let (low, high) = consumer.fetch_watermarks(name, number, KafkaSettings::ANSWER)?;
        let (mut first, mut end) = (low.max(since(consumer, name, number, range)?.unwrap_or(high)), high);
        if range.partition.is_some() {
            (first, end) = (first.max(range.first.unwrap_or(first)), end.min(range.end.unwrap_or(end)));
        }
        if first < end {
            left.insert(number, end);
            assignment.add_partition_offset(name, number, Offset::Offset(first))?;
        }
    }
    consumer.assign(&assignment)?;
    Ok(left)
}

/// The first offset with a time in the range; the times of a partition need not rise, so others may follow that have not.
/// `None` when there is no such record.
pub(super) fn since<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    name: &str,
    partition: i32,
    range: &Range,
) -> Result<Option<i64>, KafkaError> {
    let Some(from) = &range.from else { return Ok(Some(0)) };
    let mut asked = TopicPartitionList::new();
    asked.add_partition_offset(name, partition, Offset::Offset(millis(Some(from)).max(0)))?;
    let found = consumer.offsets_for_times(asked, KafkaSettings::ANSWER)?;
    for each in found.elements() {
        each.error()?;
        if let Offset::Offset(offset) = each.offset() {
            return Ok(Some(offset));
        }
    }
    Ok(None)
}

impl Reader for KafkaReader {
    fn next(&mut self) -> Result<Option<Vec<Delivered>>, LogError> {
        let mut chunk = Vec::new();
        let mut bytes = 0;
        let mut heard = Instant::now();
        while !self.left.is_empty() && chunk.len() < CHUNK && bytes < CHUNK_BYTES {
            match self.consumer.poll(Duration::from_millis(100)) {
                None if heard.elapsed() > SILENCE => {
                    return Err(LogError::Unavailable(format!("no record came in {SILENCE:?}")));
                }
                None => {}
                // A partition may end with markers of transactions, so its last record does not tell.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.left.remove(&partition);
                }
                Some(Err(error)) => {
                    let facts = errors::facts(&error);
                    if facts.fatal || errors::is_refusal(facts.code) {
                        return Err(LogError::Fatal(error.to_string()));
                    }
                }
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let Some(delivered) = records::delivered(&self.settings, &message) else { continue };
                    let (partition, offset) = (delivered.position.partition, delivered.position.offset);
                    let Some(end) = self.left.get(&partition).copied() else { continue };
                    if offset < end && self.range.holds_time(&delivered.appended_at) {
                        bytes += delivered.record.size();
                        chunk.push(delivered);
                    }
                    if offset + 1 >= end {
                        self.left.remove(&partition);
                    }
                }
            }
        }
        Ok(if chunk.is_empty() { None } else { Some(chunk) })
    }
}
