//! How fast `save` is into a file in the folder given, in batches of some sizes.
//!
//! `cargo run --release --example save_throughput_sqlite -- /var/tmp 100000`
#![expect(clippy::print_stdout, reason = "the numbers are what it is run for")]

use std::{env, time::Instant};

use anyhow::Context;
use rejoinder_comment_store::{Change, Store, contract::Sample};
use rejoinder_comment_store_sqlite::SqliteStore;

const WORDS: &str = "Thank you for this article. I had not known that the bridge was built before the railway came, and \
    it explains why the old road bends where it does. My grandmother told us another story, ";

fn sample(at: usize) -> Sample {
    Sample::at(1_700_000_000_000 + at as i64)
        .on(&format!("2026/article-{}", at * 7919 % 997))
        .by(
            &format!("Reader {}", at % 5000),
            &format!("reader{}@mail.example", at % 5000),
            &format!("192.0.2.{}", at % 251),
        )
        .with(|comment| {
            comment.text = format!("{WORDS}{at}");
            comment.html = format!("<p>{WORDS}{at}</p>");
        })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = env::args().nth(1).context("the folder for the file")?;
    let number: usize = env::args().nth(2).map_or(Ok(100_000), |number| number.parse()).context("rows: a number")?;
    let rows: Vec<Change> = (0..number).map(|at| sample(at).change()).collect();
    for size in [1, 100, 1000, 4000] {
        let folder = tempfile::tempdir_in(&folder)?;
        let store = SqliteStore::open(folder.path().join("comments.db")).await?;
        let rows = &rows[..number.min(size * 1000)];
        let started = Instant::now();
        for batch in rows.chunks(size) {
            store.save(batch).await?;
        }
        let rate = rows.len() as f64 / started.elapsed().as_secs_f64();
        println!("save, batches of {size:>4} {rate:>8.0} rows/s");
        let questions: Vec<_> = (0..1000).map(|at| sample(at * 31).question()).collect();
        let started = Instant::now();
        store.facts(&questions).await?;
        println!("facts about 1000 beside {} stored: {:.1} ms", rows.len(), started.elapsed().as_secs_f64() * 1e3);
        store.close().await;
    }
    Ok(())
}
