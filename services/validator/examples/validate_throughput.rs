//! How many comments a second one core validates: `cargo run --release -p rejoinder-validator --example validate_throughput`.
//!
//! Measures `Validator::process` alone, in batches of 4000 over a history that knows nothing; each comment has its own
//! author, IP and words, and stands on one of a hundred threads. On Linux it counts the time that the thread spent on a
//! core, so that a busy machine changes the figure little.
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::{
    collections::HashMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rejoinder_pipeline::{Outcome, Position, Received, Stage, Transient};
use rejoinder_proto::{Topic, from_millis, v1};
use rejoinder_validator::{Facts, History, Output, Policy, Query, Validator};
use uuid::Uuid;

const BATCH: u64 = 4_000;
const BATCHES: u64 = 50;

const PLAIN: &str = "I have read this twice now, and I am still not sure that the conclusion follows from what was said \
    before it. The numbers are right, but they were taken in a year when nobody drove to work; what would they look like \
    in 2019? Thank you all the same, ";
const PERSIAN: &str = "این مقاله را دوبار خواندم و هنوز مطمئن نیستم که نتیجه‌گیری درست باشد. عددها درست‌اند، اما در سالی \
    گرفته شده‌اند که کسی سر کار نمی‌رفت؛ ";
const MARKDOWN: &str = "I have read this *twice* now, and I am **still not sure**:\n\n> the conclusion follows\n\nThe \
    numbers are right, but see [this page](https://example.org/numbers), or https://example.net/a_b:\n\n- what about \
    `2019`?\n- and 2021?\n\nThank you all the same, ";

struct Nothing;

#[async_trait]
impl History for Nothing {
    async fn look_up(&self, queries: &[Query]) -> Result<Vec<Facts>, Transient> {
        Ok(vec![Facts::default(); queries.len()])
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Transient> {
    for (name, body) in [("plain", PLAIN), ("plain, Persian", PERSIAN), ("Markdown", MARKDOWN)] {
        let policies = HashMap::from([("news".to_owned(), Policy::default())]);
        let mut validator = Validator::new(Arc::new(policies), Arc::new(Nothing));
        let mut time = Duration::ZERO;
        for number in 0..BATCHES {
            let batch: Vec<_> = (number * BATCH..(number + 1) * BATCH).map(|n| received(n, body)).collect();
            let watch = Stopwatch::start();
            let outcomes = validator.process(&batch).await?;
            time += watch.elapsed();
            assert!(outcomes.iter().all(is_validated), "every comment is a good one");
        }
        let rate = (BATCH * BATCHES) as f64 / time.as_secs_f64();
        println!("{name:>15}, {} bytes: {rate:>9.0} comments/s, {:.2} µs each", body.len() + 7, 1e6 / rate);
    }
    Ok(())
}

/// Time on the core, or by the wall where the system does not tell.
struct Stopwatch {
    on_core: Option<Duration>,
    by_wall: Instant,
}

impl Stopwatch {
    fn start() -> Self {
        Self { on_core: on_core(), by_wall: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        match (self.on_core, on_core()) {
            (Some(start), Some(now)) => now - start,
            _ => self.by_wall.elapsed(),
        }
    }
}

/// How long this thread has run.
fn on_core() -> Option<Duration> {
    let schedule = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    schedule.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn received(n: u64, body: &str) -> Received<v1::CommentSubmitted> {
    let event = v1::CommentSubmitted {
        id: Uuid::now_v7().to_string(),
        site: "news".into(),
        thread: Some(v1::Thread {
            id: format!("/2025/{}", n % 100),
            url: format!("https://news.example/2025/{}", n % 100),
            title: "An article with a title of a usual length".into(),
            ..Default::default()
        }),
        parent_id: String::new(),
        author: Some(v1::Author {
            name: format!("Reader {n}"),
            email: format!("reader.{n}@mail.example.org"),
            url: String::new(),
        }),
        body: format!("{body}{n:07}"),
        client: Some(v1::Client {
            ip: format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255),
            user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
            referrer: "https://news.example/".into(),
            ..Default::default()
        }),
        submitted_at: Some(from_millis(1_750_000_000_000)),
    };
    Received { event, position: Position { topic: Topic::Submitted, partition: 0, offset: n as i64 }, trace: None }
}

fn is_validated(outcome: &Outcome<Output>) -> bool {
    matches!(outcome, Outcome::Emit(outputs) if matches!(outputs[..], [Output::Validated(_)]))
}
