//! What history says about a comment whose fields are right.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{Code, Facts, Field, FieldError, Fields, Fingerprint, Parent, Policy, recent::Recent};

/// A comment that history is asked about.
pub struct Candidate<'a> {
    /// Its id.
    pub id: Uuid,
    /// What it says.
    pub fields: &'a Fields,
    /// What makes it the same as another.
    pub fingerprint: Fingerprint,
}

/// Whether a comment may join those before it: its parent is there or may still come, it was not said before, and not too
/// soon after the last one. The first rule that refuses it decides, in WordPress's order. Time is the events' own, never the clock's,
/// so that the same comments give the same answers again.
///
/// Between two replicas: records of one thread come through one of them in order, so duplicates are exact (and a
/// fingerprint is unique in the store besides). One author on two threads may be seen by two replicas at once;
/// then the store's answer catches a flood only after the first comment has been stored. So within that time, usually
/// well below a second, as many comments may pass as there are replicas.
pub fn judge(candidate: &Candidate<'_>, policy: &Policy, facts: &Facts, recent: &Recent) -> Result<(), FieldError> {
    parent_may_be_answered(candidate, policy, facts, recent)?;
    if policy.reject_duplicates {
        not_said_before(candidate, facts, recent)?;
    }
    not_too_soon(candidate.fields, policy, facts, recent)
}

/// A reply may be here before its parent: a publisher sends it first, or this worker has just begun and the parent is under
/// way to the store. So only what is known against a parent counts, or that it should have been here long ago; of the
/// others, the store moves the reply under its parent when that comes.
fn parent_may_be_answered(
    candidate: &Candidate<'_>,
    policy: &Policy,
    facts: &Facts,
    recent: &Recent,
) -> Result<(), FieldError> {
    let Some(parent) = candidate.fields.parent else { return Ok(()) };
    let Fields { site, thread, submitted_at, .. } = candidate.fields;
    // The store is newer where it knows the parent at all: a moderator may have taken it away.
    let known = match &facts.parent {
        Some(Parent::Answerable { thread: of_parent }) => Some(*of_parent == thread.id),
        Some(Parent::Unanswerable) => Some(false),
        None => recent.is_on(parent, site, &thread.id),
    };
    if parent != candidate.id && known.unwrap_or_else(|| may_be_on_its_way(parent, *submitted_at, policy)) {
        return Ok(());
    }
    let message = "there is no such comment on this page to reply to; it may have been removed. Reply to another, or leave it out";
    Err(FieldError::new(Field::Parent, Code::UnknownParent, message))
}

/// Whether an id of which nothing is known can be that of a comment to come.
fn may_be_on_its_way(parent: Uuid, reply_submitted_at: DateTime<Utc>, policy: &Policy) -> bool {
    let limit = TimeDelta::seconds(i64::from(policy.parent_seconds));
    let made_at = match parent.get_version_num() {
        7 => (parent.as_u128() >> 80) as i64,
        _ => 0,
    };
    // The gateway's ids of an Idempotency-Key have the time zero, and other versions have none that counts.
    limit.is_zero() || made_at == 0 || reply_submitted_at.timestamp_millis() - made_at <= limit.num_milliseconds()
}

fn not_said_before(candidate: &Candidate<'_>, facts: &Facts, recent: &Recent) -> Result<(), FieldError> {
    let others = [facts.duplicate_of, recent.same(&candidate.fingerprint)];
    if others.into_iter().flatten().all(|other| other == candidate.id) {
        return Ok(());
    }
    Err(FieldError::new(
        Field::Body,
        Code::Duplicate,
        "the same comment is here already; it looks as though you said that before",
    ))
}

fn not_too_soon(fields: &Fields, policy: &Policy, facts: &Facts, recent: &Recent) -> Result<(), FieldError> {
    let pause = TimeDelta::seconds(i64::from(policy.flood_seconds));
    if pause.is_zero() {
        return Ok(());
    }
    let too_soon = |last: DateTime<Utc>| last <= fields.submitted_at && fields.submitted_at - last < pause;
    let flood = facts.last_comment_at.into_iter().chain(recent.last_comments_at(fields)).any(too_soon);
    if !flood {
        return Ok(());
    }
    let message = format!("too soon after your last comment; wait {} seconds between two", policy.flood_seconds);
    Err(FieldError::new(Field::Body, Code::Flood, message))
}
