//! What a member must read again, and from where.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use rdkafka::Offset;
use rejoinder_proto::Topic;

use super::settings::Partition;
use crate::{Position, Progress, Span};

/// Of each partition of a member, what of it must be read again.
#[derive(Debug, Default)]
pub struct Again {
    from: BTreeMap<Partition, Offset>,
    unknown: BTreeSet<Partition>,
    /// Those that came to us, and of which no record was taken yet.
    new: BTreeSet<Partition>,
    /// Those that were taken from us since the batch in hand was gathered.
    lost: BTreeSet<Partition>,
}

impl Again {
    /// Where to go on reading, done before the next record is taken.
    pub fn from(&self) -> &BTreeMap<Partition, Offset> {
        &self.from
    }

    /// Partitions of which it is not known how far they are committed.
    pub fn unknown(&self) -> &BTreeSet<Partition> {
        &self.unknown
    }

    /// A batch comes again. What is to be read from an earlier place already stays so.
    pub fn rewind(&mut self, spans: impl IntoIterator<Item = (Topic, i32, Span)>) {
        for (topic, partition, Span { first, .. }) in spans {
            if let Offset::Offset(from) = self.from.entry((topic, partition)).or_insert(Offset::Offset(first)) {
                *from = first.min(*from);
            }
        }
    }

    /// A record came that nobody asked for.
    pub fn put_back(&mut self, position: Position) {
        let partition = (position.topic, position.partition);
        if !self.unknown.contains(&partition) {
            self.from.entry(partition).or_insert(Offset::Offset(position.offset));
        }
    }

    /// Whether a partition is to be read from elsewhere before its records count.
    pub fn holds(&self, partition: Partition) -> bool {
        self.from.contains_key(&partition) || self.unknown.contains(&partition)
    }

    /// Whether the next record of a partition is the first since it came to us.
    pub fn is_new(&self, partition: Partition) -> bool {
        self.new.contains(&partition)
    }

    /// It is not known how far these are committed.
    pub fn doubt(&mut self, partitions: impl IntoIterator<Item = Partition>) {
        self.unknown.extend(partitions);
    }

    /// It is known now how far a partition is committed.
    pub fn resolve(&mut self, partition: Partition, committed: Offset) {
        self.from.insert(partition, committed);
        self.unknown.remove(&partition);
        self.new.remove(&partition);
    }

    /// A partition came to us.
    pub fn come(&mut self, partition: Partition) {
        self.new.insert(partition);
    }

    /// The first record of a partition that came to us stands at `first`, and the group is committed there; `None` while that is
    /// not known. Whether the partition may begin with it.
    pub fn begin(&mut self, partition: Partition, first: i64, committed: Option<Offset>) -> bool {
        match committed {
            None => self.doubt([partition]),
            Some(Offset::Offset(next)) if first < next => self.resolve(partition, Offset::Offset(next)),
            Some(_) => {
                self.new.remove(&partition);
            }
        }
        !self.holds(partition)
    }

    /// Reading goes on from where it was to.
    pub fn sought(&mut self, partition: Partition) {
        self.from.remove(&partition);
    }

    /// A partition was taken from us: who has it now reads it again.
    pub fn lose(&mut self, partition: Partition) {
        self.from.remove(&partition);
        self.unknown.remove(&partition);
        self.new.remove(&partition);
        self.lost.insert(partition);
    }

    /// A batch was gathered, without what was taken from us until now.
    pub fn gathered(&mut self) {
        self.lost.clear();
    }

    /// Whether a partition of the batch in hand was taken from us since it was gathered. Then the others come again.
    pub fn takes_back(&mut self, progress: &Progress) -> bool {
        let lost = mem::take(&mut self.lost);
        let is_lost = |(topic, partition, _): &(Topic, i32, Span)| lost.contains(&(*topic, *partition));
        let (gone, ours): (Vec<_>, Vec<_>) = progress.iter().partition(is_lost);
        if gone.is_empty() {
            return false;
        }
        self.rewind(ours);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(places: &[(i32, i64)]) -> Progress {
        Progress::of(places.iter().map(|(partition, offset)| at(*partition, *offset)))
    }

    fn at(partition: i32, offset: i64) -> Position {
        Position { topic: Topic::Submitted, partition, offset }
    }

    fn from(again: &Again) -> Vec<(i32, Offset)> {
        again.from().iter().map(|((_, partition), offset)| (*partition, *offset)).collect()
    }

    #[test]
    fn of_two_batches_the_earlier_place_counts() {
        for order in [[5, 9], [9, 5]] {
            let mut again = Again::default();
            order.into_iter().for_each(|first| again.rewind(batch(&[(0, first)]).iter()));
            again.rewind(batch(&[(1, 3)]).iter());
            assert_eq!(from(&again), [(0, Offset::Offset(5)), (1, Offset::Offset(3))]);
        }
    }

    #[test]
    fn what_is_committed_decides_where_it_was_in_doubt() {
        let mut again = Again::default();
        again.doubt([(Topic::Submitted, 0)]);
        again.rewind(batch(&[(0, 9)]).iter());
        again.put_back(at(0, 12));
        again.resolve((Topic::Submitted, 0), Offset::Offset(5));
        assert_eq!(from(&again), [(0, Offset::Offset(5))]);
        assert!(again.unknown().is_empty());
    }

    #[test]
    fn a_partition_that_came_begins_where_the_group_is_committed() {
        let partition = (Topic::Submitted, 0);
        let came = || {
            let mut again = Again::default();
            again.come(partition);
            assert!(again.is_new(partition) && !again.holds(partition));
            again
        };
        // A group that has committed nothing begins with whatever comes, and so does one whose records are gone.
        for (first, committed) in [(0, Offset::Beginning), (7, Offset::Offset(7)), (9, Offset::Offset(7))] {
            let mut again = came();
            assert!(again.begin(partition, first, Some(committed)));
            assert!(!again.is_new(partition) && from(&again).is_empty());
        }
        let mut again = came();
        assert!(!again.begin(partition, 0, Some(Offset::Offset(7))));
        assert!(!again.is_new(partition));
        assert_eq!(from(&again), [(0, Offset::Offset(7))]);
        let mut again = came();
        assert!(!again.begin(partition, 0, None));
        assert!(again.is_new(partition) && again.holds(partition));
        again.resolve(partition, Offset::Offset(7));
        assert!(!again.is_new(partition));
        assert_eq!(from(&again), [(0, Offset::Offset(7))]);
        again.come(partition);
        again.lose(partition);
        assert!(!again.is_new(partition) && !again.holds(partition));
    }

    #[test]
    fn a_partition_that_is_taken_takes_the_batch_in_hand_with_it() {
        let mut again = Again::default();
        again.lose((Topic::Submitted, 1));
        again.gathered();
        assert!(!again.takes_back(&batch(&[(1, 5)])), "it came back before the batch was gathered");
        again.lose((Topic::Submitted, 1));
        assert!(again.takes_back(&batch(&[(0, 2), (1, 5)])));
        assert_eq!(from(&again), [(0, Offset::Offset(2))]);
        assert!(!again.takes_back(&batch(&[(1, 5)])), "the batch after was gathered later");
    }
}
