//! The readers of the log's file, for the fuzz targets.

use rejoinder_proto::Topic;
pub use rusqlite::types::Value;
use rusqlite::{Connection, params};

pub use super::codec::{decode as decode_headers, encode as encode_headers};
use super::schema;
use crate::Delivered;

/// A log in memory whose only record is whatever is put there.
pub struct OneRecord(Connection);

/// What a record's row holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Milliseconds since 1970.
    pub appended_at: Value,
    /// The record's key.
    pub key: Value,
    /// Encoded headers.
    pub headers: Value,
    /// Null for a tombstone.
    pub payload: Value,
}

impl OneRecord {
    /// The log's own tables, empty.
    pub fn new() -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        schema::prepare(&mut connection, 1)?;
        Ok(Self(connection))
    }

    /// Reads a row as the log does; `None` when the tables do not take it.
    pub fn read(&self, offset: i64, row: &Row) -> Option<rusqlite::Result<Vec<Delivered>>> {
        let topic = Topic::Submitted;
        self.0.execute("DELETE FROM records", []).ok()?;
        let values = params![topic.name(), offset, row.appended_at, row.key, row.headers, row.payload];
        self.0.execute("INSERT INTO records VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6)", values).ok()?;
        Some(schema::select(&self.0, topic, 0, i64::MIN, 1))
    }
}
