use std::io::{self, BufWriter, Write};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    judge::{Judge, Judged, model},
    rows::rows,
};
use crate::cli::spam::ModelArgs;

/// Writes each row of standard input with its score, and learns its label where that is asked for.
pub fn run(args: &ModelArgs, learn: bool) -> Result<()> {
    let mut judge = Judge::new(model(args.model.as_deref())?, learn)?;
    let mut out = BufWriter::new(io::stdout().lock());
    for row in rows(io::stdin().lock(), "standard input") {
        let row = row?;
        let label = if learn { Some(row.is_spam()?) } else { None };
        let judged = judge.judge(&row.comment(), label);
        serde_json::to_writer(&mut out, &row.with(fields(&judged)))?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn fields(judged: &Judged) -> [(&'static str, Value); 3] {
    let signals = judged.screened.signals.iter();
    let signals = signals.map(|signal| json!({"name": signal.name, "weight": signal.weight, "reason": signal.reason}));
    let verdict = judged.screened.verdict().word();
    [("score", json!(judged.score)), ("verdict", json!(verdict)), ("signals", signals.collect())]
}
