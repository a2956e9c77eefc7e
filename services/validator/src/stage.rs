use std::{collections::HashMap, fmt, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use opentelemetry::metrics::Counter;
use rejoinder_pipeline::{Live, Outcome, Reason, Received, Stage, Transient, telemetry};
use rejoinder_proto::v1;
use uuid::Uuid;

use crate::{
    Code, Facts, Field, FieldError, Fields, Fingerprint, History, Output, Policy, Query, check_fields,
    fields::{to_time, to_timestamp},
    judge::{Candidate, judge},
    recent::Recent,
};

/// How many comments are remembered: some batches, to cover the way to the store. Takes about 10 MB when full.
const REMEMBERED: usize = 16_384;
/// Where the site and thread of a rejected comment are cut, in bytes, since they may be anything.
const UNCHECKED_BYTES: usize = 500;

/// The stage: `comments.submitted` to `comments.validated` and `comments.rejected`.
///
/// An id that came before from another place in the log is the publisher's second delivery: nothing follows from it.
/// An id from the same place is a replay, and is judged as though it were new. What is remembered of comments in flight
/// is bounded, and gone after a restart. A reply whose parent is neither remembered nor stored goes on all the same, as
/// long as the parent's id is not too old to be under way: the store brings the two together.
pub struct Validator {
    policies: Live<HashMap<String, Policy>>,
    history: Arc<dyn History>,
    clock: fn() -> DateTime<Utc>,
    recent: Recent,
    redelivered: Counter<u64>,
    rejected: Counter<u64>,
}

/// A submitted comment, read by itself.
struct Read<'p> {
    id: Uuid,
    checked: Result<Checked<'p>, Vec<FieldError>>,
}

struct Checked<'p> {
    fields: Fields,
    fingerprint: Fingerprint,
    policy: &'p Policy,
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").field("sites", &self.policies.now().len()).finish_non_exhaustive()
    }
}

impl Validator {
    /// A validator with the policy of each site, by the site's name.
    pub fn new(policies: impl Into<Live<HashMap<String, Policy>>>, history: Arc<dyn History>) -> Self {
        Self {
            policies: policies.into(),
            history,
            clock: Utc::now,
            recent: Recent::new(REMEMBERED),
            redelivered: telemetry::counter("rejoinder.validator.redelivered", "events whose id came before"),
            rejected: telemetry::counter("rejoinder.validator.field_errors", "what was wrong with rejected comments"),
        }
    }

    /// With another clock. It serves one rule alone: no comment may come from the future.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> DateTime<Utc>) -> Self {
        Self { clock, ..self }
    }

    fn decide(
        &mut self,
        received: &Received<v1::CommentSubmitted>,
        read: Option<Read<'_>>,
        facts: &Facts,
    ) -> Outcome<Output> {
        let Some(Read { id, checked }) = read else {
            return Outcome::Reject(Reason::impossible("the comment's id is not a UUID"));
        };
        let position = received.position;
        let origin = v1::Origin { partition: position.partition, offset: position.offset };
        let in_flight = self.recent.position(id).is_some_and(|known| known != position);
        if in_flight || facts.known.as_ref().is_some_and(|known| *known != origin) {
            self.redelivered.add(1, &[]);
            return Outcome::Emit(Vec::new());
        }
        let judged = checked.and_then(|Checked { fields, fingerprint, policy }| {
            let candidate = Candidate { id, fields: &fields, fingerprint };
            judge(&candidate, policy, facts, &self.recent).map_err(|error| vec![error])?;
            Ok((fields, fingerprint, policy))
        });
        let output = match judged {
            Ok((fields, fingerprint, policy)) => {
                self.recent.accept(position, id, fingerprint, &fields);
                if policy.flood_seconds > 0 {
                    self.recent.remember_author(position, &fields);
                }
                let comment = fields.into_comment(id, fingerprint, origin);
                Output::Validated(Box::new(v1::CommentValidated { comment: Some(comment) }))
            }
            Err(errors) => {
                self.recent.reject(position, id);
                self.count(&errors);
                Output::Rejected(rejection(id, &received.event, origin, errors))
            }
        };
        Outcome::Emit(vec![output])
    }

    fn count(&self, errors: &[FieldError]) {
        for error in errors {
            let labels = [telemetry::label("field", error.field.name()), telemetry::label("code", error.code.word())];
            self.rejected.add(1, &labels);
        }
    }
}

impl Stage for Validator {
    const NAME: &'static str = "validator";
    type In = v1::CommentSubmitted;
    type Out = Output;

    async fn process(&mut self, batch: &[Received<Self::In>]) -> Result<Vec<Outcome<Output>>, Transient> {
        self.recent.rewind(batch);
        let policies = self.policies.now();
        let now = (self.clock)();
        let reads: Vec<_> = batch.iter().map(|received| read(&received.event, &policies, now)).collect();
        let queries: Vec<_> = batch.iter().zip(&reads).map(|(received, read)| query(&received.event, read)).collect();
        let facts = self.history.look_up(&queries).await?;
        if facts.len() != queries.len() {
            let message = format!("{} answers to {} questions", facts.len(), queries.len());
            return Err(Transient::new("history", message));
        }
        let judged = batch.iter().zip(reads).zip(&facts);
        Ok(judged.map(|((received, read), facts)| self.decide(received, read, facts)).collect())
    }
}

/// `None` when the id, which the log's decoder has checked, is no UUID all the same.
fn read<'p>(
    submitted: &v1::CommentSubmitted,
    policies: &'p HashMap<String, Policy>,
    now: DateTime<Utc>,
) -> Option<Read<'p>> {
    let id = Uuid::parse_str(&submitted.id).ok()?;
    let Some(policy) = policies.get(&submitted.site) else {
        return Some(Read { id, checked: Err(vec![unknown_site(&submitted.site)]) });
    };
    let checked = match (check_fields(submitted, policy), from_the_future(submitted, policy, now)) {
        (Ok(fields), None) => Ok(Checked { fingerprint: fields.fingerprint(id, policy), fields, policy }),
        (Ok(_), Some(future)) => Err(vec![future]),
        (Err(errors), future) => Err(errors.into_iter().chain(future).collect()),
    };
    Some(Read { id, checked })
}

fn unknown_site(site: &str) -> FieldError {
    if site.is_empty() {
        return FieldError::new(Field::Site, Code::Required, "the site is missing");
    }
    FieldError::new(
        Field::Site,
        Code::Unknown,
        "there is no such site here; give the name that it has in the configuration",
    )
}

/// The one rule that looks at a clock. What it refuses now it would take later, never the other way round, so a replay
/// cannot take back what was accepted.
fn from_the_future(submitted: &v1::CommentSubmitted, policy: &Policy, now: DateTime<Utc>) -> Option<FieldError> {
    let ahead = submitted.submitted_at.as_ref().and_then(to_time)? - now;
    if ahead <= TimeDelta::seconds(i64::from(policy.future_seconds)) {
        return None;
    }
    let limit = policy.future_seconds;
    let message = format!("is in the future; at most {limit} seconds ahead are allowed, for clocks that differ");
    Some(FieldError::new(Field::SubmittedAt, Code::Future, message))
}

fn query(submitted: &v1::CommentSubmitted, read: &Option<Read<'_>>) -> Query {
    match read {
        Some(Read { id, checked: Ok(Checked { fields, fingerprint, .. }) }) => Query {
            id: *id,
            site: fields.site.clone(),
            thread: fields.thread.id.clone(),
            parent: fields.parent,
            fingerprint: fingerprint.0.to_vec(),
            email: fields.email_key().into_owned(),
            ip: fields.client.ip.clone(),
            submitted_at: fields.submitted_at,
        },
        wrong => Query {
            id: wrong.as_ref().map(|read| read.id).unwrap_or_default(),
            site: storable(&submitted.site),
            thread: storable(thread_id(submitted)),
            parent: None,
            fingerprint: Vec::new(),
            email: String::new(),
            ip: String::new(),
            submitted_at: submitted.submitted_at.as_ref().and_then(to_time).unwrap_or_default(),
        },
    }
}

fn rejection(
    id: Uuid,
    submitted: &v1::CommentSubmitted,
    origin: v1::Origin,
    errors: Vec<FieldError>,
) -> v1::CommentRejected {
    v1::CommentRejected {
        id: id.to_string(),
        site: storable(&submitted.site),
        thread_id: storable(thread_id(submitted)),
        errors: errors.into_iter().map(Into::into).collect(),
        submitted_at: submitted.submitted_at.as_ref().and_then(to_time).map(to_timestamp),
        origin: Some(origin),
    }
}

fn thread_id(submitted: &v1::CommentSubmitted) -> &str {
    submitted.thread.as_ref().map_or("", |thread| &thread.id)
}

/// What was not accepted must still pass through a database: PostgreSQL takes no NUL in a text.
fn storable(raw: &str) -> String {
    raw[..raw.floor_char_boundary(UNCHECKED_BYTES)].chars().filter(|c| !c.is_control()).collect()
}
