//! Looks in the topics for what the database does not know.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use rejoinder_comment_store::inspect::Inspect;
use rejoinder_pipeline::{Delivered, Position, Range, Records, is_for};
use rejoinder_proto::{Event, Message, Topic, headers::name, v1};
use uuid::Uuid;

use super::{
    follow,
    groups::{Groups, STAGES, reader_of},
    report::{End, Report},
};
use crate::{cli::values::Place, commands::dead_letters::letters};

/// The end of a transaction reaches its partitions one after the other: what is missing is asked for again after each of
/// these times before it counts as lost.
const AGAIN: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// A submitted record whose end is not known yet.
#[derive(Clone, Debug)]
pub struct Open {
    /// Where it was submitted.
    pub position: Position,
    /// Its comment's id, where it has one.
    pub id: Option<Uuid>,
    trail: Trail,
}

/// What the topics know of it.
#[derive(Clone, Debug, Default)]
struct Trail {
    /// Its last trace.
    seen: Option<Position>,
    /// The stage that has not come to it yet.
    waits_for: Option<&'static str>,
    /// Another record with its id was passed on.
    repeated: bool,
    /// A dead letter that nobody has replayed, or that was replayed as a record of its own.
    dead: bool,
}

impl Open {
    /// Nothing is known.
    pub fn new(position: Position, id: Option<Uuid>) -> Self {
        Self { position, id, trail: Trail::default() }
    }

    fn end(&self) -> Option<End> {
        let Trail { seen, waits_for, repeated, dead } = &self.trail;
        match (waits_for, seen) {
            (Some(stage), _) => Some(End::InFlight(stage)),
            _ if *dead => Some(End::Dead),
            (None, None) if *repeated => Some(End::Repeat),
            _ => None,
        }
    }

    /// A trace on a topic; later ones count more.
    fn trace(&mut self, groups: &Groups, position: Position) {
        let stage = reader_of(position.topic);
        self.trail.seen = Some(position);
        self.trail.waits_for = (!groups.is_past(stage, position)).then_some(stage);
    }
}

/// Reports the end of each record, and those that have none as lost.
pub async fn settle(
    log: &dyn Records,
    store: &dyn Inspect,
    groups: &Groups,
    mut open: Vec<Open>,
    report: &mut Report<'_>,
) -> Result<()> {
    let mut pauses = AGAIN.iter();
    loop {
        for record in &mut open {
            record.trail = Trail::default();
        }
        look(log, groups, &mut open)?;
        let mut missing = Vec::new();
        for record in open {
            match record.end() {
                Some(End::InFlight(stage)) => report.in_flight(record.id, record.position, stage)?,
                Some(end) => report.ended(end),
                None => missing.push(record),
            }
        }
        open = match pauses.next() {
            Some(pause) if !missing.is_empty() => {
                tokio::time::sleep(*pause).await;
                follow::ask(store, missing, report).await?
            }
            _ => {
                for record in missing {
                    report.lost(record.id, record.position, record.trail.seen.unwrap_or(record.position))?;
                }
                return Ok(());
            }
        };
        if open.is_empty() {
            return Ok(());
        }
    }
}

fn look(log: &dyn Records, groups: &Groups, open: &mut [Open]) -> Result<()> {
    for record in &mut *open {
        if !groups.is_past(STAGES[0], record.position) {
            record.trail.waits_for = Some(STAGES[0]);
        }
    }
    if open.iter().all(|record| record.trail.waits_for.is_some()) {
        return Ok(());
    }
    let mut by_id: HashMap<Uuid, Vec<usize>> = HashMap::new();
    for (index, record) in open.iter().enumerate() {
        if let Some(id) = record.id {
            by_id.entry(id).or_default().push(index);
        }
    }
    traces::<v1::CommentValidated>(log, groups, open, &by_id, |event| event.comment.as_ref()?.origin)?;
    traces::<v1::CommentScreened>(log, groups, open, &by_id, |event| event.comment.as_ref()?.origin)?;
    traces::<v1::CommentRejected>(log, groups, open, &by_id, |event| event.origin)?;
    dead(log, open, &by_id)
}

/// Follows the records' traces on one topic.
fn traces<E: Message>(
    log: &dyn Records,
    groups: &Groups,
    open: &mut [Open],
    by_id: &HashMap<Uuid, Vec<usize>>,
    origin: impl Fn(&E) -> Option<v1::Origin>,
) -> Result<()> {
    let stage = reader_of(E::TOPIC);
    let mut reader = log.read(E::TOPIC, &Range::default())?;
    while let Some(chunk) = reader.next()? {
        for Delivered { position, record, .. } in chunk {
            // Our own workers wrote it, so the header has the id; a record for another stage leads nowhere here.
            let id = record.headers.text(name::CE_ID).and_then(|id| Uuid::parse_str(id).ok());
            let Some(wanted) = id.and_then(|id| by_id.get(&id)).filter(|_| is_for(stage, &record)) else { continue };
            let event = <E as Event>::decode(E::TOPIC, &record.headers, record.payload.as_deref());
            let Some(origin) = event.ok().as_ref().and_then(&origin) else { continue };
            for index in wanted {
                let record = &mut open[*index];
                if (origin.partition, origin.offset) == (record.position.partition, record.position.offset) {
                    record.trace(groups, position);
                } else {
                    record.trail.repeated = true;
                }
            }
        }
    }
    Ok(())
}

/// Finds the records' dead letters. One that was replayed is no end, unless it was replayed as a submitted record, which is
/// followed on its own.
fn dead(log: &dyn Records, open: &mut [Open], by_id: &HashMap<Uuid, Vec<usize>>) -> Result<()> {
    let by_place: HashMap<Place, usize> =
        open.iter().enumerate().map(|(index, record)| (place(record), index)).collect();
    let mut found: HashMap<Place, Vec<usize>> = HashMap::new();
    letters::each(log, &Default::default(), |letter| {
        let of = &letter.letter;
        if !STAGES.contains(&of.stage.as_str()) {
            return Ok(());
        }
        match of.topic.parse() {
            Ok(Topic::Submitted) => {
                if let Some(index) = by_place.get(&Place { partition: of.partition, offset: of.offset }) {
                    open[*index].trail.dead = true;
                }
            }
            Ok(Topic::Validated | Topic::Screened | Topic::Rejected) => {
                let id = Uuid::parse_str(&of.id).ok();
                if let Some(indices) = id.and_then(|id| by_id.get(&id)) {
                    found.insert(letter.place(), indices.clone());
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    if found.is_empty() {
        return Ok(());
    }
    letters::each_mark(log, |mark| {
        if mark.settlement() == v1::Settlement::Replayed {
            found.remove(&Place { partition: mark.partition, offset: mark.offset });
        }
    })?;
    for index in found.into_values().flatten() {
        open[index].trail.dead = true;
    }
    Ok(())
}

fn place(record: &Open) -> Place {
    Place { partition: record.position.partition, offset: record.position.offset }
}
