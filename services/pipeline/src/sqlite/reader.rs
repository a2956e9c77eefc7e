use std::ops::Range;

use rejoinder_proto::Topic;
use rusqlite::Connection;

use super::schema;
use crate::{Delivered, LogError, Reader};

const CHUNK: usize = 500;

pub struct SqliteReader {
    reader: Connection,
    topic: Topic,
    /// Partitions still to read, the next one last, with where to go on and where to end.
    left: Vec<(i32, i64, i64)>,
    /// Times of appending, in milliseconds since 1970.
    times: Range<i64>,
}

impl SqliteReader {
    pub fn new(reader: Connection, topic: Topic, partitions: Vec<(i32, i64, i64)>, times: Range<i64>) -> Self {
        Self { reader, topic, left: partitions.into_iter().rev().collect(), times }
    }
}

impl Reader for SqliteReader {
    fn next(&mut self) -> Result<Option<Vec<Delivered>>, LogError> {
        while let Some((partition, from, end)) = self.left.last_mut() {
            let chunk = schema::select_within(&self.reader, self.topic, *partition, *from..*end, &self.times, CHUNK)
                .map_err(|error| LogError::Unavailable(error.to_string()))?;
            match chunk.last() {
                Some(last) => *from = last.position.offset + 1,
                None => {
                    self.left.pop();
                    continue;
                }
            }
            return Ok(Some(chunk));
        }
        Ok(None)
    }
}
