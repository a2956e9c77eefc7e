use std::io::{self, Write};

use anyhow::{Context, Result, bail};
use rejoinder_pipeline::{Log, replayed};
use rejoinder_proto::{Event, Topic, millis, v1::DeadLetter};

use crate::cli::{DeadLetterFilter, DeadLettersCommand};

/// `rejoinder dead-letters`
pub async fn run(log: &dyn Log, command: &DeadLettersCommand) -> Result<()> {
    match command {
        DeadLettersCommand::List(filter) => list(log, filter),
        DeadLettersCommand::Replay(filter) => replay(log, filter).await,
    }
}

fn list(log: &dyn Log, filter: &DeadLetterFilter) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "appended\tid\tstage\ttopic\tpartition\toffset\tattempt\treason\tmessage")?;
    each(log, filter, |letter| {
        let appended = chrono::DateTime::from_timestamp_millis(millis(letter.appended_at.as_ref())).unwrap_or_default();
        let id = if letter.id.is_empty() { "-" } else { &letter.id };
        writeln!(
            out,
            "{}\t{id}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            appended.to_rfc3339(),
            letter.stage,
            letter.topic,
            letter.partition,
            letter.offset,
            letter.attempt,
            letter.reason,
            letter.message.replace(['\t', '\n', '\r'], " ")
        )?;
        Ok(())
    })
}

async fn replay(log: &dyn Log, filter: &DeadLetterFilter) -> Result<()> {
    let mut letters = Vec::new();
    each(log, filter, |letter| {
        letters.push(letter);
        Ok(())
    })?;
    let publisher = log.publisher()?;
    let mut count = 0;
    for letter in &letters {
        let record = replayed(letter).with_context(|| format!("a dead letter names the topic {:?}", letter.topic))?;
        publisher.append(record).await.with_context(|| format!("{count} were replayed before the log failed"))?;
        count += 1;
    }
    writeln!(io::stdout(), "{count} dead letters replayed")?;
    if count == 0 {
        bail!("no dead letter matches; see `rejoinder dead-letters list`");
    }
    Ok(())
}

/// Calls `visit` with each dead letter that the filter lets through.
pub fn each(log: &dyn Log, filter: &DeadLetterFilter, mut visit: impl FnMut(DeadLetter) -> Result<()>) -> Result<()> {
    let mut reader = log.read(Topic::DeadLetter)?;
    while let Some(batch) = reader.next()? {
        for delivered in batch {
            let record = delivered.record;
            match <DeadLetter as Event>::decode(Topic::DeadLetter, &record.headers, record.payload.as_deref()) {
                Ok(letter) if filter.lets_through(&letter) => visit(letter)?,
                Ok(_) => {}
                Err(error) => {
                    let offset = delivered.position.offset;
                    tracing::warn!(%error, offset, "a record among the dead letters is none");
                }
            }
        }
    }
    Ok(())
}

impl DeadLetterFilter {
    /// Everything.
    pub const ALL: Self = Self { id: None, stage: None, reason: None, topic: None };

    fn lets_through(&self, letter: &DeadLetter) -> bool {
        self.id.is_none_or(|id| letter.id == id.to_string())
            && self.stage.as_ref().is_none_or(|stage| *stage == letter.stage)
            && self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
            && self.topic.is_none_or(|topic| topic.name() == letter.topic)
    }
}
