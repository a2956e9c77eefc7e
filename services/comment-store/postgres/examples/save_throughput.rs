//! How fast `save` is, beside `psql \copy` of the same rows into the same table with the same indexes.
//!
//! `REJOINDER_TEST_POSTGRES=postgres://user@host:port/postgres cargo run --release --example save_throughput -- 100000`
#![expect(clippy::print_stdout, reason = "the numbers are what it is run for")]

use std::{
    env,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use rejoinder_comment_store::{Change, Store, contract::Sample};
use rejoinder_comment_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// About as long as the comments of the spam corpora are, and a reply now and then.
const WORDS: &str = "Thank you for this article. I had not known that the bridge was built before the railway came, and \
    it explains why the old road bends where it does. My grandmother told us another story, ";

const THREADS: usize = 997;

fn rows(number: usize) -> Vec<Change> {
    let mut rows: Vec<Sample> = Vec::with_capacity(number);
    for at in 0..number {
        let sample = Sample::at(1_700_000_000_000 + at as i64)
            .on(&format!("2026/article-{}", at * 7919 % THREADS))
            .by(
                &format!("Reader {}", at % 5000),
                &format!("reader{}@mail.example", at % 5000),
                &format!("192.0.2.{}", at % 251),
            )
            .with(|comment| {
                comment.text = format!("{WORDS}{at}");
                comment.html = format!("<p>{WORDS}{at}</p>");
            });
        // A reply now and then, to a comment of the same thread.
        let sample = match at.checked_sub(THREADS).filter(|_| at % 5 == 0) {
            Some(parent) => sample.to(rows[parent].id),
            None => sample,
        };
        rows.push(sample);
    }
    rows.iter().map(Sample::change).collect()
}

struct Bench {
    server: String,
}

impl Bench {
    fn url(&self, name: &str) -> anyhow::Result<String> {
        let (host, _) = self.server.rsplit_once('/').context("REJOINDER_TEST_POSTGRES ends with /database")?;
        Ok(format!("{host}/{name}"))
    }

    async fn database(&self, name: &str, connections: u32) -> anyhow::Result<PostgresStore> {
        self.drop(name).await?;
        let mut connection = PgConnection::connect(&self.server).await?;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        // So that one run's writing out does not fall into the next.
        connection.execute("CHECKPOINT").await?;
        let store = PostgresStore::connect(&self.url(name)?, connections).await?;
        store.migrate().await?;
        Ok(store)
    }

    async fn drop(&self, name: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.server).await?;
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await?;
        Ok(())
    }

    fn copy(&self, name: &str, direction: &str, file: &str) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let copied = Command::new("psql")
            .args([&self.url(name)?, "-qc", &format!("\\copy comments {direction} '{file}'")])
            .status()
            .context("psql must be installed")?;
        ensure!(copied.success(), "psql could not copy");
        Ok(started.elapsed())
    }
}

/// Saves all rows over so many connections. Each has threads of its own, as partitions give them to workers.
async fn save(
    store: PostgresStore,
    rows: Arc<Vec<Change>>,
    batch: usize,
    connections: usize,
) -> anyhow::Result<Duration> {
    let mut shares = vec![Vec::with_capacity(rows.len()); connections];
    for (at, row) in rows.iter().enumerate() {
        shares[at % THREADS % connections].push(row.clone());
    }
    let started = Instant::now();
    let writers: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let store = store.clone();
            tokio::spawn(async move {
                for batch in share.chunks(batch) {
                    store.save(batch).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    Ok(started.elapsed())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let number: usize = env::args().nth(1).map_or(Ok(100_000), |number| number.parse()).context("rows: a number")?;
    let bench = Bench { server: env::var("REJOINDER_TEST_POSTGRES").context("REJOINDER_TEST_POSTGRES is not set")? };
    let rows = Arc::new(rows(number));
    let file = env::temp_dir().join(format!("rejoinder-rows-{}.tsv", std::process::id()));
    let file = file.to_str().context("a folder with a plain name")?;
    let rate = |time: Duration| number as f64 / time.as_secs_f64();

    let store = bench.database("rejoinder_bench", 1).await?;
    save(store, rows.clone(), 1000, 1).await?;
    bench.copy("rejoinder_bench", "TO", file)?;
    let mut copies = Vec::new();
    for _ in 0..3 {
        bench.database("rejoinder_bench", 1).await?.close().await;
        copies.push(rate(bench.copy("rejoinder_bench", "FROM", file)?));
    }
    copies.sort_by(f64::total_cmp);
    let copy = copies[1];
    println!("psql \\copy                          {copy:>8.0} rows/s (median of {copies:.0?})");

    for connections in [1, 2] {
        for batch in [1000, 2000, 4000] {
            let store = bench.database("rejoinder_bench", connections).await?;
            let saved = rate(save(store.clone(), rows.clone(), batch, connections as usize).await?);
            store.close().await;
            println!(
                "save, batches of {batch}, {connections} connection(s) {saved:>8.0} rows/s, ratio {:.2}",
                saved / copy
            );
        }
    }
    bench.drop("rejoinder_bench").await?;
    std::fs::remove_file(file)?;
    Ok(())
}
