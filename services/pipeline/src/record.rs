use std::collections::BTreeMap;

use rejoinder_proto::{Event, Timestamp, Topic, headers::Headers};

/// A record on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it goes.
    pub topic: Topic,
    /// Records of one key share a partition and keep their order.
    pub key: Vec<u8>,
    /// CloudEvents attributes, trace context, content type.
    pub headers: Headers,
    /// `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
}

impl Record {
    /// The record of an event.
    pub fn of<E: Event>(event: &E, source: &str, traceparent: &str) -> Self {
        Self {
            topic: event.topic(),
            key: event.key().into_bytes(),
            headers: event.headers(source, traceparent),
            payload: Some(event.encode()),
        }
    }

    /// About how many bytes it takes in memory and on the wire.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        self.key.len() + self.payload.as_ref().map_or(0, Vec::len) + headers + 32
    }
}

/// Where a record stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: i32,
    /// The offset within the partition; offsets rise, with gaps.
    pub offset: i64,
}

/// A record as it came out of the log.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Where it stands.
    pub position: Position,
    /// When it was appended, by the log's clock.
    pub appended_at: Timestamp,
    /// The record.
    pub record: Record,
}

/// The first offset of a batch in one partition, and the offset to commit after it: the last one plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where a replay starts.
    pub first: i64,
    /// What is committed.
    pub next: i64,
}

/// How far a batch reaches, by topic and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress(BTreeMap<(Topic, i32), Span>);

impl Progress {
    /// The spans of a batch's positions, in any order.
    pub fn of(positions: impl IntoIterator<Item = Position>) -> Self {
        let mut spans = BTreeMap::new();
        for Position { topic, partition, offset } in positions {
            let span = spans.entry((topic, partition)).or_insert(Span { first: offset, next: offset + 1 });
            span.first = span.first.min(offset);
            span.next = span.next.max(offset + 1);
        }
        Self(spans)
    }

    /// Each topic and partition with its span.
    pub fn iter(&self) -> impl Iterator<Item = (Topic, i32, Span)> + '_ {
        self.0.iter().map(|(&(topic, partition), &span)| (topic, partition, span))
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn positions() -> impl Strategy<Value = Vec<Position>> {
        let topic = proptest::sample::select(vec![Topic::Submitted, Topic::Moderated]);
        let position = (topic, 0..3i32, 0..1000i64);
        vec(position.prop_map(|(topic, partition, offset)| Position { topic, partition, offset }), 0..200)
    }

    proptest! {
        #[test]
        fn the_offset_to_commit_is_one_past_the_last(positions in positions()) {
            let progress = Progress::of(positions.iter().copied());
            for (topic, partition, span) in progress.iter() {
                let mine = || positions.iter().filter(|p| (p.topic, p.partition) == (topic, partition)).map(|p| p.offset);
                prop_assert_eq!(Some(span.next - 1), mine().max());
                prop_assert_eq!(Some(span.first), mine().min());
            }
            let read: BTreeSet<_> = positions.iter().map(|p| (p.topic, p.partition)).collect();
            let committed: Vec<_> = progress.iter().map(|(topic, partition, _)| (topic, partition)).collect();
            prop_assert_eq!(committed, Vec::from_iter(read), "each partition that was read, once, and no other");
            prop_assert_eq!(progress.is_empty(), positions.is_empty());
        }

        /// However a partition is cut into batches, each begins where the one before it was committed, so that a crash between
        /// two of them skips nothing and repeats nothing.
        #[test]
        fn batches_meet(start in 0..1_000_000i64, sizes in vec(1..50i64, 1..20)) {
            let mut next = start;
            for size in sizes {
                let at = |offset| Position { topic: Topic::Submitted, partition: 0, offset };
                let progress = Progress::of((next..next + size).map(at));
                let spans: Vec<_> = progress.iter().map(|(.., span)| span).collect();
                prop_assert_eq!(spans, [Span { first: next, next: next + size }]);
                next += size;
            }
        }
    }
}
