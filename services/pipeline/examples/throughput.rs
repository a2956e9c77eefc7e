//! What transactions cost: records of about 500 bytes are copied from one topic to another, once as a worker does it and
//! once without transactions, each in a process of its own. Linux only: it reads /proc.
//!
//! ```text
//! cargo run --release -p rejoinder-pipeline --example throughput -- [records] [brokers] [property=value ...]
//! ```

use std::{
    env, fs,
    io::{Write, stdout},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, executor::block_on, stream};
use rdkafka::{
    ClientConfig, ClientContext, Message,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
};
use rejoinder_pipeline::{
    BatchLimits, Log, LogError, Progress, Record,
    kafka::{KafkaLog, KafkaSettings},
};
use rejoinder_proto::{Topic, headers::Headers};

const LIMITS: BatchLimits =
    BatchLimits { records: 4_000, bytes: 8 << 20, wait: Duration::from_millis(200), linger: Duration::from_millis(20) };

const MODES: [&str; 4] = ["fill", "plain", "transactions", "clear"];

fn main() -> Result<()> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| MODES.contains(&first.as_str())) {
        return child(&arguments);
    }
    let properties = arguments.split_off(arguments.len().min(2));
    let records = arguments.first().map_or("300000", String::as_str);
    let brokers = arguments.get(1).map_or("127.0.0.1:19092", String::as_str);
    let prefix = format!("bench{:08x}.", rand::random::<u32>());
    let run = |mode: &str| -> Result<f64> {
        let me = env::current_exe()?;
        let output = Command::new(me).args([mode, &prefix, brokers, records]).args(&properties).output()?;
        ensure!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout)?;
        write!(stdout(), "{mode:>13}: {said}")?;
        said.split_whitespace().next().context("no figure")?.parse().context("not a figure")
    };
    run("fill")?;
    let mut ratios = Vec::new();
    for _ in 0..3 {
        let plain = run("plain")?;
        ratios.push(run("transactions")? / plain);
    }
    run("clear")?;
    ratios.sort_by(f64::total_cmp);
    writeln!(stdout(), "with transactions / without: {:.2} (median of {})", ratios[1], ratios.len())?;
    Ok(())
}

fn child(arguments: &[String]) -> Result<()> {
    let [mode, prefix, brokers, records, properties @ ..] = arguments else { bail!("too few arguments") };
    let records: usize = records.parse()?;
    let settings = KafkaSettings {
        brokers: brokers.clone(),
        prefix: prefix.clone(),
        properties: properties
            .iter()
            .filter_map(|each| each.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        ..KafkaSettings::default()
    };
    let started = Instant::now();
    let took = match mode.as_str() {
        "fill" => fill(settings, records)?,
        "transactions" => transactions(settings, records)?,
        "plain" => plain(&settings, records)?,
        _ => clear(&settings).map(|()| started.elapsed())?,
    };
    let rate = records as f64 / took.as_secs_f64();
    let cpu = cpu_ticks()? * 10_000.0 / records as f64;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?.trim();
    writeln!(stdout(), "{rate:.0} records/s, {cpu:.1} \u{b5}s of processor a record, peak resident memory {peak}")?;
    Ok(())
}

/// Hundredths of a second that this process has computed: fields 14 and 15 of proc(5)'s stat.
fn cpu_ticks() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').context("no name in stat")?.1.split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum())
}

/// Words enough that compression finds about as much as in comments.
fn record(number: usize) -> Record {
    let words = ["the", "reader", "answers", "an", "article", "about", "trains", "with", "kind", "words", "mostly"];
    let mut text = String::new();
    while text.len() < 300 {
        text.push_str(words[rand::random_range(0..words.len())]);
        text.push_str(&format!(" {:x} ", rand::random::<u16>()));
    }
    let id = format!("{:032x}", rand::random::<u128>());
    let trace = format!("00-{:032x}-{:016x}-01", rand::random::<u128>(), rand::random::<u64>());
    Record {
        topic: Topic::Submitted,
        key: format!("news/thread-{}", number % 1_000).into_bytes(),
        headers: Headers::cloud_event(Topic::Submitted, &id, "/bench", "2026-01-01T00:00:00.000000Z", &trace),
        payload: Some(text.into_bytes()),
    }
}

fn fill(settings: KafkaSettings, records: usize) -> Result<Duration> {
    let log = KafkaLog::new(settings)?;
    log.create_topics()?;
    let publisher = log.publisher()?;
    let started = Instant::now();
    let appends = stream::iter(0..records).map(|number| publisher.append(record(number)));
    block_on(appends.buffer_unordered(2_000).try_for_each(|_| futures::future::ok(())))?;
    Ok(started.elapsed())
}

fn transactions(settings: KafkaSettings, records: usize) -> Result<Duration> {
    let log = KafkaLog::new(settings)?;
    let group = format!("transactions-{:x}", rand::random::<u32>());
    let mut consumer = log.join(&group, "0", &[Topic::Submitted])?;
    let (mut started, mut done) = (Instant::now(), 0);
    while done < records {
        let batch = match consumer.poll(LIMITS) {
            Ok(batch) if batch.is_empty() => continue,
            Ok(batch) => batch,
            Err(LogError::Fatal(reason)) => bail!(reason),
            Err(_) => continue,
        };
        if done == 0 {
            started = Instant::now();
        }
        let progress = Progress::of(batch.iter().map(|delivered| delivered.position));
        done += batch.len();
        let outputs = batch.into_iter().map(|each| Record { topic: Topic::Validated, ..each.record }).collect();
        consumer.commit(outputs, &progress)?;
    }
    let took = started.elapsed();
    consumer.leave();
    Ok(took)
}

#[derive(Default)]
struct Delivered(AtomicUsize);

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// At least once: an idempotent producer, and offsets committed as they are when the batch is delivered.
fn plain(settings: &KafkaSettings, records: usize) -> Result<Duration> {
    let base = || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &settings.brokers);
        config
    };
    let producer: ThreadedProducer<Delivered> = base()
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .set("linger.ms", "1")
        .set("partitioner", "murmur2_random")
        .create_with_context(Delivered::default())?;
    let consumer: BaseConsumer = base()
        .set("group.id", format!("{}plain-{:x}", settings.prefix, rand::random::<u32>()))
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "2")
        .create()?;
    consumer.subscribe(&[&format!("{}{}", settings.prefix, Topic::Submitted)])?;
    let to = format!("{}{}", settings.prefix, Topic::Validated);
    let (mut started, mut sent) = (Instant::now(), 0);
    while sent < records {
        let until = Instant::now() + LIMITS.linger;
        let before = sent;
        while sent - before < LIMITS.records && (sent == before || Instant::now() < until) && sent < records {
            let Some(message) = consumer.poll(LIMITS.linger) else { continue };
            let message = message?.detach();
            if sent == 0 {
                started = Instant::now();
            }
            let mut record = BaseRecord::to(&to).key(message.key().unwrap_or_default());
            record = record.payload(message.payload().unwrap_or_default());
            if let Some(headers) = message.headers() {
                record = record.headers(headers.clone());
            }
            producer.send(record).map_err(|(error, _)| error)?;
            sent += 1;
        }
        while producer.context().0.load(Ordering::Relaxed) < sent {
            std::thread::sleep(Duration::from_micros(100));
        }
        consumer.commit_consumer_state(CommitMode::Async)?;
    }
    Ok(started.elapsed())
}

fn clear(settings: &KafkaSettings) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &settings.brokers).create()?;
    let names: Vec<String> = Topic::ALL.iter().map(|topic| format!("{}{topic}", settings.prefix)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    block_on(admin.delete_topics(&names, &AdminOptions::new()))?;
    Ok(())
}
