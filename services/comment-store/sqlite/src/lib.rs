//! The comment store in a SQLite file.
//!
//! One connection writes, in one transaction a batch, with the rows handed over as one JSON text; some others read, which
//! WAL lets them do meanwhile.
//!
//! A save is durable when it returns: the writer commits with `synchronous=FULL`, an fsync a batch. The log's later hops
//! may commit without one, because a power cut rolls their outputs and offsets back together, but this is a file of its
//! own: with `NORMAL` it could lose a batch whose offsets the log's file had kept, and nobody would bring that batch again.
//! The fsync was measured at 3 to 7 ms on a busy virtual disk: much for one comment alone, nothing for a batch of 1,000.
//!
//! Queries are checked at compile time against the descriptions in `.sqlx`, so that building needs no database. After
//! changing a query or a migration, write the descriptions again:
//!
//! ```sh
//! cd services/comment-store/sqlite
//! cat migrations/*.sql | sqlite3 /tmp/comments.db
//! rm .sqlx/*; touch src/lib.rs
//! SQLX_OFFLINE_DIR=$PWD/.sqlx REJOINDER_COMMENT_STORE_SQLITE_URL=sqlite:///tmp/comments.db cargo check
//! ```

mod error;
mod facts;
mod inspect;
mod json;
mod load;
mod log;
mod read;
mod save;
mod whole;
mod write;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use rejoinder_comment_store::{
    Change, Cursor, Facts, FactsQuery, Fate, Page, PublicComment, Saved, Store, StoreError, Tally,
};
use sqlx::{
    Connection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

use error::store_error;

static MIGRATOR: Migrator = sqlx::migrate!();

/// How long a connection waits for another process's write.
const BUSY: Duration = Duration::from_secs(5);

/// Connections that read. More would only wait for the disk.
const READERS: u32 = 4;

/// Comments in a SQLite file. Cloning it shares the connections.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the file at `path`, makes it if it is missing, and brings its schema up to date. Its folder must exist.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            // 16 MiB of WAL between checkpoints: a checkpoint costs an fsync of the whole file, a batch is about 2 MiB.
            .pragma("wal_autocheckpoint", "4096")
            .pragma("journal_size_limit", "67108864");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            // SQLite ends a transaction by itself when the disk is full. The connection does not hear of it and begins
            // none ever after, so another one takes its place.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options.clone().pragma("cache_size", "-16384"))
            .await
            .map_err(store_error)?;
        MIGRATOR.run(&writer).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
            other => StoreError::Refused(other.to_string()),
        })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(store_error)?;
        Ok(Self { writer, readers })
    }

    /// Closes the connections, and waits for those in use.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn save(&self, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
        save::save(&self.writer, changes).await
    }

    async fn thread(&self, site: &str, thread: &str, cursor: Option<&Cursor>, limit: u32) -> Result<Page, StoreError> {
        read::thread(&self.readers, site, thread, cursor, limit).await
    }

    async fn recent(&self, site: &str, limit: u32) -> Result<Vec<PublicComment>, StoreError> {
        read::recent(&self.readers, site, limit).await
    }

    async fn counts(&self, site: &str, threads: &[String]) -> Result<Vec<u64>, StoreError> {
        read::counts(&self.readers, site, threads).await
    }

    async fn fates(&self, ids: &[Uuid]) -> Result<Vec<Option<Fate>>, StoreError> {
        read::fates(&self.readers, ids).await
    }

    async fn facts(&self, queries: &[FactsQuery]) -> Result<Vec<Facts>, StoreError> {
        facts::facts(&self.readers, queries).await
    }

    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, StoreError> {
        facts::previously_approved(&self.readers, authors).await
    }

    async fn tally(&self, ids: &[Uuid]) -> Result<Tally, StoreError> {
        read::tally(&self.readers, ids).await
    }
}

#[cfg(test)]
mod tests {
    use rejoinder_comment_store::contract::Sample;

    use super::*;

    #[tokio::test]
    async fn a_transaction_that_sqlite_has_ended_itself_stops_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SqliteStore::open(&folder.path().join("comments.sqlite")).await.expect("a store");
        // What a full disk does, without one.
        let mut transaction = store.writer.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
        sqlx::query("ROLLBACK").execute(&mut *transaction).await.expect("its end");
        drop(transaction);
        let saved = store.save(&[Sample::at(1).change()]).await;
        assert!(matches!(saved.as_deref(), Ok([Saved::Published(_)])), "{saved:?}");
    }
}
