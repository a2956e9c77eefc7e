//! Who reads which partitions. One process owns the file, so the members of a group meet in memory.

use std::collections::BTreeMap;

use rejoinder_proto::Topic;

/// A consumer group.
#[derive(Default)]
pub struct Group {
    generation: u64,
    /// By instance; the number tells two members of one name apart.
    members: BTreeMap<String, (u64, Vec<Topic>)>,
    /// Each partition's reader by its number, and the generation since which it is.
    readers: BTreeMap<(Topic, i32), (u64, u64)>,
}

impl Group {
    /// Adds a member; one with the same instance is replaced. Gives its number.
    pub fn join(&mut self, instance: &str, topics: &[Topic], partitions: i32) -> u64 {
        let number = self.generation + 1;
        self.members.insert(instance.to_owned(), (number, topics.to_vec()));
        self.deal(partitions);
        number
    }

    /// Takes a member out, if it is still the one of that number.
    pub fn leave(&mut self, instance: &str, number: u64, partitions: i32) {
        if self.has(instance, number) {
            self.members.remove(instance);
            self.deal(partitions);
        }
    }

    pub fn has(&self, instance: &str, number: u64) -> bool {
        self.members.get(instance).is_some_and(|(known, _)| *known == number)
    }

    /// Changes whenever somebody comes or goes.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// A member's partitions, each with the generation since which it has been the member's without a break: what was
    /// read of one before that may have been done by another since.
    pub fn assignment(&self, number: u64) -> impl Iterator<Item = ((Topic, i32), u64)> + '_ {
        let mine = self.readers.iter().filter(move |(_, (reader, _))| *reader == number);
        mine.map(|(partition, (_, since))| (*partition, *since))
    }

    /// Whether a partition has been a member's without a break since a generation.
    pub fn held_since(&self, partition: (Topic, i32), number: u64, generation: u64) -> bool {
        self.readers.get(&partition).is_some_and(|(reader, since)| *reader == number && *since <= generation)
    }

    /// Deals the partitions out in turn among those who read the topic.
    fn deal(&mut self, partitions: i32) {
        self.generation += 1;
        let mut dealt = BTreeMap::new();
        for topic in Topic::ALL {
            let readers =
                self.members.values().filter(|(_, topics)| topics.contains(&topic)).map(|(number, _)| *number);
            let readers: Vec<u64> = readers.collect();
            for (partition, reader) in (0..partitions).zip(readers.iter().copied().cycle()) {
                let before = self.readers.get(&(topic, partition)).filter(|(former, _)| *former == reader);
                let since = before.map_or(self.generation, |(_, since)| *since);
                dealt.insert((topic, partition), (reader, since));
            }
        }
        self.readers = dealt;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_one_reader_whoever_comes_or_goes() {
        let mut group = Group::default();
        let numbers = ["a", "b", "c"].map(|name| group.join(name, &[Topic::Submitted], 7));
        let all = |group: &Group, numbers: &[u64]| {
            let mut all: Vec<_> = numbers.iter().flat_map(|number| group.assignment(*number)).map(|(p, _)| p).collect();
            all.sort();
            all
        };
        let whole: Vec<_> = (0..7).map(|partition| (Topic::Submitted, partition)).collect();
        assert_eq!(all(&group, &numbers), whole);
        assert!(numbers.iter().all(|number| group.assignment(*number).count() >= 2));
        group.leave("b", numbers[1], 7);
        assert_eq!(all(&group, &[numbers[0], numbers[2]]), whole);
        group.leave("c", numbers[0], 7);
        assert!(group.has("c", numbers[2]), "only the member itself can leave");
    }

    #[test]
    fn a_partition_that_was_away_is_held_anew() {
        let mut group = Group::default();
        let a = group.join("a", &[Topic::Submitted], 2);
        let before = group.generation();
        let (kept, moved) = ((Topic::Submitted, 0), (Topic::Submitted, 1));
        assert!(group.held_since(kept, a, before) && group.held_since(moved, a, before));
        let b = group.join("b", &[Topic::Submitted], 2);
        assert!(group.held_since(moved, b, group.generation()) && !group.held_since(moved, a, before));
        group.leave("b", b, 2);
        assert!(group.held_since(kept, a, before));
        assert!(!group.held_since(moved, a, before) && group.held_since(moved, a, group.generation()));
    }
}
