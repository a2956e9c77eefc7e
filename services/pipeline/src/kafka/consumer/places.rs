//! Where a member reads on: after a rebalance, a batch that comes again, or an answer that was lost.

use std::time::Duration;

use rdkafka::{Offset, TopicPartitionList, consumer::Consumer as _, error::KafkaResult};

use super::{KafkaConsumer, unavailable};
use crate::{
    LogError, Position,
    kafka::settings::{KafkaSettings, Partition},
};

impl KafkaConsumer {
    /// Reads how far the group is committed where that is not known.
    pub(super) fn resolve_unknown(&mut self) -> Result<(), LogError> {
        let unknown: Vec<Partition> = self.again.unknown().iter().copied().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        for (partition, offset) in self.committed(&unknown)? {
            self.again.resolve(partition, offset);
        }
        Ok(())
    }

    /// How far the group is committed; an error while that is undecided.
    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<(Partition, Offset)>, LogError> {
        let asked = self.list(partitions.iter().map(|each| (*each, Offset::Invalid))).map_err(unavailable)?;
        let offsets = self.consumer.committed_offsets(asked, KafkaSettings::ANSWER).map_err(unavailable)?;
        let mut committed = Vec::with_capacity(partitions.len());
        for each in offsets.elements() {
            each.error().map_err(unavailable)?;
            let Some(partition) = self.settings.partition_of(each.topic(), each.partition()) else { continue };
            // A group that has committed nothing starts where auto.offset.reset says: at the beginning.
            let offset = if each.offset() == Offset::Invalid { Offset::Beginning } else { each.offset() };
            if let Offset::Offset(next) = offset {
                self.offsets.committed.insert(partition, next);
            }
            committed.push((partition, offset));
        }
        Ok(committed)
    }

    /// Whether a record comes in its turn; one that does not is read again.
    ///
    /// The first of a partition that came to us is held against how far the group is committed. librdkafka (2.12) waits for
    /// that while a dead member's transaction is undecided, but begins where auto.offset.reset says when partitions move
    /// meanwhile (`rd_kafka_assignment_apply_offsets` leaves the offset invalid).
    pub(super) fn is_in_turn(&mut self, position: Position) -> bool {
        let partition = (position.topic, position.partition);
        if self.again.holds(partition) {
            return false;
        }
        if !self.again.is_new(partition) {
            return true;
        }
        let committed = match self.committed(&[partition]) {
            Ok(committed) => committed.first().map(|(_, offset)| *offset),
            Err(error) => {
                tracing::debug!(%error, "how far a partition is committed is not known yet");
                None
            }
        };
        let begins = self.again.begin(partition, position.offset, committed);
        if let (false, Some(committed)) = (begins, committed) {
            tracing::warn!(
                group = self.group, topic = %position.topic, partition = position.partition,
                offset = position.offset, ?committed, "a partition began before its committed offset"
            );
        }
        begins
    }

    /// Goes where reading is to go on from.
    pub(super) fn seek(&mut self) -> Result<(), LogError> {
        let from = self.again.from();
        if from.is_empty() {
            return Ok(());
        }
        let wanted = self.list(from.iter().map(|(partition, offset)| (*partition, *offset))).map_err(unavailable)?;
        let sought = self.consumer.seek_partitions(wanted, KafkaSettings::ANSWER).map_err(unavailable)?;
        let mut refused = None;
        for each in sought.elements() {
            match (each.error(), self.settings.partition_of(each.topic(), each.partition())) {
                (Ok(()), Some(partition)) => {
                    self.again.sought(partition);
                    match each.offset() {
                        Offset::Offset(offset) => self.offsets.handed_out.insert(partition, offset),
                        _ => self.offsets.handed_out.remove(&partition),
                    };
                }
                (Err(error), _) => refused = Some(error),
                (Ok(()), None) => {}
            }
        }
        let Some(error) = refused else { return Ok(()) };
        // It may have been taken from us, which a poll tells; a record that comes with that is read again as well.
        self.poll_once(Duration::ZERO)?;
        if self.again.from().is_empty() {
            Ok(())
        } else {
            Err(LogError::Unavailable(format!("cannot rewind: {error}")))
        }
    }

    pub(super) fn list(&self, offsets: impl Iterator<Item = (Partition, Offset)>) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            let (name, number) = self.settings.partition(partition);
            list.add_partition_offset(&name, number, offset)?;
        }
        Ok(list)
    }
}
