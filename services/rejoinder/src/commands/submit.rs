//! Publishes a file of comments, waits until each has ended, and says how.

mod row;

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use rejoinder_comment_store::{Store, Tally};
use rejoinder_pipeline::{Log, Publisher, Record};
use rejoinder_proto::{trace, v1};
use uuid::Uuid;

use self::row::Defaults;
use super::dead_letters::letters;
use crate::cli::{DeadLetterFilter, SubmitArgs};

/// Appends that may wait for their acknowledgement at once.
const IN_FLIGHT: usize = 2048;
/// Ids asked for in one query.
const CHUNK: usize = 2000;

/// What became of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    rows: u64,
    repeated: u64,
    unreadable: u64,
    dead: u64,
    tally: Tally,
}

/// `rejoinder submit`: the workers must be running, here or elsewhere.
pub async fn run(log: Arc<dyn Log>, store: Arc<dyn Store>, args: &SubmitArgs, site: &str) -> Result<()> {
    let thread = match &args.thread {
        Some(thread) => thread.clone(),
        None => args.file.file_stem().map_or_else(|| "imported".into(), |stem| stem.to_string_lossy().into_owned()),
    };
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("{msg:10} {wide_bar} {pos}/{len} {per_sec}")?);
    let publisher = log.publisher()?;
    let (mut report, ids) = publish(publisher, &args.file, &Defaults { site, thread: &thread }, &bar).await?;
    settle(log.as_ref(), store.as_ref(), &ids, &mut report, Duration::from_secs(args.patience), &bar).await?;
    bar.finish_and_clear();
    let ended = report.print(&mut io::stdout().lock())?;
    if ended != report.rows {
        bail!("{} rows have not ended yet; are all workers running?", report.rows - ended.min(report.rows));
    }
    Ok(())
}

/// Publishes every row, in order, with many acknowledgements awaited at once.
async fn publish(
    publisher: Arc<dyn Publisher>,
    file: &Path,
    defaults: &Defaults<'_>,
    bar: &ProgressBar,
) -> Result<(Report, Vec<Uuid>)> {
    let lines = BufReader::new(File::open(file).with_context(|| format!("cannot read {}", file.display()))?).lines();
    bar.set_message("publishing");
    bar.set_length(0);
    let (mut report, mut known, mut ids) = (Report::default(), HashSet::new(), Vec::new());
    let mut rows = Vec::with_capacity(IN_FLIGHT);
    for (number, line) in lines.enumerate() {
        let line = match line {
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => line,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        report.rows += 1;
        match row::event(&line, defaults) {
            Ok(event) => {
                let id = Uuid::parse_str(&event.id)?;
                if known.insert(id) {
                    ids.push(id);
                    rows.push(event);
                } else {
                    report.repeated += 1;
                }
            }
            Err(error) => {
                report.unreadable += 1;
                bar.suspend(|| tracing::error!(line = number + 1, "unreadable row: {error:#}"));
            }
        }
        if rows.len() == IN_FLIGHT {
            append(&publisher, std::mem::take(&mut rows), bar).await?;
        }
    }
    append(&publisher, rows, bar).await?;
    Ok((report, ids))
}

async fn append(publisher: &Arc<dyn Publisher>, rows: Vec<v1::CommentSubmitted>, bar: &ProgressBar) -> Result<()> {
    bar.inc_length(rows.len() as u64);
    let appends = rows.into_iter().map(|event| {
        let record = Record::of(&event, "/rejoinder/submit", &trace::new_traceparent());
        let publisher = Arc::clone(publisher);
        async move { publisher.append(record).await }
    });
    let mut acknowledged = stream::iter(appends).buffered(IN_FLIGHT);
    while let Some(result) = acknowledged.next().await {
        result.context("publishing stopped; run the same command again, what was published is not doubled")?;
        bar.inc(1);
    }
    Ok(())
}

/// Waits until every id has ended, or nothing has changed for as long as `patience`.
async fn settle(
    log: &dyn Log,
    store: &dyn Store,
    ids: &[Uuid],
    report: &mut Report,
    patience: Duration,
    bar: &ProgressBar,
) -> Result<()> {
    bar.reset();
    bar.set_message("settling");
    bar.set_length(ids.len() as u64);
    // Chunks end about in their order: asking for the first that has not is enough, and spares the database.
    for (number, chunk) in ids.chunks(CHUNK).enumerate() {
        let before = (number * CHUNK) as u64;
        report.dead += until_ended(log, store, chunk, patience, |ended| bar.set_position(before + ended)).await?;
    }
    for chunk in ids.chunks(CHUNK) {
        report.tally = sum(report.tally, store.tally(chunk).await?);
    }
    Ok(())
}

/// Waits for one chunk, and gives how many of it are among the dead letters.
async fn until_ended(
    log: &dyn Log,
    store: &dyn Store,
    chunk: &[Uuid],
    patience: Duration,
    progress: impl Fn(u64),
) -> Result<u64> {
    let (mut changed, mut before, mut dead_ones) = (Instant::now(), 0, 0);
    loop {
        let ended = total(store.tally(chunk).await?) + dead_ones;
        progress(ended);
        if ended >= chunk.len() as u64 || changed.elapsed() > patience {
            return Ok(dead_ones);
        }
        if ended != before {
            (before, changed) = (ended, Instant::now());
        } else if changed.elapsed() > Duration::from_secs(1) {
            // Reading the dead letters is slow: only when the store has come to rest.
            dead_ones = dead(log, store, chunk).await?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many of the ids are among the dead letters, and not in the store by a replay since.
async fn dead(log: &dyn Log, store: &dyn Store, ids: &[Uuid]) -> Result<u64> {
    let wanted: HashSet<&Uuid> = ids.iter().collect();
    let mut found = HashSet::new();
    letters::each(log, &DeadLetterFilter::default(), |dead| {
        found.extend(Uuid::parse_str(&dead.letter.id).ok().filter(|id| wanted.contains(id)));
        Ok(())
    })?;
    let found: Vec<Uuid> = found.into_iter().collect();
    let mut alive = 0;
    for chunk in found.chunks(CHUNK) {
        alive += total(store.tally(chunk).await?);
    }
    Ok(found.len() as u64 - alive)
}

fn sum(a: Tally, b: Tally) -> Tally {
    Tally {
        approved: a.approved + b.approved,
        pending: a.pending + b.pending,
        spam: a.spam + b.spam,
        trash: a.trash + b.trash,
        rejected: a.rejected + b.rejected,
    }
}

fn total(tally: Tally) -> u64 {
    tally.approved + tally.pending + tally.spam + tally.trash + tally.rejected
}

impl Report {
    /// Prints the table, and gives how many rows have ended.
    fn print(&self, out: &mut impl Write) -> io::Result<u64> {
        let Tally { approved, pending, spam, trash, rejected } = self.tally;
        let lines = [
            ("approved", approved),
            ("held", pending),
            ("spam", spam),
            ("trash", trash),
            ("rejected", rejected),
            ("dead", self.dead),
            ("repeated rows", self.repeated),
            ("unreadable rows", self.unreadable),
        ];
        for (name, count) in lines {
            writeln!(out, "{name:>16} {count:>9}")?;
        }
        let ended: u64 = lines.iter().map(|(_, count)| count).sum();
        writeln!(out, "{:>16} {ended:>9} of {} rows", "sum", self.rows)?;
        Ok(ended)
    }
}
