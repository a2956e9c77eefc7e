//! From messages to rows. What is not possible is refused here, with the field's name.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use prost::Message;
use rejoinder_proto::{Timestamp, v1};
use uuid::Uuid;

use crate::{
    Change, State, StoreError,
    decision_log::{About, Entry},
    row::{DecisionKey, Item, Reported, Row, RowState, errors_to},
    time,
};

/// Parses a batch. An error is about one change, and names its field; the others may be fine.
pub fn parse(changes: &[Change]) -> Result<Vec<Item<'_>>, StoreError> {
    changes.iter().map(item).collect()
}

fn item(change: &Change) -> Result<Item<'_>, StoreError> {
    match change {
        Change::Screened(screened) => comment(screened).map(|row| Item::Comment(Box::new(row))),
        Change::Rejected(rejected) => rejection(rejected).map(|row| Item::Rejection(Box::new(row))),
        Change::Moderated(moderated) => decision(moderated),
    }
}

fn comment(screened: &v1::CommentScreened) -> Result<Row<'_>, StoreError> {
    let comment = screened.comment.as_ref().ok_or_else(|| refused("comment", "is missing"))?;
    let thread = comment.thread.as_ref().ok_or_else(|| refused("thread", "is missing"))?;
    let state = match screened.verdict() {
        v1::Verdict::Approve => State::Approved,
        v1::Verdict::Hold => State::Pending,
        v1::Verdict::Spam => State::Spam,
        v1::Verdict::Unspecified => return Err(refused("verdict", "is none that this version knows")),
    };
    if comment.fingerprint.is_empty() {
        return Err(refused("fingerprint", "is missing"));
    }
    if !screened.score.is_finite() {
        return Err(refused("score", "is not a number"));
    }
    if screened.revision < 0 {
        return Err(refused("revision", "is below zero; a first screening has 0"));
    }
    let author = comment.author.as_ref();
    let client = comment.client.as_ref();
    let parent = (!comment.parent_id.is_empty()).then(|| id("parent_id", &comment.parent_id)).transpose()?;
    let email = text("author.email", author.map_or("", |author| &author.email))?;
    Ok(Row {
        state: RowState::Stored(state),
        site: text("site", &comment.site)?,
        thread: text("thread.id", &thread.id)?,
        thread_url: text("thread.url", &thread.url)?,
        thread_title: text("thread.title", &thread.title)?,
        thread_published_at: time::from_message(thread.published_at.as_ref()),
        thread_closed: thread.closed,
        parent,
        author_name: text("author.name", author.map_or("", |author| &author.name))?,
        author_email: lower_case(email),
        author_url: text("author.url", author.map_or("", |author| &author.url))?,
        body: text("text", &comment.text)?,
        html: text("html", &comment.html)?,
        client_ip: text("client.ip", client.map_or("", |client| &client.ip))?,
        client_user_agent: text("client.user_agent", client.map_or("", |client| &client.user_agent))?,
        client_referrer: text("client.referrer", client.map_or("", |client| &client.referrer))?,
        honeypot_filled: client.is_some_and(|client| client.honeypot_filled),
        form_seconds: client.and_then(|client| client.form_seconds).filter(|seconds| seconds.is_finite()),
        submitted_at: moment("submitted_at", comment.submitted_at.as_ref())?,
        fingerprint: &comment.fingerprint,
        origin: origin(comment.origin.as_ref()),
        verdict: screened.verdict as i16,
        signals: v1::CommentScreened { signals: screened.signals.clone(), ..Default::default() }.encode_to_vec(),
        score: screened.score,
        policy_version: text("policy_version", &screened.policy_version)?,
        model_version: text("model_version", &screened.model_version)?,
        revision: screened.revision,
        campaign: text("campaign", &screened.campaign)?,
        ..Row::awaited(id("id", &comment.id)?)
    })
}

fn rejection(rejected: &v1::CommentRejected) -> Result<Row<'_>, StoreError> {
    Ok(Row {
        state: RowState::Rejected,
        site: text("site", &rejected.site)?,
        thread: text("thread_id", &rejected.thread_id)?,
        // What is rejected may be rejected for having no time.
        submitted_at: time::from_message(rejected.submitted_at.as_ref()).unwrap_or(DateTime::UNIX_EPOCH),
        origin: origin(rejected.origin.as_ref()),
        errors: errors_to(&rejected.errors),
        ..Row::awaited(id("id", &rejected.id)?)
    })
}

fn decision(moderated: &v1::CommentModerated) -> Result<Item<'_>, StoreError> {
    let (id, site) = (id("id", &moderated.id)?, text("site", &moderated.site)?);
    let key = DecisionKey {
        at: moment("decided_at", moderated.decided_at.as_ref())?,
        action: moderated.action as i16,
        moderator: text("moderator", &moderated.moderator)?.to_owned(),
    };
    match moderated.action() {
        v1::Action::Unspecified => Err(refused("action", "is none that this version knows")),
        v1::Action::Approve | v1::Action::Spam | v1::Action::Trash => {
            let reported = moderated.comment.as_ref().map(|comment| Reported { site, comment });
            Ok(Item::Decision(id, key, reported))
        }
        v1::Action::Withdraw | v1::Action::Reset => {
            let reason = text("reason", &moderated.reason)?.to_owned();
            Ok(Item::Lesson(Entry { id, decision: key, reason, about: About::Site(site.to_owned()) }))
        }
    }
}

/// An address in the form in which it is kept and compared.
pub fn lower_case(email: &str) -> Cow<'_, str> {
    if email.chars().any(char::is_uppercase) { Cow::Owned(email.to_lowercase()) } else { Cow::Borrowed(email) }
}

fn refused(field: &str, what: &str) -> StoreError {
    StoreError::Refused(format!("{field} {what}"))
}

/// PostgreSQL's text cannot hold NUL; the validator strips it, so one that comes here is no comment of ours.
fn text<'a>(field: &str, value: &'a str) -> Result<&'a str, StoreError> {
    if value.contains('\0') { Err(refused(field, "holds a NUL character")) } else { Ok(value) }
}

fn id(field: &str, value: &str) -> Result<Uuid, StoreError> {
    Uuid::try_parse(value).map_err(|_| refused(field, "is not a UUID"))
}

fn moment(field: &str, value: Option<&Timestamp>) -> Result<DateTime<Utc>, StoreError> {
    time::from_message(value).ok_or_else(|| refused(field, "is missing or outside of the calendar"))
}

fn origin(origin: Option<&v1::Origin>) -> (i32, i64) {
    origin.map_or((-1, -1), |origin| (origin.partition, origin.offset))
}
