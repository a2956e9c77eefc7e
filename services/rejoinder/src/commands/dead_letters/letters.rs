//! Dead letters as they stand in the log, with what became of them.

use std::collections::HashMap;

use anyhow::Result;
use rejoinder_pipeline::{Delivered, Position, Range, Records};
use rejoinder_proto::{Event, Timestamp, Topic, v1};

use crate::cli::{DeadLetterFilter, times, values::Place};

/// A dead letter.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Where it stands on comments.dead-letter.
    pub position: Position,
    /// When it was written.
    pub died_at: Timestamp,
    /// What it says.
    pub letter: v1::DeadLetter,
}

/// What operators did, by the place of the letter. A letter is settled once, by [`super::settle`].
pub type Marks = HashMap<Place, v1::DeadLetterSettled>;

impl Letter {
    /// Where it stands, without the topic.
    pub fn place(&self) -> Place {
        Place { partition: self.position.partition, offset: self.position.offset }
    }
}

/// Calls `visit` with each dead letter that the filter lets through.
pub fn each(log: &dyn Records, filter: &DeadLetterFilter, mut visit: impl FnMut(Letter) -> Result<()>) -> Result<()> {
    let mut reader = log.read(Topic::DeadLetter, &times(filter.from, filter.to))?;
    while let Some(batch) = reader.next()? {
        for letter in batch.into_iter().filter_map(letter) {
            if filter.lets_through(&letter.letter) {
                visit(letter)?;
            }
        }
    }
    Ok(())
}

/// The letter at a place.
pub fn one(log: &dyn Records, Place { partition, offset }: Place) -> Result<Option<Letter>> {
    let range = Range { first: Some(offset), end: Some(offset + 1), ..Range::of_partition(partition) };
    let mut reader = log.read(Topic::DeadLetter, &range)?;
    Ok(reader.next()?.and_then(|batch| batch.into_iter().find_map(letter)))
}

/// What was done so far.
pub fn marks(log: &dyn Records) -> Result<Marks> {
    let mut marks = Marks::new();
    each_mark(log, |mark| {
        let place = Place { partition: mark.partition, offset: mark.offset };
        marks.entry(place).or_insert(mark);
    })?;
    Ok(marks)
}

/// Calls `visit` with each mark.
pub fn each_mark(log: &dyn Records, mut visit: impl FnMut(v1::DeadLetterSettled)) -> Result<()> {
    let mut reader = log.read(Topic::DeadLetterSettled, &Range::default())?;
    while let Some(batch) = reader.next()? {
        batch.iter().filter_map(decode).for_each(&mut visit);
    }
    Ok(())
}

/// The word for what was done about a letter.
pub fn status(mark: Option<&v1::DeadLetterSettled>) -> &'static str {
    match mark.map(v1::DeadLetterSettled::settlement) {
        None => "open",
        Some(v1::Settlement::Discarded) => "discarded",
        Some(v1::Settlement::Replayed | v1::Settlement::Unspecified) => "replayed",
    }
}

fn letter(delivered: Delivered) -> Option<Letter> {
    let letter = decode(&delivered)?;
    Some(Letter { position: delivered.position, died_at: delivered.appended_at, letter })
}

fn decode<E: Event>(delivered: &Delivered) -> Option<E> {
    let Delivered { position, record, .. } = delivered;
    let decoded = E::decode(position.topic, &record.headers, record.payload.as_deref());
    decoded
        .inspect_err(|error| {
            let (topic, partition, offset) = (position.topic, position.partition, position.offset);
            tracing::warn!(%error, %topic, partition, offset, "passing over a record that is not what its topic carries");
        })
        .ok()
}

impl DeadLetterFilter {
    fn lets_through(&self, letter: &v1::DeadLetter) -> bool {
        self.id.is_none_or(|id| letter.id == id.to_string())
            && self.stage.as_ref().is_none_or(|stage| *stage == letter.stage)
            && self.cause.as_ref().is_none_or(|reason| *reason == letter.reason)
            && self.topic.is_none_or(|topic| topic.name() == letter.topic)
    }
}
