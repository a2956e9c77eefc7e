use std::{
    thread,
    time::{Duration, Instant},
};

use rejoinder_proto::{Topic, headers::Headers, millis};
use rusqlite::Connection;

use super::{schema, view::unavailable};
use crate::{Delivered, Follower, LogError, log::Start};

const CHUNK: usize = 500;
/// How long to wait before the file is looked at again. It may belong to another process, so nobody says when it grows.
const AGAIN: Duration = Duration::from_millis(25);

pub struct SqliteFollower {
    reader: Connection,
    topic: Topic,
    /// Where each partition goes on.
    next: Vec<i64>,
}

impl SqliteFollower {
    pub fn new(reader: Connection, topic: Topic, partitions: i32, start: &Start) -> Result<Self, LogError> {
        let newest = i64::try_from(start.newest).unwrap_or(i64::MAX);
        let first = |partition| {
            let end = schema::end(&reader, topic, partition)?;
            let first = end.saturating_sub(newest);
            Ok(schema::since(&reader, topic, partition, first, millis(Some(&start.from)))?.unwrap_or(end))
        };
        let next = (0..partitions).map(first).collect::<rusqlite::Result<_>>().map_err(unavailable)?;
        Ok(Self { reader, topic, next })
    }
}

impl Follower for SqliteFollower {
    fn poll(&mut self, wait: Duration) -> Result<Vec<Delivered>, LogError> {
        let until = Instant::now() + wait;
        loop {
            let mut records = Vec::new();
            for (partition, next) in (0..).zip(&mut self.next) {
                let chunk = schema::select(&self.reader, self.topic, partition, *next, CHUNK).map_err(unavailable)?;
                if let Some(last) = chunk.last() {
                    *next = last.position.offset + 1;
                }
                records.extend(chunk.into_iter().map(bare));
            }
            let left = until.saturating_duration_since(Instant::now());
            if !records.is_empty() || left.is_zero() {
                return Ok(records);
            }
            thread::sleep(AGAIN.min(left));
        }
    }
}

fn bare(mut delivered: Delivered) -> Delivered {
    delivered.record.headers = Headers::new();
    delivered
}
