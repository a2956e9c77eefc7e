use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::Hash,
    mem,
};

use rejoinder_proto::Topic;

use crate::{Position, Received};

/// What a stage remembers of the records just before this one: facts that the store may not know yet.
///
/// A batch can come again after an abort, and then what was remembered of it never happened. So every entry carries the
/// position of the record that made it, and [`Window::rewind`] forgets, for each partition of a batch, whatever stands
/// at or after the batch's first offset. A key has one value: the latest by insertion.
#[derive(Debug)]
pub struct Window<K, V> {
    capacity: usize,
    entries: HashMap<K, Values<V>>,
    order: HashMap<(Topic, i32), VecDeque<(i64, K)>>,
    length: usize,
}

/// The values of one key, each with its record's position. Nearly always there is one, and that needs no allocation.
#[derive(Debug)]
struct Values<V> {
    latest: (Position, V),
    earlier: Vec<(Position, V)>,
}

impl<K: Eq + Hash + Clone, V> Window<K, V> {
    /// Remembers about `capacity` facts; the oldest of the fullest partition goes first.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), entries: HashMap::new(), order: HashMap::new(), length: 0 }
    }

    /// Forgets what a batch that comes again had left behind. Call it first with every batch.
    pub fn rewind<E>(&mut self, batch: &[Received<E>]) {
        let mut firsts: HashMap<(Topic, i32), i64> = HashMap::new();
        for Received { position, .. } in batch {
            let first = firsts.entry((position.topic, position.partition)).or_insert(position.offset);
            *first = position.offset.min(*first);
        }
        for (partition, first) in firsts {
            while self.order.get(&partition).and_then(VecDeque::back).is_some_and(|(offset, _)| *offset >= first) {
                if let Some((offset, key)) = self.order.get_mut(&partition).and_then(VecDeque::pop_back) {
                    self.forget(&key, Position { topic: partition.0, partition: partition.1, offset });
                }
            }
        }
    }

    /// The latest value under a key, with the position of the record that it came from.
    pub fn get(&self, key: &K) -> Option<(Position, &V)> {
        self.entries.get(key).map(|Values { latest: (position, value), .. }| (*position, value))
    }

    /// Remembers a fact that the record at `position` made true.
    pub fn insert(&mut self, position: Position, key: K, value: V) {
        self.order.entry((position.topic, position.partition)).or_default().push_back((position.offset, key.clone()));
        match self.entries.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Values { latest: (position, value), earlier: Vec::new() });
            }
            Entry::Occupied(mut entry) => {
                let Values { latest, earlier } = entry.get_mut();
                earlier.push(mem::replace(latest, (position, value)));
            }
        }
        self.length += 1;
        while self.length > self.capacity {
            self.drop_oldest();
        }
    }

    /// How many facts are remembered.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn drop_oldest(&mut self) {
        let fullest = self.order.iter_mut().max_by_key(|(_, queue)| queue.len());
        let Some((&(topic, partition), queue)) = fullest else { return };
        if let Some((offset, key)) = queue.pop_front() {
            self.forget(&key, Position { topic, partition, offset });
        }
    }

    fn forget(&mut self, key: &K, position: Position) {
        self.length -= 1;
        let Some(values) = self.entries.get_mut(key) else { return };
        if let Some(at) = values.earlier.iter().position(|(p, _)| *p == position) {
            values.earlier.remove(at);
        } else if values.latest.0 == position {
            match values.earlier.pop() {
                Some(earlier) => values.latest = earlier,
                None => {
                    self.entries.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32, offset: i64) -> Position {
        Position { topic: Topic::Submitted, partition, offset }
    }

    fn batch(positions: &[(i32, i64)]) -> Vec<Received<()>> {
        positions
            .iter()
            .map(|&(partition, offset)| Received { event: (), position: at(partition, offset), trace: None })
            .collect()
    }

    #[test]
    fn a_batch_that_comes_again_finds_the_window_as_it_was_before() {
        let mut window = Window::new(10);
        window.insert(at(0, 1), "a", 1);
        window.insert(at(1, 1), "b", 1);
        window.insert(at(0, 2), "a", 2);
        window.insert(at(1, 9), "a", 3);
        assert_eq!(window.get(&"a"), Some((at(1, 9), &3)));
        window.rewind(&batch(&[(0, 3), (0, 2)]));
        assert_eq!(window.get(&"a"), Some((at(1, 9), &3)));
        window.rewind(&batch(&[(1, 2)]));
        assert_eq!(window.get(&"a"), Some((at(0, 1), &1)));
        assert_eq!(window.get(&"b"), Some((at(1, 1), &1)));
        window.rewind(&batch(&[(0, 0), (1, 0)]));
        assert!(window.is_empty() && window.get(&"a").is_none());
    }

    #[test]
    fn the_oldest_goes_when_it_is_full() {
        let mut window = Window::new(3);
        for offset in 0..100 {
            window.insert(at(0, offset), offset, ());
        }
        assert_eq!(window.len(), 3);
        assert!(window.get(&96).is_none() && window.get(&97).is_some());
    }
}
