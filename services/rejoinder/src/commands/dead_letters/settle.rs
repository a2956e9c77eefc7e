//! Replays and discards: each letter once, whoever else tries it at the same time.

use std::io::{self, Write};

use anyhow::{Context, Result, anyhow, bail};
use rejoinder_pipeline::{Log, Record, Transactor, replayed, settled};
use rejoinder_proto::v1;

use super::letters::{self, Letter, Marks, status};
use crate::cli::{DeadLetterFilter, values::Place};

/// At most this many letters in one transaction, and about this many bytes.
const BATCH: usize = 100;
const BATCH_BYTES: usize = 2 << 20;

/// What to do with the letters.
#[derive(Debug, PartialEq)]
pub enum How {
    /// Append their records again.
    Replay,
    /// Leave them dead, for a reason.
    Discard(String),
}

/// Settles one letter, or the open ones that the filter lets through. Its transactions are fenced by one name: whoever began before cannot
/// write any more, and what they wrote is seen here, so no letter is settled twice.
pub fn run(log: &dyn Log, only: Option<Place>, filter: &DeadLetterFilter, how: How) -> Result<()> {
    let unfiltered = *filter == DeadLetterFilter::default();
    match only {
        Some(_) if !unfiltered => bail!("give PARTITION:OFFSET or a filter, not both"),
        None if unfiltered && how != How::Replay => bail!("which ones? Give PARTITION:OFFSET or a filter"),
        _ => {}
    }
    let what = if how == How::Replay { "replayed" } else { "discarded" };
    let transactor = log.transactor("dead-letters").context("cannot begin")?;
    let marks = letters::marks(log)?;
    let mut work = Work { how, marks, transactor, waiting: Vec::new(), bytes: 0, letters: 0, done: 0, before: 0 };
    match only {
        Some(place) => {
            let letter = letters::one(log, place)?;
            let missing = || anyhow!("there is no dead letter at {place}; see `rejoinder dead-letters list`");
            work.settle(letter.ok_or_else(missing)?)?;
        }
        None => letters::each(log, filter, |letter| work.settle(letter))?,
    }
    work.flush()?;
    writeln!(io::stdout(), "{} dead letters {what}, {} were settled before", work.done, work.before)?;
    match (work.done, work.before) {
        (0, 0) => bail!("no dead letter matches; see `rejoinder dead-letters list`"),
        (0, _) => bail!("nothing is left to do: every one of them was settled before"),
        _ => Ok(()),
    }
}

struct Work {
    how: How,
    marks: Marks,
    transactor: Box<dyn Transactor>,
    waiting: Vec<Record>,
    bytes: usize,
    letters: usize,
    done: usize,
    before: usize,
}

impl Work {
    fn settle(&mut self, letter: Letter) -> Result<()> {
        let place = letter.place();
        if let Some(mark) = self.marks.get(&place) {
            self.before += 1;
            let when = super::time(mark.settled_at.as_ref());
            writeln!(io::stdout(), "{place} was {} at {when}: passed over", status(Some(mark)))?;
            return Ok(());
        }
        let mark = match &self.how {
            How::Replay => {
                let record = replayed(&letter.letter);
                let unknown = || {
                    format!("{place} came from the topic {:?}, which this version does not have", letter.letter.topic)
                };
                self.wait(record.with_context(unknown)?);
                settled(&letter.letter, letter.position, v1::Settlement::Replayed, "")
            }
            How::Discard(reason) => settled(&letter.letter, letter.position, v1::Settlement::Discarded, reason),
        };
        self.wait(mark);
        self.letters += 1;
        if self.letters >= BATCH || self.bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn wait(&mut self, record: Record) {
        self.bytes += record.size();
        self.waiting.push(record);
    }

    /// Records and marks in one transaction.
    fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.waiting);
        let done = self.done;
        self.transactor.append(records).with_context(|| {
            format!("stopped after {done}; run the same command again, which passes over what is settled")
        })?;
        self.done += self.letters;
        (self.letters, self.bytes) = (0, 0);
        Ok(())
    }
}
