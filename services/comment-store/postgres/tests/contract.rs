//! The store's contract, on PostgreSQL. `REJOINDER_TEST_POSTGRES` names a server and a role that may create databases.

use std::{
    collections::HashMap,
    env,
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use rejoinder_comment_store::{
    Store, StoreError,
    contract::{self, Fixture, Sample},
    inspect::Inspect,
};
use rejoinder_comment_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The server's address; `None`, loudly, when there is none. In CI there must be one.
fn server() -> Option<String> {
    let server = env::var("REJOINDER_TEST_POSTGRES").ok().filter(|server| !server.is_empty());
    if server.is_none() {
        assert!(env::var("CI").is_err(), "REJOINDER_TEST_POSTGRES is not set, and CI may not skip");
        // Past the test harness, which keeps what a passing test prints.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: set REJOINDER_TEST_POSTGRES=postgres://user@host:port/postgres to test against PostgreSQL"
        );
    }
    server
}

/// Databases of a test, dropped by [`Databases::drop_all`].
struct Databases {
    server: String,
    names: Vec<String>,
}

impl Databases {
    fn on(server: String) -> Self {
        Self { server, names: Vec::new() }
    }

    /// A new database's address.
    async fn create(&mut self) -> anyhow::Result<String> {
        let name = format!("rejoinder_test_{}", uuid::Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&self.server).await?;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        let (address, query) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (host, _) = address.rsplit_once('/').filter(|(host, _)| !host.ends_with('/')).unwrap_or((address, ""));
        let url = format!("{host}/{name}?{query}");
        self.names.push(name);
        Ok(url)
    }

    async fn drop_all(self) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.server).await?;
        for name in self.names {
            connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await?;
        }
        Ok(())
    }
}

async fn store(url: &str) -> anyhow::Result<PostgresStore> {
    let store = PostgresStore::connect(url, 2).await?;
    store.migrate().await?;
    Ok(store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() -> anyhow::Result<()> {
    let Some(server) = server() else { return Ok(()) };
    let mut databases = Databases::on(server);
    let database = databases.create().await?;
    let mut connection = PgConnection::connect(&database).await?;
    let mut cases = 0;
    contract::all(async || {
        // A schema is as good as a database here, and quicker to make.
        cases += 1;
        connection.execute(AssertSqlSafe(format!("CREATE SCHEMA case_{cases}"))).await.expect("a schema");
        let url = format!("{database}&options[search_path]=case_{cases}");
        let open = async || Arc::new(store(&url).await.expect("a store"));
        Fixture { store: open().await, second: open().await }
    })
    .await;
    databases.drop_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_migrate_at_once() -> anyhow::Result<()> {
    let Some(server) = server() else { return Ok(()) };
    let mut databases = Databases::on(server);
    let url = databases.create().await?;
    let migrations: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { store(&url).await.map(|_| ()) })
        })
        .collect();
    for migration in migrations {
        migration.await??;
    }
    databases.drop_all().await
}

#[tokio::test]
async fn what_heals_by_itself_is_not_refused() -> anyhow::Result<()> {
    let Some(server) = server() else { return Ok(()) };
    let mut databases = Databases::on(server.clone());
    let url = databases.create().await?;
    let sample = Sample::at(1000);
    let unavailable = |result: Result<_, StoreError>| matches!(result, Err(StoreError::Unavailable(_)));

    let store = PostgresStore::connect(&url, 1).await?;
    assert!(unavailable(store.save(&[sample.change()]).await), "not migrated yet");
    store.migrate().await?;
    let mut admin = PgConnection::connect(&server).await?;
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
        .bind(&databases.names[0])
        .execute(&mut admin)
        .await?;
    // The pool notices, or the batch fails as something that passes; the next one is on a new connection.
    match store.save(&[sample.change()]).await {
        Ok(saved) => assert_eq!(saved, [sample.visible()]),
        error => assert!(unavailable(error)),
    }
    assert_eq!(store.save(&[sample.change()]).await?, [sample.visible()]);
    databases.drop_all().await?;
    assert!(unavailable(store.save(&[sample.change()]).await), "the database is gone");
    let nobody = PostgresStore::connect("postgres://nobody@127.0.0.1:1/none", 1).await;
    assert!(matches!(nobody, Err(StoreError::Unavailable(_))));
    let nonsense = PostgresStore::connect("not an address", 1).await;
    assert!(matches!(nonsense, Err(StoreError::Refused(_))));
    Ok(())
}

#[tokio::test]
async fn a_row_too_large_for_an_index_is_refused() -> anyhow::Result<()> {
    let Some(server) = server() else { return Ok(()) };
    let mut databases = Databases::on(server);
    let url = databases.create().await?;
    let store = store(&url).await?;
    // Nothing that could be compressed into an index entry of 2704 bytes.
    let noise: String = (0..500).map(|_| uuid::Uuid::now_v7().simple().to_string()).collect();
    let large = Sample::at(1000).by("Ada", "ada@reader.example", &noise);
    let error = store.save(&[large.change()]).await.expect_err("too large");
    assert!(matches!(&error, StoreError::Refused(why) if !why.contains(&noise[..30])), "{error}");
    let sample = Sample::at(1000);
    assert_eq!(store.save(&[sample.change()]).await?, [sample.visible()]);
    databases.drop_all().await
}

/// How often each of these indexes on comments was looked into, and `comments` itself read through: once the server has
/// counted so many in all, which it does a moment after the end of the connection that did it.
async fn scans(connection: &mut PgConnection, names: &[&str], at_least: i64) -> anyhow::Result<HashMap<String, i64>> {
    let began = Instant::now();
    loop {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT indexrelname::text, idx_scan FROM pg_stat_user_indexes WHERE relname = 'comments'
             UNION ALL SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE relname = 'comments'",
        )
        .fetch_all(&mut *connection)
        .await?;
        let counted: HashMap<_, _> = rows.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect();
        if counted.values().sum::<i64>() >= at_least {
            return Ok(counted);
        }
        ensure!(began.elapsed() < Duration::from_secs(10), "{at_least} look-ups, and counted are {counted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn named<const N: usize>(counts: [(&str, i64); N]) -> HashMap<String, i64> {
    HashMap::from(counts.map(|(name, count)| (name.to_owned(), count)))
}

#[tokio::test]
async fn an_authors_last_comment_is_looked_for_among_the_authors_own() -> anyhow::Result<()> {
    const COMMENTS: u16 = 4_000;
    const ASKED: u16 = 500;
    let Some(server) = server() else { return Ok(()) };
    let mut databases = Databases::on(server);
    let url = databases.create().await?;
    let store = store(&url).await?;
    let mut connection = PgConnection::connect(&url).await?;
    // What was analysed in between is planned better than what just came in.
    connection.execute("ALTER TABLE comments SET (autovacuum_enabled = off)").await?;
    let written = |n: u16, millis: i64| {
        let [high, low] = n.to_be_bytes();
        // Long addresses make their index a level higher than the one by time, and so a little dearer to enter, as it is
        // with short ones in a table of some 20,000.
        let email = format!("{}{n}@reader.example", "reader.".repeat(20));
        Sample::at(millis).by("Ada", &email, &format!("10.0.{high}.{low}"))
    };
    let changes: Vec<_> = (0..COMMENTS).map(|n| written(n, i64::from(n)).change()).collect();
    for batch in changes.chunks(1_000) {
        store.save(batch).await?;
    }
    let questions: Vec<_> = (0..ASKED).map(|n| written(n, 60_000).question()).collect();
    let facts = store.facts(&questions).await?;
    store.close().await;
    let last: Vec<_> = facts.iter().map(|facts| facts.last_comment_at.map(|at| at.timestamp_millis())).collect();
    assert_eq!(last, (0..ASKED).map(|n| Some(i64::from(n))).collect::<Vec<_>>());

    let asked = i64::from(ASKED);
    let counted = scans(&mut connection, &["comments_email", "comments_ip", "comments_time"], 2 * asked).await?;
    assert_eq!(counted, named([("comments_email", asked), ("comments_ip", asked), ("comments_time", 0)]));
    databases.drop_all().await
}

#[tokio::test]
async fn what_a_batch_costs_does_not_grow_with_what_is_stored() -> anyhow::Result<()> {
    const COMMENTS: i64 = 4_000;
    const ASKED: i64 = 500;
    const INDEXES: [&str; 4] = ["comments", "comments_pkey", "comments_fingerprint", "comments_author"];
    let Some(server) = server() else { return Ok(()) };
    let mut databases = Databases::on(server);
    let url = databases.create().await?;
    let writer = store(&url).await?;
    let stored: Vec<_> =
        (0..COMMENTS).map(|n| Sample::at(n).by("Ada", &format!("ada{n}@reader.example"), "")).collect();
    for batch in stored.chunks(1_000) {
        let changes: Vec<_> = batch.iter().map(Sample::change).collect();
        writer.save(&changes).await?;
    }
    writer.close().await;
    // A planner that knows the table takes joining all of it for cheaper than looking 500 rows up.
    let mut connection = PgConnection::connect(&url).await?;
    connection.execute("ANALYZE comments").await?;
    connection.close().await?;

    let mut connection = PgConnection::connect(&url).await?;
    let before = scans(&mut connection, &INDEXES, 0).await?;
    let reader = store(&url).await?;
    let questions: Vec<_> =
        stored.iter().take(ASKED as usize).map(|parent| Sample::at(COMMENTS).to(parent.id).question()).collect();
    let facts = reader.facts(&questions).await?;
    assert!(facts.len() == questions.len() && facts.iter().all(|facts| facts.parent.is_some()));
    let authors: Vec<_> =
        (0..ASKED).map(|n| ("news".to_owned(), "Ada".to_owned(), format!("ada{n}@reader.example"))).collect();
    assert_eq!(reader.previously_approved(&authors).await?, vec![true; authors.len()]);
    let now = chrono::Utc::now();
    let before_now: Vec<_> = authors.into_iter().map(|(site, name, email)| (site, name, email, now)).collect();
    assert_eq!(reader.approved_before(&before_now).await?, vec![true; before_now.len()]);
    reader.close().await;
    let looked_up = 5 * ASKED;
    let mut counted = scans(&mut connection, &INDEXES, before.values().sum::<i64>() + looked_up).await?;
    counted.iter_mut().for_each(|(name, count)| *count -= before[name]);
    let own_and_parent = 2 * ASKED;
    assert_eq!(
        counted,
        named([
            ("comments", 0),
            ("comments_pkey", own_and_parent),
            ("comments_fingerprint", ASKED),
            ("comments_author", 2 * ASKED)
        ])
    );
    databases.drop_all().await
}
