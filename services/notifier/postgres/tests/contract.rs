//! The outbox's contract against a PostgreSQL server: `REJOINDER_TEST_POSTGRES` is the address of one, with a user that
//! may create databases. Each outbox gets its own database, which is dropped at the end.

use std::{
    env,
    io::{self, Write},
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rejoinder_notifier::{Outbox, OutboxError, contract};
use rejoinder_notifier_postgres::PostgresOutbox;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, raw_sql};

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The server to test on; `None`, said loudly, when there is none and no CI that would want one.
fn server() -> Option<String> {
    let server = env::var("REJOINDER_TEST_POSTGRES").ok();
    if server.is_none() {
        assert!(env::var("CI").as_deref() != Ok("true"), "CI must set REJOINDER_TEST_POSTGRES");
        // Past the test runner's capture, so that a green run cannot hide it.
        let _ =
            writeln!(io::stderr(), "SKIPPED: set REJOINDER_TEST_POSTGRES=postgres://user@host/postgres to test on it");
    }
    server
}

async fn run(server: &str, sql: String) {
    let mut connection = PgConnection::connect(server).await.expect("REJOINDER_TEST_POSTGRES answers");
    raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the user may create and drop databases");
}

async fn create(server: &str) -> (String, String) {
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let name = format!("rejoinder_notifier_test_{}_{number}", process::id());
    run(server, format!("create database {name}")).await;
    let (base, _) = server.rsplit_once('/').expect("the address names a database");
    (format!("{base}/{name}"), name)
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let Some(server) = server() else { return };
    let made = std::sync::Mutex::new(Vec::new());
    contract::check(|| async {
        let (url, name) = create(&server).await;
        let outbox = PostgresOutbox::connect(&url, 4).await.expect("connects");
        outbox.migrate().await.expect("migrates");
        outbox.migrate().await.expect("and again");
        made.lock().expect("one thread").push((outbox.clone(), name));
        Arc::new(outbox) as Arc<dyn Outbox>
    })
    .await;
    for (outbox, name) in made.into_inner().expect("one thread") {
        outbox.close().await;
        run(&server, format!("drop database {name}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_a_database_with_other_migrations() {
    let Some(server) = server() else { return };
    let (url, name) = create(&server).await;
    run(&url, "create table _sqlx_migrations (version bigint primary key)".into()).await;
    let outbox = PostgresOutbox::connect(&url, 1).await.expect("connects");
    outbox.migrate().await.expect("the other crate's history is left alone");
    let mut connection = PgConnection::connect(&url).await.expect("connects");
    let row = sqlx::query("select count(*) from _sqlx_migrations_notifier").fetch_one(&mut connection).await;
    assert_eq!(row.expect("a table of its own").get::<i64, _>(0), 3);
    connection.close().await.expect("closes");
    outbox.close().await;
    run(&server, format!("drop database {name}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_whether_to_come_again() {
    let Some(server) = server() else { return };
    let (url, name) = create(&server).await;
    let outbox = PostgresOutbox::connect(&url, 1).await.expect("connects");
    assert!(matches!(outbox.depth().await, Err(OutboxError::Refused(_))), "the table is missing");
    outbox.migrate().await.expect("migrates");
    outbox.depth().await.expect("counts");
    // As when a server is shut down: no new connections, and the old ones are cut.
    let cut = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
    run(&server, format!("alter database {name} allow_connections false")).await;
    run(&server, cut).await;
    let error = outbox.depth().await;
    assert!(matches!(error, Err(OutboxError::Unavailable(_))), "{error:?}");
    run(&server, format!("alter database {name} allow_connections true")).await;
    outbox.depth().await.expect("it comes back by itself");
    outbox.close().await;
    run(&server, format!("drop database {name}")).await;
    let away = PostgresOutbox::connect("postgres://nobody@127.0.0.1:1/none", 1).await;
    assert!(matches!(away, Err(OutboxError::Unavailable(_))), "no server");
}
