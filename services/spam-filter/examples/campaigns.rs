//! How many comments of labelled files fall into campaigns.
//!
//! `cargo run --release -p rejoinder-spam-filter --example campaigns [--one-day] [--show] labelled.jsonl ...`
//!
//! Rows count at their dates where they have one; with `--one-day` all are taken to be of one day, which is the worst
//! case. `--show` prints some members of each campaign.
#![allow(clippy::print_stdout)]

use std::{collections::HashMap, error::Error, fs, path::Path, time::Instant};

use rejoinder_proto::{
    from_millis,
    v1::{Author, Comment, Thread},
};
use rejoinder_spam_filter::campaign::{Index, Limits, Sample};
use uuid::Uuid;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut shown, mut one_day) = (false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--show" => shown = true,
            "--one-day" => one_day = true,
            file => measure(Path::new(file), shown, one_day)?,
        }
    }
    Ok(())
}

/// Seconds since 1970 of a date like `2022-01-31T12:00:00Z`, to the day's length right enough to tell days apart.
fn seconds(date: &str) -> Option<i64> {
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<i64>().ok();
    let (years, months, days) = (number(0, 4)? - 1970, number(5, 7)? - 1, number(8, 10)? - 1);
    let clock = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    Some((years * 372 + months * 31 + days) * 86_400 + clock)
}

fn measure(file: &Path, shown: bool, one_day: bool) -> Result<(), Box<dyn Error>> {
    let limits = Limits { comments: 100_000, decided: 10_000, window: 86_400_000, burst_window: 600_000, min_size: 5 };
    let mut index = Index::new(limits);
    let mut samples = Vec::new();
    let text = fs::read_to_string(file)?;
    for (number, line) in text.lines().enumerate() {
        let row: serde_json::Value = serde_json::from_str(line)?;
        let author = row["author"].as_str().map_or_else(|| format!("author {number}"), str::to_owned);
        let date = row["date"].as_str().and_then(seconds).filter(|_| !one_day);
        let comment = Comment {
            id: Uuid::from_u128(number as u128 + 1).to_string(),
            site: "site".into(),
            // Every comment on a page of its own, as if nobody had ever answered.
            thread: Some(Thread { id: number.to_string(), ..Thread::default() }),
            author: Some(Author { name: author, ..Author::default() }),
            text: row["text"].as_str().unwrap_or_default().to_owned(),
            submitted_at: Some(from_millis(date.unwrap_or(1_700_000_000) * 1000 + number as i64)),
            ..Comment::default()
        };
        let sample = Sample::of(&comment).ok_or("every row has an id")?;
        samples.push((row["label"] == "spam", sample, comment.text));
    }
    let start = Instant::now();
    for (_, sample, _) in &samples {
        index.insert(sample, None);
    }
    let each = start.elapsed() / samples.len().max(1) as u32;
    let mut campaigns: HashMap<Uuid, Vec<usize>> = HashMap::new();
    for (number, (_, sample, _)) in samples.iter().enumerate() {
        if let Some(campaign) = index.insert(sample, None).campaign {
            campaigns.entry(campaign.id).or_default().push(number);
        }
    }
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    print!("{name:<14} {:>4} campaigns, {each:?} each", campaigns.len());
    for (label, spam) in [("ham", false), ("spam", true)] {
        let all = samples.iter().filter(|(is_spam, ..)| *is_spam == spam).count();
        let caught = campaigns.values().flatten().filter(|number| samples[**number].0 == spam).count();
        print!(", {label} {caught:>4} of {all:>4} ({:.2} %)", 100.0 * caught as f64 / all.max(1) as f64);
    }
    println!();
    if shown {
        for members in campaigns.values() {
            let hams = members.iter().filter(|number| !samples[**number].0).count();
            println!("  {} members, {hams} of them ham", members.len());
            for number in members.iter().take(4) {
                println!("    {} {}", samples[*number].0, samples[*number].2.replace('\n', " "));
            }
        }
    }
    Ok(())
}
