//! How fast one core screens, and what the default policy makes of labelled comments.
//!
//! `cargo run --release -p rejoinder-spam-filter --example screen_throughput [labelled.jsonl ...]`
//!
//! A labelled file has one comment a line: `{"text": ..., "label": "spam" | "ham"}`. Those are screened in mode `post`,
//! with nothing known but their text.
#![allow(clippy::print_stdout)]

use std::{collections::HashMap, error::Error, fs, hint::black_box, path::Path, sync::Arc, time::Instant};

use async_trait::async_trait;
use rejoinder_pipeline::{Position, Received, Stage, Transient};
use rejoinder_proto::{
    Topic, from_millis,
    v1::{Author, Client, Comment, CommentValidated, Thread, Verdict},
};
use rejoinder_spam_filter::{Facts, History, Mode, Policy, Rules, Screening, SpamFilter, campaign::Campaigns, screen};

const COMMENTS: usize = 200_000;
const BATCH: usize = 1000;

struct Everybody;

#[async_trait]
impl History for Everybody {
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient> {
        Ok(vec![true; authors.len()])
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    throughput()?;
    for file in std::env::args().skip(1) {
        verdicts(Path::new(&file))?;
    }
    Ok(())
}

fn throughput() -> Result<(), Box<dyn Error>> {
    let comments: Vec<Received<CommentValidated>> = (0..COMMENTS).map(received).collect();
    let bytes: usize = comments.iter().filter_map(|c| c.event.comment.as_ref()).map(|c| c.text.len()).sum();
    println!("{COMMENTS} comments of {} bytes", bytes / COMMENTS);

    let rules = Rules::new(Policy::default())?;
    let facts = Facts { previously_approved: Some(true), ..Facts::default() };
    let start = Clock::start();
    for comment in comments.iter().filter_map(|received| received.event.comment.as_ref()) {
        black_box(screen(comment, &facts, &rules));
    }
    report("screen", start);

    let policies = HashMap::from([("news".to_owned(), Policy::default())]);
    let campaigns = Arc::new(Campaigns::new(&policies));
    let mut filter = SpamFilter::new(Arc::new(Screening::new(&policies)?), Arc::new(Everybody), campaigns);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let start = Clock::start();
    for batch in comments.chunks(BATCH) {
        black_box(runtime.block_on(filter.process(batch))?);
    }
    report("stage", start);
    Ok(())
}

/// Time by the wall, and time on the processor, which tells more on a busy machine.
struct Clock {
    wall: Instant,
    processor: Option<f64>,
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), processor: processor_seconds() }
    }
}

/// What Linux says that this thread has run so far.
fn processor_seconds() -> Option<f64> {
    let ran = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    ran.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}

fn report(what: &str, start: Clock) {
    let rate = |seconds: f64| COMMENTS as f64 / seconds;
    let wall = rate(start.wall.elapsed().as_secs_f64());
    let processor = start.processor.zip(processor_seconds()).map_or(f64::NAN, |(from, to)| rate(to - from));
    println!("{what:<6} {wall:>9.0} comments/s by the wall, {processor:>9.0} on the processor");
}

/// English prose with a different beginning each; every fifth in Russian, every tenth with a link.
fn received(n: usize) -> Received<CommentValidated> {
    let prose = match n % 5 {
        0 => {
            "Спасибо за статью. Я работал с этим несколько лет и могу добавить, что всё зависит от людей, которые \
             потом будут это поддерживать."
        }
        _ => {
            "Thank you for the article. I have worked with this for some years, and would add that most of it depends \
             on the people who have to keep it running afterwards; the tools matter less than we like to think they \
             do. Good points anyway"
        }
    };
    let link = if n.is_multiple_of(10) { " https://docs.example/a?b=c" } else { "" };
    let text = format!("Number {n}. {prose}{link}");
    let comment = Comment {
        id: format!("0190163d-8694-739b-aea5-{n:012x}"),
        site: "news".into(),
        thread: Some(Thread { id: format!("thread-{}", n % 100), ..Thread::default() }),
        author: Some(Author { name: format!("Reader {n}"), email: format!("r{n}@a.example"), url: String::new() }),
        html: format!("<p>{text}</p>\n"),
        text,
        client: Some(Client { ip: "192.0.2.1".into(), form_seconds: Some(40.0), ..Client::default() }),
        submitted_at: Some(from_millis(1_700_000_000_000 + n as i64)),
        fingerprint: vec![7; 32],
        ..Comment::default()
    };
    let position = Position { topic: Topic::Validated, partition: 0, offset: n as i64 };
    Received { event: CommentValidated { comment: Some(comment) }, position, trace: None }
}

fn verdicts(file: &Path) -> Result<(), Box<dyn Error>> {
    let rules = Rules::new(Policy { mode: Mode::Post, ..Policy::default() })?;
    let mut counts: HashMap<(bool, Verdict), u32> = HashMap::new();
    let mut spoke: HashMap<(bool, String), u32> = HashMap::new();
    for line in fs::read_to_string(file)?.lines() {
        let row: serde_json::Value = serde_json::from_str(line)?;
        let spam = row["label"] == "spam";
        let comment = Comment { text: row["text"].as_str().unwrap_or_default().to_owned(), ..Comment::default() };
        let screened = screen(&comment, &Facts::default(), &rules);
        *counts.entry((spam, screened.verdict())).or_default() += 1;
        for signal in screened.signals {
            *spoke.entry((spam, signal.name)).or_default() += 1;
        }
    }
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    for (spam, label) in [(true, "spam"), (false, "ham")] {
        let of = |verdict| counts.get(&(spam, verdict)).copied().unwrap_or(0);
        let total = of(Verdict::Approve) + of(Verdict::Hold) + of(Verdict::Spam);
        let share = |n: u32| 100.0 * f64::from(n) / f64::from(total.max(1));
        let [approve, hold, as_spam] = [Verdict::Approve, Verdict::Hold, Verdict::Spam].map(|v| share(of(v)));
        println!("{name:<14} {label:<4} {total:>5}: approve {approve:6.2} %, hold {hold:6.2} %, spam {as_spam:6.2} %");
        let mut signals: Vec<_> = spoke.iter().filter(|((s, _), _)| *s == spam).collect();
        signals.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let signals: Vec<_> = signals.iter().map(|((_, n), c)| format!("{n} {:.1} %", share(**c))).collect();
        println!("{:>25} {}", "", signals.join(", "));
    }
    Ok(())
}
