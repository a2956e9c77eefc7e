use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use rejoinder_pipeline::{
    Log, Record, Transient,
    health::Health,
    kafka::{KafkaLog, KafkaSettings},
    runner::{self, RunnerSettings},
    telemetry,
};
use rejoinder_proto::{Topic, now, trace, v1};
use rejoinder_validator::{Facts, History, Policy, Query, Validator};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    deployment::{Distributed, WORKERS},
    plain::PlainLog,
};

/// So often each of two is measured, in turn.
const ROUNDS: usize = 5;

/// Events a second of two, round by round.
#[derive(Default)]
pub struct Pair {
    one: Vec<f64>,
    other: Vec<f64>,
}

impl Pair {
    /// The median of the first one's rates.
    pub fn one(&self) -> f64 {
        median(self.one.clone())
    }

    /// The median of the second one's rates.
    pub fn other(&self) -> f64 {
        median(self.other.clone())
    }

    /// The median of the rounds' ratios, second to first. What slows the machine for a while slows both of a round.
    pub fn ratio(&self) -> f64 {
        median(self.other.iter().zip(&self.one).map(|(other, one)| other / one).collect())
    }
}

/// What transactions cost the validator: events a second without them and with, by the wall, over a history that is
/// empty and answers at once.
pub async fn without_and_with(brokers: &str, events: usize) -> Result<Pair> {
    let mut rates = Pair::default();
    for round in 0..ROUNDS {
        let prefix = format!("bench{}r{round}.", std::process::id());
        let settings = KafkaSettings { brokers: brokers.to_owned(), prefix, partitions: 4, ..Default::default() };
        let log = KafkaLog::new(settings.clone())?;
        log.create_topics()?;
        fill(&settings, events).await?;
        let plain = PlainLog { brokers: brokers.to_owned(), prefix: settings.prefix };
        rates.one.push(in_process(Arc::new(plain), "without", events).await?);
        rates.other.push(in_process(Arc::new(log), "with", events).await?);
    }
    Ok(rates)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

async fn in_process(log: Arc<dyn Log>, group: &'static str, events: usize) -> Result<f64> {
    let stop = CancellationToken::new();
    let context = runner::Context {
        settings: RunnerSettings::default(),
        health: Health::new(),
        runtime: Handle::current(),
        stop: stop.clone(),
    };
    let before = consumed(&telemetry::render(), "validator");
    let thread = std::thread::spawn(move || -> Result<()> {
        let policies = HashMap::from([("bench".to_owned(), Policy { flood_seconds: 0, ..Policy::default() })]);
        let mut validator = Validator::new(Arc::new(policies), Arc::new(Empty));
        let consumer = log.join(group, group, &[Topic::Submitted])?;
        Ok(runner::run(&mut validator, consumer, &context)?)
    });
    let rate = measure(events, async || Ok(consumed(&telemetry::render(), "validator") - before)).await;
    stop.cancel();
    tokio::task::spawn_blocking(move || thread.join())
        .await?
        .map_err(|_| anyhow::anyhow!("the validator panicked"))??;
    rate
}

struct Empty;

#[async_trait]
impl History for Empty {
    async fn look_up(&self, queries: &[Query]) -> Result<Vec<Facts>, Transient> {
        Ok(vec![Facts::default(); queries.len()])
    }
}

/// Events a second through the validator's process and then through the spam filter's, on Kafka, in transactions, the
/// validator's questions to PostgreSQL included, while no other worker runs. The filter asks none in mode `post`.
/// Counted from each one's first committed batch on, so that joining the group is not measured. Each round is on new topics, so
/// that no filter has a past to catch up with. Gives the last round's processes too.
pub async fn rates(
    start: impl Fn() -> Result<Distributed>,
    brokers: &str,
    events: usize,
) -> Result<(Pair, Distributed)> {
    let mut rates = Pair::default();
    loop {
        let mut distributed = start()?;
        for name in WORKERS {
            distributed.stop(name)?;
        }
        let prefix = distributed.prefix.clone();
        fill(&KafkaSettings { brokers: brokers.to_owned(), prefix, ..Default::default() }, events).await?;
        rates.one.push(rate_of(&mut distributed, "validator", events).await?);
        rates.other.push(rate_of(&mut distributed, "spam-filter", events).await?);
        if rates.one.len() == ROUNDS {
            return Ok((rates, distributed));
        }
    }
}

async fn rate_of(distributed: &mut Distributed, stage: &'static str, events: usize) -> Result<f64> {
    let address = distributed.start_again(stage)?.address().to_owned();
    let metrics = format!("http://{address}/metrics");
    measure(events, async || match reqwest::get(&metrics).await {
        Ok(answer) => Ok(consumed(&answer.text().await?, stage)),
        // It does not listen yet.
        Err(_) => Ok(0),
    })
    .await
}

/// Events a second from the first committed batch to the last.
async fn measure(events: usize, consumed: impl AsyncFn() -> Result<usize>) -> Result<f64> {
    let started = Instant::now();
    let (mut first, mut last) = (None, (0, started));
    while last.0 < events {
        tokio::time::sleep(Duration::from_millis(10)).await;
        ensure!(started.elapsed() < Duration::from_secs(120), "not finished in time: {} of {events}", last.0);
        let now = consumed().await?;
        if now > last.0 {
            last = (now, Instant::now());
            first.get_or_insert(last);
        }
    }
    let first = first.context("nothing was consumed")?;
    Ok((last.0 - first.0) as f64 / (last.1 - first.1).as_secs_f64())
}

fn consumed(metrics: &str, stage: &str) -> usize {
    let label = format!("\"{stage}\"");
    let line = metrics.lines().find(|line| line.starts_with("rejoinder_consumed") && line.contains(&label));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

/// Prose to take words from, as often as they stand there.
const PROSE: [&str; 2] = [include_str!("../../../docs/operating.md"), include_str!("../../../docs/security.md")];

/// A text of about 240 bytes, as long as the mean of real comments. Two of them have a twenty-fifth of their runs of letters in
/// common; two real comments of that length on a blog have a fiftieth.
fn remark(words: &[&str], number: usize) -> String {
    let mut text = format!("Remark {number}:");
    let mut state = number as u64 + 1;
    while text.len() < 236 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(' ');
        text.push_str(words[(state >> 33) as usize % words.len()]);
    }
    text.push('.');
    text
}

async fn fill(settings: &KafkaSettings, events: usize) -> Result<()> {
    let publisher = KafkaLog::new(settings.clone())?.publisher()?;
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let words: Vec<&str> = PROSE.iter().flat_map(|prose| prose.split_whitespace().filter(is_word)).collect();
    let appends = (0..events).map(|number| {
        let event = v1::CommentSubmitted {
            id: Uuid::now_v7().to_string(),
            site: "bench".into(),
            thread: Some(v1::Thread { id: format!("v{}", number % 50), ..Default::default() }),
            author: Some(v1::Author {
                name: format!("Writer {number}"),
                email: format!("writer{number}@example.org"),
                ..Default::default()
            }),
            body: remark(&words, number),
            submitted_at: Some(now()),
            ..Default::default()
        };
        publisher.append(Record::of(&event, "/bench", &trace::new_traceparent()))
    });
    stream::iter(appends).buffered(4096).try_for_each(async |_| Ok(())).await?;
    Ok(())
}
