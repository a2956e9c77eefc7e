//! Looks for records that stand on a topic twice, which exactly once rules out.
//!
//! One pass remembers every record in a [`Bloom`] filter, whose memory does not grow; what it may have seen before is
//! counted exactly in a second pass. Unlike a check that offsets rise, this needs no assumption about who wrote in which
//! order, and serves every topic alike. A dead letter that was replayed carries its attempt, and is no copy.

use std::collections::HashMap;

use anyhow::Result;
use rejoinder_pipeline::{Delivered, Position, Range, Record, Records};
use rejoinder_proto::{Event, Topic, headers::name, v1};

use super::{
    bloom::{Bloom, Digest, digest},
    report::Report,
};

/// Records that are counted exactly in one pass.
const SUSPECTS: usize = 50_000;

/// The topics that stages write.
pub const TOPICS: [Topic; 5] =
    [Topic::Validated, Topic::Rejected, Topic::Screened, Topic::Published, Topic::DeadLetter];

/// Checks every topic. A range of offsets is one of submitted records: then what came of them is checked.
pub fn run(log: &dyn Records, range: &Range, report: &mut Report<'_>) -> Result<()> {
    for topic in TOPICS {
        if range.partition.is_some() && topic == Topic::Published {
            // It does not say which submitted record it came of.
            continue;
        }
        // What came of the last submitted records was appended after them.
        let part = Range { from: range.from, ..Range::default() };
        one(log, topic, &part, range, report)?;
        report.checked(topic);
    }
    Ok(())
}

fn one(log: &dyn Records, topic: Topic, part: &Range, submitted: &Range, report: &mut Report<'_>) -> Result<()> {
    let mut seen = Bloom::new();
    let mut suspects: HashMap<Digest, Vec<(Position, String)>> = HashMap::new();
    let mut number = 0;
    let mut reader = log.read(topic, part)?;
    while let Some(chunk) = reader.next()? {
        for delivered in chunk {
            let Some((digest, id)) = identity(&delivered, submitted) else { continue };
            if seen.insert(&digest) {
                suspects.entry(digest).or_default().push((delivered.position, id));
                number += 1;
            }
        }
        if number >= SUSPECTS {
            count(log, topic, part, submitted, std::mem::take(&mut suspects), report)?;
            number = 0;
        }
    }
    count(log, topic, part, submitted, suspects, report)
}

/// Reports the suspects before which another copy of them stands.
fn count(
    log: &dyn Records,
    topic: Topic,
    part: &Range,
    submitted: &Range,
    suspects: HashMap<Digest, Vec<(Position, String)>>,
    report: &mut Report<'_>,
) -> Result<()> {
    if suspects.is_empty() {
        return Ok(());
    }
    let mut first: HashMap<Digest, Position> = HashMap::new();
    let mut reader = log.read(topic, part)?;
    while let Some(chunk) = reader.next()? {
        for delivered in chunk {
            let Some((digest, _)) = identity(&delivered, submitted) else { continue };
            if suspects.contains_key(&digest) {
                first.entry(digest).or_insert(delivered.position);
            }
        }
    }
    for (digest, copies) in suspects {
        for (position, id) in copies {
            if let Some(first) = first.get(&digest).filter(|first| **first != position) {
                report.copy(&id, *first, position)?;
            }
        }
    }
    Ok(())
}

/// What no other record of its topic may have alike, with the comment's id; nothing for a record that may be there twice.
fn identity(delivered: &Delivered, submitted: &Range) -> Option<(Digest, String)> {
    let Delivered { position, record, .. } = delivered;
    if position.topic != Topic::DeadLetter && record.headers.get(name::ATTEMPT).is_some() {
        return None;
    }
    match position.topic {
        Topic::Validated => {
            decode::<v1::CommentValidated>(record).and_then(|event| of_comment(event.comment?, submitted))
        }
        Topic::Screened => {
            let event = decode::<v1::CommentScreened>(record)?;
            let revision = event.revision;
            of_comment(event.comment?, submitted).map(|(digest, id)| (screening(digest, revision), id))
        }
        Topic::Rejected => {
            decode::<v1::CommentRejected>(record).and_then(|event| of_origin(event.id, event.origin?, submitted))
        }
        Topic::Published => {
            let event = decode::<v1::CommentPublished>(record)?;
            let at = event.changed_at.unwrap_or_default();
            let parts = [event.visibility.into(), at.seconds, at.nanos.into()].map(i64::to_be_bytes);
            Some((digest(&[event.id.as_bytes(), &parts[0], &parts[1], &parts[2]]), event.id))
        }
        Topic::DeadLetter => {
            let letter = decode::<v1::DeadLetter>(record)?;
            if submitted.partition.is_some() && letter.topic != Topic::Submitted.name() {
                return None;
            }
            let origin = v1::Origin { partition: letter.partition, offset: letter.offset };
            if submitted.partition.is_some() && !within(&origin, submitted) {
                return None;
            }
            let place = [letter.partition.into(), letter.offset].map(i64::to_be_bytes);
            Some((digest(&[letter.stage.as_bytes(), letter.topic.as_bytes(), &place[0], &place[1]]), letter.id))
        }
        _ => None,
    }
}

fn of_comment(comment: v1::Comment, submitted: &Range) -> Option<(Digest, String)> {
    of_origin(comment.id, comment.origin?, submitted)
}

fn of_origin(id: String, origin: v1::Origin, submitted: &Range) -> Option<(Digest, String)> {
    let place = [origin.partition.into(), origin.offset].map(i64::to_be_bytes);
    within(&origin, submitted).then(|| (digest(&[id.as_bytes(), &place[0], &place[1]]), id))
}

/// A later screening of a comment is another record than the first one.
fn screening(comment: Digest, revision: i32) -> Digest {
    digest(&[&comment, &revision.to_be_bytes()])
}

/// Whether a submitted record is in a range of offsets.
fn within(origin: &v1::Origin, range: &Range) -> bool {
    range.partition.is_none_or(|partition| partition == origin.partition)
        && range.first.is_none_or(|first| first <= origin.offset)
        && range.end.is_none_or(|end| origin.offset < end)
}

fn decode<E: Event>(record: &Record) -> Option<E> {
    E::decode(record.topic, &record.headers, record.payload.as_deref()).ok()
}
