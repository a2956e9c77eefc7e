use std::io::{self, BufReader, BufWriter, Write};

use anyhow::Result;
use rejoinder_spam_filter::Signal;
use serde::Serialize;

use super::{
    judge::{Judge, model},
    rows::each,
};
use crate::cli::spam::ModelArgs;

/// Read and written so many bytes at a time.
const BUFFER: usize = 64 * 1024;

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
    let mut judge = Judge::new(model(args.model.as_deref())?, learn)?;
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    each(BufReader::with_capacity(BUFFER, io::stdin().lock()), "standard input", |row| {
        let label = if learn { Some(row.is_spam()?) } else { None };
        let judged = judge.judge(&row.comment(), label);
        let signals: Vec<Said<'_>> = judged.signals.iter().map(Said::of).collect();
        let fields = row.fields_without(&REPLACED);
        let scored = Scored { fields, score: judged.score, verdict: judged.verdict.word(), signals: &signals };
        serde_json::to_writer(&mut out, &scored)?;
        Ok(out.write_all(b"\n")?)
    })?;
    Ok(out.flush()?)
}
