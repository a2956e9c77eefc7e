//! The tables, and every statement on them.

use std::{collections::BTreeMap, ops::Range, path::Path, time::Duration};

use rejoinder_proto::{Topic, from_millis};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};

use super::{Ends, codec};
use crate::{Delivered, Position, Record};

/// Raised when the tables change; a file of another version is refused.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS records (
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        appended_at INTEGER NOT NULL, -- milliseconds since 1970
        key BLOB NOT NULL,
        headers BLOB NOT NULL,
        payload BLOB,                 -- null is a tombstone
        PRIMARY KEY (topic, partition, offset)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS offsets (
        member_group TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        next INTEGER NOT NULL,
        PRIMARY KEY (member_group, topic, partition)
    ) WITHOUT ROWID;
";

/// Makes the tables where they are missing. Gives the log's number of partitions.
pub fn prepare(writer: &mut Connection, partitions: i32) -> rusqlite::Result<i32> {
    writer.pragma_update(None, "journal_mode", "WAL")?;
    // Checkpoints of 16 MB: fewer of them in a flood, and the file beside stays small.
    writer.pragma_update(None, "wal_autocheckpoint", 4000)?;
    writer.busy_timeout(Duration::from_secs(5))?;
    writer.set_prepared_statement_cache_capacity(16);
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    for (name, initial) in [("version", VERSION), ("partitions", i64::from(partitions.max(1)))] {
        transaction.execute("INSERT OR IGNORE INTO settings (name, value) VALUES (?1, ?2)", params![name, initial])?;
    }
    let partitions = self::partitions(&transaction)?;
    transaction.commit()?;
    Ok(partitions)
}

/// The log's number of partitions; an error when its format is another version's.
pub fn partitions(connection: &Connection) -> rusqlite::Result<i32> {
    let setting = |name: &str| -> rusqlite::Result<i64> {
        connection.query_row("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0))
    };
    let version = setting("version")?;
    if version != VERSION {
        return Err(rusqlite::Error::InvalidParameterName(format!(
            "the log was written by another version (its format is {version}, this one reads {VERSION})"
        )));
    }
    let partitions = setting("partitions")?;
    i32::try_from(partitions).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, partitions))
}

/// The end of every partition.
pub fn ends(connection: &Connection, partitions: i32) -> rusqlite::Result<Ends> {
    let mut ends = Ends::new();
    for topic in Topic::ALL {
        for partition in 0..partitions {
            ends.insert((topic, partition), end(connection, topic, partition)?);
        }
    }
    Ok(ends)
}

/// The end of one partition.
pub fn end(connection: &Connection, topic: Topic, partition: i32) -> rusqlite::Result<i64> {
    let mut last = connection.prepare_cached("SELECT max(offset) FROM records WHERE topic = ?1 AND partition = ?2")?;
    let offset: Option<i64> = last.query_row(params![topic.name(), partition], |row| row.get(0))?;
    Ok(offset.map_or(0, |offset| offset + 1))
}

/// The first offset from `first` on with a record that was appended at `at` or later, in milliseconds since 1970.
pub fn since(
    connection: &Connection,
    topic: Topic,
    partition: i32,
    first: i64,
    at: i64,
) -> rusqlite::Result<Option<i64>> {
    let mut since = connection.prepare(
        "SELECT min(offset) FROM records WHERE topic = ?1 AND partition = ?2 AND offset >= ?3 AND appended_at >= ?4",
    )?;
    since.query_row(params![topic.name(), partition, first, at], |row| row.get(0))
}

/// A connection that can only read.
pub fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let reader = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    reader.busy_timeout(Duration::from_secs(5))?;
    Ok(reader)
}

pub fn insert(writer: &Connection, record: &Record, partition: i32, offset: i64, at: i64) -> rusqlite::Result<()> {
    let mut statement = writer.prepare_cached("INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    let headers = codec::encode(&record.headers);
    statement.execute(params![record.topic.name(), partition, offset, at, record.key, headers, record.payload])?;
    Ok(())
}

/// At most `limit` records of a partition from `from` on.
pub fn select(
    reader: &Connection,
    topic: Topic,
    partition: i32,
    from: i64,
    limit: usize,
) -> rusqlite::Result<Vec<Delivered>> {
    select_within(reader, topic, partition, from..i64::MAX, &(i64::MIN..i64::MAX), limit)
}

/// At most `limit` records of a partition with these offsets that were appended at these times. A damaged record whose time
/// is no number is among them, and cannot be read: it must not be passed over in silence.
pub fn select_within(
    reader: &Connection,
    topic: Topic,
    partition: i32,
    offsets: Range<i64>,
    times: &Range<i64>,
    limit: usize,
) -> rusqlite::Result<Vec<Delivered>> {
    let mut statement = reader.prepare_cached(
        "SELECT offset, appended_at, key, headers, payload FROM records
         WHERE topic = ?1 AND partition = ?2 AND offset >= ?3 AND offset < ?4
           AND (typeof(appended_at) <> 'integer' OR (appended_at >= ?5 AND (appended_at < ?6 OR ?6 = 9223372036854775807)))
         ORDER BY offset LIMIT ?7",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(
        params![topic.name(), partition, offsets.start, offsets.end, times.start, times.end, limit],
        |row| delivered(topic, partition, row),
    )?;
    rows.collect()
}

fn delivered(topic: Topic, partition: i32, row: &Row<'_>) -> rusqlite::Result<Delivered> {
    Ok(Delivered {
        position: Position { topic, partition, offset: row.get(0)? },
        appended_at: from_millis(row.get(1)?),
        record: Record {
            topic,
            key: row.get(2)?,
            headers: codec::decode(row.get_ref(3)?.as_blob()?),
            payload: row.get(4)?,
        },
    })
}

pub fn commit_offset(
    writer: &Connection,
    group: &str,
    topic: Topic,
    partition: i32,
    next: i64,
) -> rusqlite::Result<()> {
    let mut statement = writer.prepare_cached(
        "INSERT INTO offsets (member_group, topic, partition, next) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (member_group, topic, partition) DO UPDATE SET next = excluded.next",
    )?;
    statement.execute(params![group, topic.name(), partition, next])?;
    Ok(())
}

/// Where a group goes on in a partition; 0 where it has not been yet.
pub fn committed(reader: &Connection, group: &str, topic: Topic, partition: i32) -> rusqlite::Result<i64> {
    let mut statement =
        reader.prepare_cached("SELECT next FROM offsets WHERE member_group = ?1 AND topic = ?2 AND partition = ?3")?;
    let next = statement.query_row(params![group, topic.name(), partition], |row| row.get(0)).optional()?;
    Ok(next.unwrap_or(0))
}

/// Where a group goes on in every partition that it has committed.
pub fn all_committed(reader: &Connection, group: &str) -> rusqlite::Result<BTreeMap<(Topic, i32), i64>> {
    let mut statement = reader.prepare("SELECT topic, partition, next FROM offsets WHERE member_group = ?1")?;
    let rows = statement.query_map([group], |row| {
        let topic: String = row.get(0)?;
        Ok((topic.parse::<Topic>().ok(), row.get(1)?, row.get(2)?))
    })?;
    let known = |row: rusqlite::Result<(Option<Topic>, i32, i64)>| match row {
        Ok((Some(topic), partition, next)) => Some(Ok(((topic, partition), next))),
        // A topic of another version.
        Ok((None, ..)) => None,
        Err(error) => Some(Err(error)),
    };
    rows.filter_map(known).collect()
}

/// See [`super::SqliteLog::prune`]. A topic that no group has read yet keeps everything but what no group ever reads.
pub fn prune(writer: &Connection, before: i64) -> rusqlite::Result<usize> {
    writer.execute(
        "DELETE FROM records AS r
         WHERE appended_at < ?1
           AND topic <> ?2
           AND offset < (SELECT max(offset) FROM records AS l WHERE l.topic = r.topic AND l.partition = r.partition)
           AND (topic = ?3 OR offset < (SELECT min(next) FROM offsets AS o WHERE o.topic = r.topic AND o.partition = r.partition))",
        params![before, Topic::DeadLetter.name(), Topic::Published.name()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_time_is_an_error_and_passes_no_record_over() {
        let mut connection = Connection::open_in_memory().expect("memory");
        prepare(&mut connection, 1).expect("tables");
        let read = |time: &dyn rusqlite::ToSql| {
            connection.execute("DELETE FROM records", []).expect("delete");
            let values = params![Topic::Submitted.name(), time, b"key".as_slice(), b"".as_slice(), b"".as_slice()];
            connection.execute("INSERT INTO records VALUES (?1, 0, 7, ?2, ?3, ?4, ?5)", values).expect("insert");
            select(&connection, Topic::Submitted, 0, 0, 10).map(|records| records.len())
        };
        assert_eq!(read(&1).ok(), Some(1));
        assert_eq!(read(&i64::MAX).ok(), Some(1));
        assert!(read(&"yesterday").is_err());
        assert!(read(&b"x".as_slice()).is_err());
    }
}
