use std::{
    io::{self, BufRead, BufReader, BufWriter, Write},
    num::NonZeroUsize,
    thread,
};

use anyhow::{Context, Result, anyhow};
use rejoinder_spam_filter::{Signal, model::Model};
use serde::Serialize;

use super::{
    judge::{Judge, model},
    rows::each,
};
use crate::cli::spam::ModelArgs;

/// Written so many bytes at a time.
const BUFFER: usize = 64 * 1024;

/// So many bytes of rows are read at a time, and judged by all cores.
const CHUNK: usize = 1024 * 1024;

/// A row with what became of it.
#[derive(Serialize)]
struct Scored<'a, F> {
    #[serde(flatten)]
    fields: F,
    score: f64,
    verdict: &'a str,
    signals: &'a [Said<'a>],
}

/// The fields that take the place of those of the row.
const REPLACED: [&str; 3] = ["score", "verdict", "signals"];

#[derive(Serialize)]
struct Said<'a> {
    name: &'a str,
    weight: f64,
    reason: &'a str,
}

impl<'a> Said<'a> {
    fn of(signal: &'a Signal) -> Self {
        Self { name: signal.name, weight: signal.weight, reason: &signal.reason }
    }
}

/// Writes each row of standard input with its score, and learns its label where that is asked for.
pub fn run(args: &ModelArgs, learn: bool) -> Result<()> {
    let model = model(args.model.as_deref())?;
    let input = BufReader::with_capacity(CHUNK, io::stdin().lock());
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    match learn {
        true => judge_all(&mut Judge::new(model, true)?, true, input, 1, &mut out)?,
        false => judge_in_parts(&model, input, &mut out)?,
    }
    Ok(out.flush()?)
}

/// Judges rows that begin with the line `first` of standard input.
fn judge_all(judge: &mut Judge, learn: bool, rows: impl BufRead, first: usize, mut out: impl Write) -> Result<()> {
    each(rows, "standard input", first, |row| {
        let label = if learn { Some(row.is_spam()?) } else { None };
        let judged = judge.judge(&row.comment(), label);
        let signals: Vec<Said<'_>> = judged.signals.iter().map(Said::of).collect();
        let fields = row.fields_without(&REPLACED);
        let scored = Scored { fields, score: judged.score, verdict: judged.verdict.word(), signals: &signals };
        serde_json::to_writer(&mut out, &scored)?;
        Ok(out.write_all(b"\n")?)
    })
}

/// Judges rows that do not depend on each other: of each chunk, every core judges a part.
fn judge_in_parts(model: &Model, mut input: impl BufRead, out: &mut impl Write) -> Result<()> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut judges = (0..cores).map(|_| Judge::new(model.clone(), false)).collect::<Result<Vec<_>>>()?;
    let mut first = 1;
    loop {
        let chunk = chunk(&mut input)?;
        if chunk.is_empty() {
            return Ok(());
        }
        let parts = thread::scope(|scope| {
            let mut running = Vec::with_capacity(cores);
            for (judge, rows) in judges.iter_mut().zip(parts(&chunk, cores)) {
                running.push(scope.spawn(move || {
                    let mut out = Vec::with_capacity(rows.len() * 2);
                    let ended = judge_all(judge, false, rows, first, &mut out);
                    (out, ended)
                }));
                first += count_lines(rows);
            }
            running.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        for part in parts {
            let (rows, ended) = part.map_err(|_| anyhow!("a row made the judge panic"))?;
            out.write_all(&rows)?;
            ended?;
        }
        // Whoever sends rows one after the other sees what became of them.
        out.flush()?;
    }
}

/// The whole lines that are there by now, at most about [`CHUNK`] bytes of them; none at the end of the input.
fn chunk(input: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut chunk = input.fill_buf().context("standard input")?.to_vec();
    input.consume(chunk.len());
    if chunk.last().is_some_and(|last| *last != b'\n') {
        input.read_until(b'\n', &mut chunk).context("standard input")?;
    }
    Ok(chunk)
}

/// At most so many parts, of whole lines and about as long.
fn parts(mut rows: &[u8], count: usize) -> Vec<&[u8]> {
    let mut parts = Vec::with_capacity(count);
    for left in (1..=count).rev() {
        let about = rows.len() / left;
        let end = rows[about..].iter().position(|byte| *byte == b'\n').map_or(rows.len(), |more| about + more + 1);
        let (part, rest) = rows.split_at(end);
        parts.push(part);
        rows = rest;
    }
    parts
}

fn count_lines(rows: &[u8]) -> usize {
    rows.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_lines_and_none_is_lost() {
        for text in
            ["", "\n", "a", "a\n", "a\nb", "aaaaaaaaaaaaaaaa\nb\nc\n", "a\nb\nc\nd\nccccccccccccccccccccccccccc"]
        {
            for count in 1..6 {
                let parts = parts(text.as_bytes(), count);
                assert_eq!(parts.concat(), text.as_bytes());
                let filled: Vec<_> = parts.iter().filter(|part| !part.is_empty()).collect();
                let before = &filled[..filled.len().saturating_sub(1)];
                assert!(before.iter().all(|part| part.ends_with(b"\n")), "{text:?} in {count}");
            }
        }
    }

    #[test]
    fn rows_come_out_in_their_order_and_up_to_the_first_error_with_its_line() {
        let row = |n: usize| format!("{{\"id\": \"{n}\", \"text\": \"subscribe to my channel\"}}\n");
        let mut input: String = (1..=30_000).map(row).collect();
        input.push_str("nonsense\n");
        input.push_str(&row(30_002));
        let mut out = Vec::new();
        let input = BufReader::with_capacity(100_000, input.as_bytes());
        let ended = judge_in_parts(Model::shipped(), input, &mut out);
        let error = ended.expect_err("nonsense").to_string();
        assert_eq!(error, "standard input, line 30001");
        let ids = out.split(|byte| *byte == b'\n').filter(|row| !row.is_empty());
        let ids: Vec<_> =
            ids.map(|row| serde_json::from_slice::<serde_json::Value>(row).expect("JSON")["id"].clone()).collect();
        assert_eq!(ids, (1..=30_000).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}
