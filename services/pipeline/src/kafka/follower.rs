use std::time::{Duration, Instant};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use rejoinder_proto::Topic;

use super::{
    access::Access,
    errors,
    events::MemberEvents,
    reader::{ask, since},
    records,
    settings::{self, KafkaSettings},
    topics,
};
use crate::{Delivered, Follower, LogError, Range, log::Start};

/// Records in one answer.
const CHUNK: usize = 1_000;

/// Reads the committed records of a topic as they come, and belongs to no group.
pub struct KafkaFollower {
    consumer: BaseConsumer<MemberEvents>,
    access: Access,
}

impl KafkaFollower {
    /// Asks the brokers where to begin.
    pub fn new(access: Access, topic: Topic, start: &Start) -> Result<Self, LogError> {
        let settings = &access.settings;
        let consumer: BaseConsumer<MemberEvents> = settings
            .reader()
            .create_with_context(MemberEvents::new("follower"))
            .map_err(|error| settings::refused(&error))?;
        topics::present(consumer.client(), settings, &[topic])?;
        let name = settings.topic(topic);
        ask(|| begin(&consumer, &name, start))?;
        Ok(Self { consumer, access })
    }
}

fn begin(consumer: &BaseConsumer<MemberEvents>, name: &str, start: &Start) -> Result<(), KafkaError> {
    let newest = i64::try_from(start.newest).unwrap_or(i64::MAX);
    let times = Range { from: Some(start.from), ..Range::default() };
    let metadata = consumer.fetch_metadata(Some(name), KafkaSettings::ANSWER)?;
    let mut assignment = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        let number = partition.id();
        let (low, high) = consumer.fetch_watermarks(name, number, KafkaSettings::ANSWER)?;
        let first = since(consumer, name, number, &times)?.unwrap_or(high);
        let first = first.max(low).max(high.saturating_sub(newest));
        assignment.add_partition_offset(name, number, Offset::Offset(first))?;
    }
    consumer.assign(&assignment)
}

impl Follower for KafkaFollower {
    fn poll(&mut self, wait: Duration) -> Result<Vec<Delivered>, LogError> {
        if self.access.changed() {
            return Err(LogError::Unavailable(
                "a file of the settings has changed; read on with a new client".to_owned(),
            ));
        }
        let until = Instant::now() + wait;
        let mut records = Vec::new();
        while records.len() < CHUNK {
            let left =
                if records.is_empty() { until.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            match self.consumer.poll(left) {
                None if left.is_zero() => break,
                None | Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => {
                    let facts = errors::facts(&error);
                    if facts.fatal || errors::is_refusal(facts.code) {
                        return Err(LogError::Fatal(error.to_string()));
                    }
                }
                Some(Ok(message)) => records.extend(records::bare(&self.access.settings, &message)),
            }
        }
        Ok(records)
    }
}
