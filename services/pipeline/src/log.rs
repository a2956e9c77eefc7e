//! The seam between stages and the log that joins them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use rejoinder_proto::{Timestamp, Topic, millis};

use crate::{Delivered, Position, Progress, Record};

/// The longest record that the log takes, in bytes of payload; Kafka's own default leaves room for headers within 1 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 1_000_000;

/// What a log holds, for tools that only look: no group is joined, and nothing is written.
pub trait Records: Send + Sync {
    /// Reads a topic's committed records within `range`, each partition in order, up to the end that it has now.
    fn read(&self, topic: Topic, range: &Range) -> Result<Box<dyn Reader>, LogError>;

    /// Reads a topic's committed records from `start` on, and those that come later: all of its partitions, and those only
    /// that it has now.
    fn follow(&self, topic: Topic, start: &Start) -> Result<Box<dyn Follower>, LogError>;

    /// How many partitions a topic has, numbered from 0.
    fn partitions(&self, topic: Topic) -> Result<i32, LogError>;

    /// How far a group has committed: the next offset that it reads, by topic and partition. A partition that it has not
    /// committed yet is missing.
    fn committed(&self, group: &str) -> Result<BTreeMap<(Topic, i32), i64>, LogError>;
}

/// A log of topics, partitions, offsets and consumer groups.
pub trait Log: Records {
    /// Joins a consumer group. The consumer and its transactions belong to one thread.
    ///
    /// `instance` is unique among the group's living members, and stable over a restart of the same one.
    fn join(&self, group: &str, instance: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, LogError>;

    /// A way to append from outside of any stage.
    fn publisher(&self) -> Result<Arc<dyn Publisher>, LogError>;

    /// A way to append several records together, for tools. Of two of one name the later fences the earlier: when this
    /// returns, everything that the earlier did is decided and can be read, and it can do nothing more.
    fn transactor(&self, name: &str) -> Result<Box<dyn Transactor>, LogError>;
}

/// Which records of a topic; by default all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Range {
    /// Only this partition.
    pub partition: Option<i32>,
    /// The first offset; it means something with a partition only.
    pub first: Option<i64>,
    /// The offset after the last; it means something with a partition only.
    pub end: Option<i64>,
    /// Appended at this time or later, to the millisecond.
    pub from: Option<Timestamp>,
    /// Appended before this time, to the millisecond.
    pub to: Option<Timestamp>,
}

impl Range {
    /// A partition, whole.
    pub fn of_partition(partition: i32) -> Self {
        Self { partition: Some(partition), ..Self::default() }
    }

    /// Whether a record that was appended then is within it.
    pub fn holds_time(&self, appended_at: &Timestamp) -> bool {
        self.millis().contains(&millis(Some(appended_at)))
    }

    /// The times in milliseconds since 1970.
    pub(crate) fn millis(&self) -> std::ops::Range<i64> {
        let at = |time: &Option<Timestamp>, open| time.as_ref().map_or(open, |time| millis(Some(time)));
        at(&self.from, i64::MIN)..at(&self.to, i64::MAX)
    }
}

/// Where following begins, in each partition: at the later one of two places.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The first record that was appended at this time or later.
    pub from: Timestamp,
    /// About so many offsets before the end: what is older is not worth the reading.
    pub newest: u64,
}

/// How much a poll may gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// At most this many records.
    pub records: usize,
    /// No further record once the batch has this many bytes.
    pub bytes: usize,
    /// How long to wait for the first record.
    pub wait: Duration,
    /// How long to wait for more after the first record; zero takes what is there.
    pub linger: Duration,
}

/// A member of a consumer group with its transactions. Records come in order within a partition, and only committed ones.
pub trait Consumer: Send {
    /// Gathers a batch; an empty one when nothing came in time.
    fn poll(&mut self, limits: BatchLimits) -> Result<Vec<Delivered>, LogError>;

    /// What is there already of the batch after the one in hand, which is still to be committed. When that fails,
    /// [`rewind`](Self::rewind) this one as well. By default there is none.
    fn poll_ahead(&mut self, limits: BatchLimits) -> Result<Vec<Delivered>, LogError> {
        let _ = limits;
        Ok(Vec::new())
    }

    /// Appends the outputs and commits the offsets: both, or neither. After [`LogError::Replay`] and
    /// [`LogError::Unavailable`] the batch has been rewound and comes again from `poll`.
    fn commit(&mut self, outputs: Vec<Record>, progress: &Progress) -> Result<(), LogError>;

    /// Gives the batch again from the next `poll`.
    fn rewind(&mut self, progress: &Progress) -> Result<(), LogError>;

    /// Waits, and keeps the membership alive meanwhile; takes no records.
    fn idle(&mut self, time: Duration) -> Result<(), LogError>;

    /// Records between the committed offsets and the ends of the assigned partitions, with the partitions' numbers.
    fn lag(&mut self) -> Vec<(Topic, i32, i64)>;

    /// Leaves the group, so that others take over at once.
    fn leave(self: Box<Self>);

    /// What kind of log it is: `messaging.system` of spans and metrics. Ours has no name in OpenTelemetry's list.
    fn system(&self) -> &'static str {
        "rejoinder"
    }
}

/// Appends single records durably.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Returns when the record is durable and replicated (acks=all; fsync), with its position. An error may leave it
    /// appended all the same: a repeat under the same id is harmless downstream.
    async fn append(&self, record: Record) -> Result<Position, Unavailable>;

    /// What kind of log it is: `messaging.system` of spans and metrics.
    fn system(&self) -> &'static str {
        "rejoinder"
    }
}

/// Appends several records: all of them, or none.
pub trait Transactor: Send {
    /// One transaction; durable when it returns. [`LogError::Fatal`] when another of the name has begun since. After
    /// [`LogError::Unavailable`] it may have happened all the same: begin another, and look.
    fn append(&mut self, records: Vec<Record>) -> Result<(), LogError>;
}

/// Reads a topic once, for tools.
pub trait Reader: Send {
    /// The next records in order; `None` at the end that the topic had when reading began.
    fn next(&mut self) -> Result<Option<Vec<Delivered>>, LogError>;
}

/// Reads a topic, and goes on as it grows. After an error it is of no further use.
pub trait Follower: Send {
    /// The next records, in order within a partition; none when nothing came within `wait`. They come without their headers,
    /// since reading those takes as long as reading the rest: only what our own workers have written can be followed.
    fn poll(&mut self, wait: Duration) -> Result<Vec<Delivered>, LogError>;
}

/// The log did not take a record.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// It is away or full; try again later.
    #[error("the log did not take the record: {0}")]
    Log(String),
    /// It never will.
    #[error("the record has {bytes} bytes; the log takes at most {MAX_PAYLOAD_BYTES}")]
    TooLarge {
        /// The payload's length.
        bytes: usize,
    },
}

/// What to do when the log says no.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Nothing was committed and the batch comes again: a rebalance, an aborted transaction.
    #[error("nothing was committed, the batch comes again: {0}")]
    Replay(String),
    /// The log is away; wait, then go on.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// This process cannot go on; end it, and start a new one.
    #[error("the log refused this process for good: {0}")]
    Fatal(String),
}
