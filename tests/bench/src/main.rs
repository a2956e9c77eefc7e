//! Measures the real binary from the outside: comments a second from end to end, the time from POST to stored, and each
//! worker's peak memory. Every figure is printed with its goal; `make bench` runs it beside the examples that measure the
//! parts.
#![allow(clippy::print_stdout)]

mod deployment;
mod latency;
mod load;
mod plain;
mod stages;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::{
    deployment::{Deployment, Distributed},
    load::Rows,
};

/// What to measure with.
#[derive(Parser)]
struct Arguments {
    /// The `rejoinder` binary, built for release
    #[arg(long)]
    rejoinder: PathBuf,
    /// Comments for the rate
    #[arg(long, default_value_t = 50_000)]
    comments: usize,
    /// Events for the validator
    #[arg(long, default_value_t = 200_000)]
    events: usize,
    /// POSTs for the latency
    #[arg(long, default_value_t = 300)]
    posts: usize,
    /// Kafka's address; without one, only the embedded deployment is measured
    #[arg(long)]
    kafka: Option<String>,
    /// PostgreSQL's address, without a database, of a user that may create one
    #[arg(long)]
    postgres: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let rows = Rows::new(arguments.comments)?;

    let embedded = Deployment::embedded(&arguments.rejoinder)?;
    let rate = rows.submit(&embedded)?;
    goal("embedded, submit to stored", rate, "comments/s", rate >= 5_000.0, ">= 5,000");
    let mut process = embedded.start(&["dev"])?;
    let (p50, p99) = latency::post_to_stored(process.address(), arguments.posts).await?;
    goal("embedded, POST to stored, p50", p50, "ms", p50 <= 20.0, "<= 20");
    println!("{:<44} {p99:>10.1} ms", "embedded, POST to stored, p99");
    process.end()?;

    if let (Some(kafka), Some(postgres)) = (&arguments.kafka, &arguments.postgres) {
        let rates = stages::without_and_with(kafka, arguments.events).await?;
        let (with, ratio) = (rates.other(), rates.ratio());
        goal("validator on Kafka, in transactions", with, "events/s", with >= 40_000.0, ">= 40,000");
        goal("validator, with transactions / without", ratio, "", ratio >= 0.8, ">= 0.8");
        let start = || Distributed::start(&arguments.rejoinder, kafka, postgres);
        let distributed = start()?;
        let (p50, p99) = latency::post_to_stored(distributed.gateway.address(), arguments.posts).await?;
        goal("Kafka, POST to stored, p50", p50, "ms", p50 <= 50.0, "<= 50");
        println!("{:<44} {p99:>10.1} ms", "Kafka, POST to stored, p99");
        let rate = rows.submit(&distributed.deployment)?;
        println!("{:<44} {rate:>10.0} comments/s", "Kafka, submit to stored, all on this machine");
        let mut peaks = distributed.peaks()?;
        drop(distributed);
        let (rates, distributed) = stages::rates(start, kafka, arguments.events).await?;
        println!("{:<44} {:>10.0} events/s", "validator on Kafka, asking PostgreSQL", rates.one());
        println!("{:<44} {:>10.0} events/s", "spam filter on Kafka, in mode post", rates.other());
        let ratio = rates.ratio();
        goal("spam filter / validator", ratio, "", ratio >= 1.0, ">= 1.0");
        peaks.extend(distributed.peaks()?);
        for (worker, peak) in peaks {
            goal(&format!("peak memory of {worker}"), peak, "MB", peak <= 64.0, "<= 64");
        }
    }
    Ok(())
}

fn goal(what: &str, figure: f64, unit: &str, reached: bool, goal: &str) {
    let verdict = if reached { "reached" } else { "MISSED" };
    println!("{what:<44} {figure:>10.2} {unit:<11} goal {goal}: {verdict}");
}
