//! The Kafka and the PostgreSQL that tests/run starts.

use std::{
    collections::HashMap,
    env,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use sqlx::PgPool;
use uuid::Uuid;

use super::PATIENCE;

/// Their addresses; `None` where they are not there, which is said loudly, and is a failure under CI.
pub struct Services {
    pub kafka: String,
    pub postgres: String,
}

impl Services {
    pub fn find(test: &str) -> Option<Self> {
        let found = env::var("REJOINDER_TEST_KAFKA").ok().zip(env::var("REJOINDER_TEST_POSTGRES").ok());
        if found.is_none() {
            skipped(test, "REJOINDER_TEST_KAFKA and REJOINDER_TEST_POSTGRES are not set; `make test` starts both");
        }
        found.map(|(kafka, postgres)| Self { kafka, postgres })
    }

    /// A configuration with topics and a database of its own.
    pub async fn configuration(&self, rest: &str) -> (String, String) {
        let (postgres, name) = self.database().await;
        let config = format!(
            "deployment = \"distributed\"\n\
             kafka.brokers = {:?}\nkafka.prefix = \"{name}.\"\nkafka.partitions = 3\nkafka.replication_factor = 1\n\
             postgres.url = \"{postgres}\"\nmoderation.keys = [\"0123456789abcdef0123456789abcdef\"]\n{rest}",
            self.kafka
        );
        (config, name)
    }

    /// A new database: its address and its name.
    pub async fn database(&self) -> (String, String) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("it{}x{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        self.create_database(&name).await;
        (self.address(&name), name)
    }

    /// The address of a database on the server.
    pub fn address(&self, name: &str) -> String {
        let (server, _) = self.postgres.rsplit_once('/').expect("a database in the address");
        format!("{server}/{name}")
    }

    async fn create_database(&self, name: &str) {
        use sqlx::{Connection, Executor, PgConnection};

        let mut connection = PgConnection::connect(&self.postgres).await.expect("PostgreSQL answers");
        let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(statement).await.expect("a database can be created");
    }
}

/// What a deployment's database holds.
pub struct Database(PgPool);

impl Database {
    pub async fn of(services: &Services, name: &str) -> Self {
        Self(PgPool::connect(&services.address(name)).await.expect("PostgreSQL answers"))
    }

    /// How many comments and rejections there are.
    pub async fn rows(&self) -> u64 {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM comments WHERE state > 0");
        count.fetch_one(&self.0).await.expect("a count").unsigned_abs()
    }

    /// Waits for so many comments and rejections, and gives the state of each id. A slow machine may take its time, as long as
    /// there is progress.
    pub async fn settled(&self, rows: u64) -> HashMap<Uuid, i16> {
        let (mut last, mut since) = (0, Instant::now());
        while last < rows {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = self.rows().await;
            if now != last {
                (last, since) = (now, Instant::now());
            }
            assert!(since.elapsed() < PATIENCE, "{last} of {rows} rows, and nothing moves");
        }
        let states = sqlx::query_as("SELECT id, state FROM comments WHERE state > 0").fetch_all(&self.0).await;
        states.expect("the rows").into_iter().collect()
    }
}

/// Says that a test did not run; under CI nothing may be skipped.
pub fn skipped(test: &str, why: &str) {
    eprintln!("SKIPPED {test}: {why}");
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "nothing may be skipped under CI: {test}: {why}");
}
