//! Many events while random workers are killed, at the speed that the deployment has; then the operator's own audit, and
//! how much memory each worker took.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Args;
use prost::Message;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
};
use rejoinder_proto::{from_millis, v1};
use rustix::process::Signal;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    cell::{WORKERS, common},
    deployment::Deployment,
    observe,
    services::{port, smtp::Smtp},
    world::{Paths, Services, fresh},
};

const DATABASE: &str = "soak";
/// So many acknowledgements may be outstanding.
const WINDOW: usize = 20_000;
/// A worker that takes so much more at the end than at the start grows.
const GROWTH: f64 = 1.25;
/// Without any progress for so long, it is stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much, and how rough.
#[derive(Args)]
pub struct SoakArgs {
    /// How many events
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// A random worker is killed every so many seconds; a trailing s is allowed
    #[arg(long, default_value = "5s", value_parser = seconds)]
    kill_every: Duration,
    /// Decides who is killed and what is sent
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.trim_end_matches('s').parse().map_err(|_| format!("{text:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

/// Runs it; whether everything held.
pub async fn run(arguments: &SoakArgs, paths: &Paths) -> Result<bool> {
    fresh(&paths.folder)?;
    let services = Services::start(paths, "soak", 1).await?;
    services.postgres.create(DATABASE).await?;
    let smtp = Smtp::start().await?;
    let config = format!(
        "deployment = \"distributed\"\nkafka.brokers = {:?}\nkafka.prefix = \"soak.\"\nkafka.partitions = 6\n\
         kafka.replication_factor = 1\nkafka.session_timeout_ms = 3000\nkafka.transaction_timeout_ms = 4000\n\
         postgres.url = {:?}\nmoderation.keys = [\"0123456789abcdef0123456789abcdef\"]\n{}",
        services.kafka.brokers(),
        services.postgres.url(DATABASE),
        common(smtp.port(), port()?)
    );
    let deployment = Deployment::new(&paths.binary, &paths.folder.join("soak"), &config)?;
    deployment.succeed(&["topics", "create"])?;
    deployment.succeed(&["migrate"])?;
    for role in WORKERS {
        deployment.start(role, role, &[], &[])?;
    }
    let begun = Instant::now();
    let flood = tokio::spawn(flood(services.kafka.brokers(), arguments.events, arguments.seed));
    let (kills, peaks) = kill_until_done(arguments, &deployment, &services).await?;
    let promised = flood.await??;
    let took = begun.elapsed();

    let mut held = true;
    let rows = count(&services, "SELECT count(*) FROM comments WHERE state BETWEEN 1 AND 5").await?;
    let letters = observe::topic(&services.kafka.brokers(), "soak.comments.dead-letter")?;
    // A record that is no event dies again when its publisher repeats it.
    let dead = letters.iter().map(|letter| letter.id).collect::<BTreeSet<Uuid>>().len() as u64;
    println!("events {}, of them ids {promised}; rows {rows}, dead letters {dead}", arguments.events);
    println!(
        "{kills} workers killed in {:.0} s; {:.0} events/s",
        took.as_secs_f64(),
        arguments.events as f64 / took.as_secs_f64()
    );
    if rows + dead != promised {
        println!("FAILED: {promised} ids were acknowledged, and {} ended", rows + dead);
        held = false;
    }
    held &= memory(&peaks);
    let audit = deployment.run(&["audit"])?;
    print!("{}", String::from_utf8_lossy(&audit.stdout));
    if !audit.status.success() {
        println!("FAILED: the audit says {}: {}", audit.status, String::from_utf8_lossy(&audit.stderr));
        held = false;
    }
    held &= rebuilt(&deployment, &services).await?;
    println!("{}", if held { "1 passed, 0 failed" } else { "0 passed, 1 failed" });
    Ok(held)
}

/// Rebuilds the store from the log into an empty database, and compares.
async fn rebuilt(deployment: &Deployment, services: &Services) -> Result<bool> {
    services.postgres.create("rebuilt").await?;
    let another = services.postgres.url("rebuilt");
    let begun = Instant::now();
    let replay = deployment.run(&["replay", "--database", &another])?;
    println!("replayed into an empty database in {:.0} s", begun.elapsed().as_secs_f64());
    let sum = |arguments: &[&str]| deployment.succeed(arguments);
    let (before, after) = (sum(&["checksum"])?, sum(&["checksum", "--database", &another])?);
    print!("{before}{after}");
    let same = replay.status.success() && !before.trim().is_empty() && before == after;
    if !same {
        println!("FAILED: the replay ended with {}: {}", replay.status, String::from_utf8_lossy(&replay.stderr));
    }
    Ok(same)
}

async fn count(services: &Services, query: &'static str) -> Result<u64> {
    let mut connection = PgConnection::connect(&services.postgres.url(DATABASE)).await?;
    let count: i64 = sqlx::query_scalar(query).fetch_one(&mut connection).await?;
    Ok(count.unsigned_abs())
}

/// Kills a random worker again and again until everything has come to its end. Gives the number of kills, and each role's
/// peak memory at every look, in MB.
async fn kill_until_done(
    arguments: &SoakArgs,
    deployment: &Deployment,
    services: &Services,
) -> Result<(usize, BTreeMap<String, Vec<f64>>)> {
    let mut random = StdRng::seed_from_u64(arguments.seed);
    let mut peaks: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let (mut kills, mut before, mut moved) = (0, 0, Instant::now());
    loop {
        sleep(arguments.kill_every).await;
        for (role, peak) in deployment.peaks() {
            peaks.entry(role).or_default().push(peak);
        }
        let rows = count(services, "SELECT count(*) FROM comments").await?;
        eprintln!("{rows} rows, {kills} kills");
        let brokers = services.kafka.brokers();
        let stands = rows == before && rows > 0;
        if stands && observe::is_drained(&brokers, "soak.")? {
            return Ok((kills, peaks));
        }
        if !stands {
            moved = Instant::now();
        }
        ensure!(moved.elapsed() < PATIENCE, "nothing moves any more; see {}", deployment.log().display());
        before = rows;
        if let Some(role) = WORKERS.choose(&mut random) {
            deployment.signal(role, Signal::KILL)?;
            kills += 1;
        }
    }
}

/// Prints each role's peak in the first and the last third of the run; whether none has grown.
fn memory(peaks: &BTreeMap<String, Vec<f64>>) -> bool {
    let mut level = true;
    for (role, looks) in peaks {
        let third = looks.len().div_ceil(3);
        let most = |looks: &[f64]| looks.iter().copied().fold(0.0, f64::max);
        let (first, last) = (most(&looks[..third]), most(&looks[looks.len() - third..]));
        let word = if last > first * GROWTH { "GROWN" } else { "level" };
        level &= last <= first * GROWTH;
        println!(
            "peak memory of {role:<14} {:>6.1} MB; first third {first:.1}, last third {last:.1}: {word}",
            most(looks)
        );
    }
    level
}

/// Produces the events; returns how many different ids were acknowledged.
async fn flood(brokers: String, events: u64, seed: u64) -> Result<u64> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("compression.type", "lz4")
        .set("linger.ms", "5")
        .create()?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut flight: VecDeque<DeliveryFuture> = VecDeque::new();
    let mut ids = 0;
    let mut last = None;
    for number in 0..events {
        // One in a hundred is the publisher's repetition of the one before.
        let (thread, id, payload) = match last.take() {
            Some(before) if random.random_ratio(1, 100) => before,
            _ => {
                ids += 1;
                event(&mut random, number)
            }
        };
        while flight.len() >= WINDOW {
            if let Some(oldest) = flight.pop_front() {
                oldest.await?.map_err(|(error, _)| error)?;
            }
        }
        flight.push_back(send(&producer, &thread, id, &payload).await?);
        last = Some((thread, id, payload));
    }
    for ack in flight {
        ack.await?.map_err(|(error, _)| error)?;
    }
    Ok(ids)
}

async fn send(producer: &FutureProducer, thread: &str, id: Uuid, payload: &[u8]) -> Result<DeliveryFuture> {
    let (key, id) = (format!("news/{thread}"), id.to_string());
    loop {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "content-type", value: Some("application/protobuf") })
            .insert(Header { key: "ce_id", value: Some(&id) });
        let record = FutureRecord::to("soak.comments.submitted").key(&key).payload(payload).headers(headers);
        match producer.send_result(record) {
            Ok(delivery) => return Ok(delivery),
            Err((error, _)) if error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull) => {
                sleep(Duration::from_millis(5)).await;
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

/// One in 20 is invalid, one in 1,000 is held, one in 5,000 is no event at all.
fn event(random: &mut StdRng, number: u64) -> (String, Uuid, Vec<u8>) {
    let (id, thread) = (Uuid::now_v7(), format!("t{}", random.random_range(0..2_000)));
    let body = match number {
        _ if number % 20 == 7 => String::new(),
        _ if number % 1_000 == 3 => format!("Row {number} https://a.example/x https://b.example/y"),
        _ => format!("Row {number} of a flood that somebody has to read some day."),
    };
    let event = v1::CommentSubmitted {
        id: id.to_string(),
        site: "news".into(),
        thread: Some(v1::Thread { id: thread.clone(), ..Default::default() }),
        author: Some(v1::Author {
            name: "Reader".into(),
            email: format!("reader{number}@example.org"),
            ..Default::default()
        }),
        body,
        submitted_at: Some(from_millis(chrono::Utc::now().timestamp_millis())),
        ..Default::default()
    };
    let mut payload = event.encode_to_vec();
    if number % 5_000 == 11 {
        payload.truncate(payload.len() - 5);
    }
    (thread, id, payload)
}
