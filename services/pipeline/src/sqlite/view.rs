use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rejoinder_proto::Topic;
use rusqlite::Connection;

use super::{fatal, follower::SqliteFollower, reader::SqliteReader, schema};
use crate::{Follower, LogError, Range, Reader, Records, log::Start};

/// A log's file, to look at only: also while another process has the log open, which WAL allows.
#[derive(Clone, Debug)]
pub struct SqliteView {
    path: PathBuf,
    partitions: i32,
}

impl SqliteView {
    /// Looks at the log in a file that exists.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        if !path.is_file() {
            return Err(LogError::Fatal(format!("there is no log at {}; is data_dir right?", path.display())));
        }
        let partitions = schema::reader(path).and_then(|reader| schema::partitions(&reader));
        Ok(Self::new(path, partitions.map_err(|error| fatal(path, &error))?))
    }

    pub(super) fn new(path: &Path, partitions: i32) -> Self {
        Self { path: path.to_owned(), partitions }
    }

    /// A connection that only reads.
    pub(super) fn connect(&self) -> Result<Connection, LogError> {
        schema::reader(&self.path).map_err(|error| fatal(&self.path, &error))
    }
}

impl Records for SqliteView {
    fn read(&self, topic: Topic, range: &Range) -> Result<Box<dyn Reader>, LogError> {
        let connection = self.connect()?;
        let partitions = match range.partition {
            Some(partition) if !(0..self.partitions).contains(&partition) => {
                let last = self.partitions - 1;
                return Err(LogError::Fatal(format!("{topic} has no partition {partition}; they are 0 to {last}")));
            }
            Some(partition) => partition..partition + 1,
            None => 0..self.partitions,
        };
        let mut left = Vec::new();
        for partition in partitions {
            let end = schema::end(&connection, topic, partition).map_err(unavailable)?;
            let limit = range.end.filter(|_| range.partition.is_some()).unwrap_or(i64::MAX);
            let first = range.first.filter(|_| range.partition.is_some()).unwrap_or(0);
            left.push((partition, first, end.min(limit)));
        }
        Ok(Box::new(SqliteReader::new(connection, topic, left, range.millis())))
    }

    fn follow(&self, topic: Topic, start: &Start) -> Result<Box<dyn Follower>, LogError> {
        Ok(Box::new(SqliteFollower::new(self.connect()?, topic, self.partitions, start)?))
    }

    fn partitions(&self, _: Topic) -> Result<i32, LogError> {
        Ok(self.partitions)
    }

    fn committed(&self, group: &str) -> Result<BTreeMap<(Topic, i32), i64>, LogError> {
        schema::all_committed(&self.connect()?, group).map_err(unavailable)
    }
}

pub(super) fn unavailable(error: rusqlite::Error) -> LogError {
    LogError::Unavailable(error.to_string())
}
