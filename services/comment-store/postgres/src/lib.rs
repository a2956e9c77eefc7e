//! The comment store on PostgreSQL 14 or later.
//!
//! A batch is one transaction. It is first tried as if nothing of it were known, which costs one statement; where the
//! constraints say otherwise, or a decision is among the changes, it is rolled back, what the database holds is loaded
//! under row locks, and the batch is decided again with that.
//!
//! Queries are checked at compile time against the descriptions in `.sqlx`, so that building needs no database. After
//! changing a query or a migration, write the descriptions again against a database that has the migrations:
//!
//! ```sh
//! cd services/comment-store/postgres
//! cat migrations/*.sql | psql "$URL"
//! rm .sqlx/*; touch src/lib.rs
//! SQLX_OFFLINE_DIR=$PWD/.sqlx REJOINDER_COMMENT_STORE_POSTGRES_URL=$URL cargo check
//! ```

mod error;
mod facts;
mod inspect;
mod load;
mod log;
mod read;
mod save;
mod whole;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use rejoinder_comment_store::{
    Change, Cursor, Facts, FactsQuery, Fate, Page, PublicComment, Saved, Store, StoreError, Tally,
};
use sqlx::{
    PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use error::store_error;

static MIGRATOR: Migrator = sqlx::migrate!();

/// How long a call waits for a free connection: long enough for a batch to finish, short enough to say "away" in time.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Limits that the server keeps for each connection, so that a worker that hangs holds no lock for ever; and plans made
/// anew for each batch: one that was made and kept while the table was small reads all of it when it is large.
const SESSION: [(&str, &str); 4] = [
    ("lock_timeout", "10s"),
    ("statement_timeout", "30s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("plan_cache_mode", "force_custom_plan"),
];

/// A connection's own settings for migrations; later ones count.
const UNLIMITED: [(&str, &str); 2] = [("lock_timeout", "0"), ("statement_timeout", "0")];

/// Comments in a PostgreSQL database. Cloning it shares the connections.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: PgPool,
}

impl PostgresStore {
    /// Connects to `url` (`postgres://user:password@host:port/database`, with libpq's parameters), with at most
    /// `max_connections`. [`StoreError::Refused`] when the address itself is wrong, [`StoreError::Unavailable`] when nobody
    /// answers there within five seconds.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let options = options(url)?;
        let pool = PgPoolOptions::new()
            .max_connections(max_connections.max(1))
            .acquire_timeout(ACQUIRE)
            .connect_with(options)
            .await
            .map_err(store_error)?;
        Ok(Self { pool })
    }

    /// Connects to `url` from now on; connections that are open stay so.
    pub fn readdress(&self, url: &str) -> Result<(), StoreError> {
        self.pool.set_connect_options(options(url)?);
        Ok(())
    }

    /// Brings the schema up to date. Processes that start together take turns under an advisory lock.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // Building an index on a large table takes longer than any query may, and so may another process's turn.
        let options = PgConnectOptions::clone(&self.pool.connect_options()).options(UNLIMITED);
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.map_err(store_error)?;
        let migrated = MIGRATOR.run(&pool).await;
        pool.close().await;
        migrated.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
            other => StoreError::Refused(other.to_string()),
        })
    }

    /// Closes the connections, and waits for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let wrong = |error| StoreError::Refused(format!("the database's address is wrong: {error}"));
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| wrong(error))?;
    Ok(options.application_name("rejoinder-comment-store").options(SESSION))
}

#[async_trait]
impl Store for PostgresStore {
    async fn save(&self, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
        save::save(&self.pool, changes).await
    }

    async fn thread(&self, site: &str, thread: &str, cursor: Option<&Cursor>, limit: u32) -> Result<Page, StoreError> {
        read::thread(&self.pool, site, thread, cursor, limit).await
    }

    async fn recent(&self, site: &str, limit: u32) -> Result<Vec<PublicComment>, StoreError> {
        read::recent(&self.pool, site, limit).await
    }

    async fn counts(&self, site: &str, threads: &[String]) -> Result<Vec<u64>, StoreError> {
        read::counts(&self.pool, site, threads).await
    }

    async fn fates(&self, ids: &[Uuid]) -> Result<Vec<Option<Fate>>, StoreError> {
        read::fates(&self.pool, ids).await
    }

    async fn facts(&self, queries: &[FactsQuery]) -> Result<Vec<Facts>, StoreError> {
        facts::facts(&self.pool, queries).await
    }

    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, StoreError> {
        facts::previously_approved(&self.pool, authors).await
    }

    async fn tally(&self, ids: &[Uuid]) -> Result<Tally, StoreError> {
        read::tally(&self.pool, ids).await
    }
}
