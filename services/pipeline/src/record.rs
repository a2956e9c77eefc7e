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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_offset_to_commit_is_one_past_the_last(offsets in proptest::collection::vec((0..4i32, 0..1000i64), 0..200)) {
            let at = |(partition, offset)| Position { topic: Topic::Submitted, partition, offset };
            let progress = Progress::of(offsets.iter().copied().map(at));
            for (_, partition, span) in progress.iter() {
                let mine = || offsets.iter().filter(|(p, _)| *p == partition).map(|(_, o)| *o);
                prop_assert_eq!(Some(span.next - 1), mine().max());
                prop_assert_eq!(Some(span.first), mine().min());
            }
            prop_assert_eq!(progress.is_empty(), offsets.is_empty());
        }
    }
}
