//! Records that a worker could not use: look at them, replay them, discard them.

pub mod letters;
mod settle;
mod show;

use std::io::{self, Write};

use anyhow::Result;
use rejoinder_pipeline::Records;
use rejoinder_proto::{Timestamp, millis};

use self::{
    letters::{each, marks, status},
    settle::How,
};
use crate::{
    cli::{DeadLetterFilter, DeadLettersCommand},
    config::Config,
    deployment,
};

/// `rejoinder dead-letters`. Only what writes needs the embedded log for itself.
pub fn run(config: &Config, command: DeadLettersCommand) -> Result<()> {
    match command {
        DeadLettersCommand::List { filter, reason, all } => {
            list(deployment::records(config)?.as_ref(), &DeadLetterFilter { cause: reason, ..filter }, all)
        }
        DeadLettersCommand::Show { letter } => show::run(deployment::records(config)?.as_ref(), letter),
        DeadLettersCommand::Replay { letter, filter, reason } => {
            let filter = DeadLetterFilter { cause: reason, ..filter };
            settle::run(deployment::log(config)?.as_ref(), letter, &filter, How::Replay)
        }
        DeadLettersCommand::Discard { letter, filter, died_of, reason } => {
            let filter = DeadLetterFilter { cause: died_of, ..filter };
            settle::run(deployment::log(config)?.as_ref(), letter, &filter, How::Discard(reason))
        }
    }
}

fn list(log: &dyn Records, filter: &DeadLetterFilter, all: bool) -> Result<()> {
    let marks = marks(log)?;
    let mut out = io::stdout().lock();
    writeln!(out, "letter\tstatus\tdied\tid\tstage\ttopic\tpartition\toffset\tattempt\treason\tmessage")?;
    each(log, filter, |found| {
        let mark = marks.get(&found.place());
        if mark.is_some() && !all {
            return Ok(());
        }
        let letter = &found.letter;
        let id = if letter.id.is_empty() { "-" } else { &letter.id };
        let message = letter.message.replace(['\t', '\n', '\r'], " ");
        writeln!(
            out,
            "{}\t{}\t{}\t{id}\t{}\t{}\t{}\t{}\t{}\t{}\t{message}",
            found.place(),
            status(mark),
            time(Some(&found.died_at)),
            letter.stage,
            letter.topic,
            letter.partition,
            letter.offset,
            letter.attempt,
            letter.reason,
        )?;
        Ok(())
    })
}

/// A time for people.
fn time(at: Option<&Timestamp>) -> String {
    let at = chrono::DateTime::from_timestamp_millis(millis(at)).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
