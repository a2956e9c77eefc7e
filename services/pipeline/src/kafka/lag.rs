use std::collections::BTreeMap;

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaResult,
};
use rejoinder_proto::Topic;

use super::{
    events::MemberEvents,
    settings::{self, KafkaSettings, Partition},
};
use crate::LogError;

/// How far a group has committed in each partition of our topics, asked without joining it. Offsets of a transaction that is
/// not decided yet are waited for, since the client reads committed.
pub fn committed(settings: &KafkaSettings, group: &str) -> Result<BTreeMap<Partition, i64>, LogError> {
    let consumer: BaseConsumer<MemberEvents> = settings
        .observer(group)
        .create_with_context(MemberEvents::new("observer"))
        .map_err(|error| settings::refused(&error))?;
    let ask = || {
        let mut asked = TopicPartitionList::new();
        for topic in Topic::ALL {
            let name = settings.topic(topic);
            let metadata = consumer.fetch_metadata(Some(&name), KafkaSettings::ANSWER)?;
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                asked.add_partition_offset(&name, partition.id(), Offset::Invalid)?;
            }
        }
        let mut committed = BTreeMap::new();
        for each in consumer.committed_offsets(asked, KafkaSettings::ANSWER)?.elements() {
            each.error()?;
            if let (Some(partition), Offset::Offset(next)) =
                (settings.partition_of(each.topic(), each.partition()), each.offset())
            {
                committed.insert(partition, next);
            }
        }
        Ok(committed)
    };
    ask().map_err(|error: rdkafka::error::KafkaError| LogError::Unavailable(error.to_string()))
}

/// How far a member has come in each of its partitions, since it has them: the offset after the last record.
#[derive(Debug, Default)]
pub struct Offsets {
    /// What was handed to the stage.
    pub handed_out: BTreeMap<Partition, i64>,
    /// What is committed.
    pub committed: BTreeMap<Partition, i64>,
}

impl Offsets {
    /// The partition is another member's now.
    pub fn forget(&mut self, partition: Partition) {
        self.handed_out.remove(&partition);
        self.committed.remove(&partition);
    }

    /// The records between the committed offsets and the ends of the member's partitions: one request for the ends, and
    /// one for the committed offsets when a partition is new.
    pub fn lag(
        &mut self,
        consumer: &BaseConsumer<MemberEvents>,
        settings: &KafkaSettings,
    ) -> KafkaResult<Vec<(Topic, i32, i64)>> {
        self.learn_committed(consumer, settings)?;
        let mut ends = consumer.assignment()?;
        ends.set_all_offsets(Offset::End)?;
        let ends = consumer.offsets_for_times(ends, KafkaSettings::ANSWER)?;
        let mut lags = Vec::new();
        for each in ends.elements() {
            let partition = settings.partition_of(each.topic(), each.partition());
            let (Some(partition), Offset::Offset(end)) = (partition, each.offset()) else { continue };
            let committed = self.committed.get(&partition).copied().unwrap_or(0);
            let in_hand = self.handed_out.get(&partition).is_some_and(|next| *next > committed);
            // Transactions end with a marker that takes an offset: nothing is left when all was fetched and handled.
            let fetched = consumer.context().drained_to(&settings.partition(partition));
            let lag = if fetched >= Some(end) && !in_hand { 0 } else { (end - committed).max(0) };
            lags.push((partition.0, partition.1, lag));
        }
        Ok(lags)
    }

    fn learn_committed(&mut self, consumer: &BaseConsumer<MemberEvents>, settings: &KafkaSettings) -> KafkaResult<()> {
        let mut asked = consumer.assignment()?;
        let known = |name: &str, number| {
            settings.partition_of(name, number).is_none_or(|partition| self.committed.contains_key(&partition))
        };
        if asked.elements().iter().all(|each| known(each.topic(), each.partition())) {
            return Ok(());
        }
        asked.set_all_offsets(Offset::Invalid)?;
        for each in consumer.committed_offsets(asked, KafkaSettings::ANSWER)?.elements() {
            let Some(partition) = settings.partition_of(each.topic(), each.partition()) else { continue };
            let next = match each.offset() {
                Offset::Offset(next) => next,
                _ => 0,
            };
            self.committed.entry(partition).or_insert(next);
        }
        Ok(())
    }
}
