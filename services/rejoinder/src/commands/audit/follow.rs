//! Reads what was submitted, and asks the database about it first: most of it has ended there.

use std::collections::HashMap;

use anyhow::{Context, Result};
use rejoinder_comment_store::{
    inspect::{Inspect, Known},
    row::RowState,
};
use rejoinder_pipeline::{Delivered, Position, Range, Records};
use rejoinder_proto::{Event, Topic, v1};
use uuid::Uuid;

use super::{
    groups::Groups,
    report::{End, Report},
    trace::{self, Open},
};

/// Ids in one question to the database.
const QUESTION: usize = 1_000;
/// Records that are looked up in the topics together: a few megabytes of them.
const OPEN: usize = 20_000;

/// Follows every record of the range to its end.
pub async fn run(
    log: &dyn Records,
    store: &dyn Inspect,
    groups: &Groups,
    range: &Range,
    report: &mut Report<'_>,
) -> Result<()> {
    let mut reader = log.read(Topic::Submitted, range)?;
    let mut open = Vec::new();
    while let Some(chunk) = reader.next()? {
        for part in chunk.chunks(QUESTION) {
            let records: Vec<Open> = part.iter().map(submitted).collect();
            part.iter().for_each(|delivered| report.read(delivered));
            open.extend(ask(store, records, report).await?);
        }
        if open.len() >= OPEN {
            trace::settle(log, store, groups, std::mem::take(&mut open), report).await?;
        }
    }
    trace::settle(log, store, groups, open, report).await
}

/// Reports the records whose end the database knows, and gives the others.
pub async fn ask(store: &dyn Inspect, records: Vec<Open>, report: &mut Report<'_>) -> Result<Vec<Open>> {
    let mut open = Vec::new();
    let mut left = records.into_iter().peekable();
    while left.peek().is_some() {
        let part: Vec<Open> = left.by_ref().take(QUESTION).collect();
        let ids: Vec<Uuid> = part.iter().filter_map(|record| record.id).collect();
        let mut known: HashMap<Uuid, Known> = HashMap::with_capacity(ids.len());
        for row in store.known(&ids).await.context("the comment store")? {
            if known.insert(row.id, row).is_some() {
                report.two_rows(row.id)?;
            }
        }
        for record in part {
            match record.id.and_then(|id| known.get(&id)).and_then(|row| end(record.position, row)) {
                Some(end) => report.ended(end),
                None => open.push(record),
            }
        }
    }
    Ok(open)
}

/// What a row says about the record at a position; nothing when only a decision is known.
fn end(position: Position, row: &Known) -> Option<End> {
    match row.state {
        RowState::Awaited => None,
        // The row came of another record with this id.
        _ if row.origin != (position.partition, position.offset) => Some(End::Repeat),
        RowState::Stored(state) => Some(End::Stored(state)),
        RowState::Rejected => Some(End::Rejected),
    }
}

fn submitted(delivered: &Delivered) -> Open {
    let Delivered { position, record, .. } = delivered;
    let event = <v1::CommentSubmitted as Event>::decode(position.topic, &record.headers, record.payload.as_deref());
    // A record that is no event has no id; its dead letter is known by where it stood.
    Open::new(*position, event.ok().and_then(|event| Uuid::parse_str(&event.id).ok()))
}
