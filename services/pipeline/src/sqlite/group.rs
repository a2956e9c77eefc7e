//! Who reads which partitions. One process owns the file, so the members of a group meet in memory.

use std::collections::BTreeMap;

use rejoinder_proto::Topic;

/// A consumer group.
#[derive(Default)]
pub struct Group {
    generation: u64,
    /// By instance; the number tells two members of one name apart.
    members: BTreeMap<String, (u64, Vec<Topic>)>,
}

impl Group {
    /// Adds a member; one with the same instance is replaced. Gives its number.
    pub fn join(&mut self, instance: &str, topics: &[Topic]) -> u64 {
        self.generation += 1;
        self.members.insert(instance.to_owned(), (self.generation, topics.to_vec()));
        self.generation
    }

    /// Takes a member out, if it is still the one of that number.
    pub fn leave(&mut self, instance: &str, number: u64) {
        if self.has(instance, number) {
            self.generation += 1;
            self.members.remove(instance);
        }
    }

    pub fn has(&self, instance: &str, number: u64) -> bool {
        self.members.get(instance).is_some_and(|(known, _)| *known == number)
    }

    /// Changes whenever somebody comes or goes.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The partitions of a member: dealt out in turn among those who read the topic.
    pub fn assignment(&self, instance: &str, partitions: i32) -> Vec<(Topic, i32)> {
        let mut assigned = Vec::new();
        for topic in Topic::ALL {
            let readers = self.members.iter().filter(|(_, (_, topics))| topics.contains(&topic));
            let readers: Vec<&String> = readers.map(|(name, _)| name).collect();
            let mine = (0..partitions).zip(readers.iter().cycle()).filter(|(_, name)| **name == instance);
            assigned.extend(mine.map(|(partition, _)| (topic, partition)));
        }
        assigned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_one_reader_whoever_comes_or_goes() {
        let mut group = Group::default();
        let numbers: Vec<u64> = ["a", "b", "c"].map(|name| group.join(name, &[Topic::Submitted])).to_vec();
        let all = |group: &Group, names: &[&str]| {
            let mut all: Vec<_> = names.iter().flat_map(|name| group.assignment(name, 7)).collect();
            all.sort();
            all
        };
        let whole: Vec<_> = (0..7).map(|partition| (Topic::Submitted, partition)).collect();
        assert_eq!(all(&group, &["a", "b", "c"]), whole);
        assert!(["a", "b", "c"].iter().all(|name| group.assignment(name, 7).len() >= 2));
        group.leave("b", numbers[1]);
        assert_eq!(all(&group, &["a", "c"]), whole);
        group.leave("c", numbers[0]);
        assert!(group.has("c", numbers[2]), "only the member itself can leave");
    }
}
