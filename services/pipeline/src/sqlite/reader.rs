use rejoinder_proto::Topic;
use rusqlite::Connection;

use super::schema;
use crate::{Delivered, LogError, Reader};

const CHUNK: usize = 500;

pub struct SqliteReader {
    reader: Connection,
    topic: Topic,
    /// Partitions still to read, with where to go on and where to end.
    left: Vec<(i32, i64, i64)>,
}

impl SqliteReader {
    pub fn new(reader: Connection, topic: Topic, ends: Vec<(i32, i64)>) -> Self {
        let left = ends.into_iter().rev().map(|(partition, end)| (partition, 0, end)).collect();
        Self { reader, topic, left }
    }
}

impl Reader for SqliteReader {
    fn next(&mut self) -> Result<Option<Vec<Delivered>>, LogError> {
        while let Some((partition, from, end)) = self.left.last_mut() {
            let mut chunk = schema::select(&self.reader, self.topic, *partition, *from, CHUNK)
                .map_err(|error| LogError::Unavailable(error.to_string()))?;
            chunk.retain(|delivered| delivered.position.offset < *end);
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
