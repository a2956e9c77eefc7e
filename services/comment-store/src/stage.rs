//! The stage around the store: events in, changes saved, events out.

use std::sync::Arc;

use opentelemetry::metrics::Histogram;
use rejoinder_pipeline::{
    Outcome, Reason, Received, Stage, Transient,
    spans::{Span, SpanKind},
    telemetry,
};
use rejoinder_proto::{DecodeError, Event, Timestamp, Topic, headers::Headers, millis, now, v1};

use crate::{Change, Saved, Store, StoreError};

/// What the stage reads.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "decisions are few, and a box would be opened everywhere")]
pub enum Input {
    /// A comment with its verdict.
    Screened(Box<v1::CommentScreened>),
    /// A moderator's decision.
    Moderated(v1::CommentModerated),
    /// A rejection, kept so that its author can be told.
    Rejected(v1::CommentRejected),
}

/// What the stage writes.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Readers see a change.
    Published(Box<v1::CommentPublished>),
    /// A second copy of a comment.
    Rejected(v1::CommentRejected),
}

/// Saves what comes, and publishes what readers see change.
pub struct CommentStore {
    store: Arc<dyn Store>,
    age: Histogram<f64>,
}

impl CommentStore {
    /// A stage that writes to `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let age = telemetry::ages(
            "rejoinder.age",
            "time from a comment's submission, by its event, to the commit of its row",
        );
        Self { store, age }
    }

    /// Saves one by one, and rejects the changes that the database refuses. What was saved is answered the same again.
    async fn one_by_one(&self, changes: &[Change]) -> Result<Vec<Outcome<Output>>, Transient> {
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            match self.store.save(std::slice::from_ref(change)).await {
                Ok(saved) => outcomes.extend(saved.into_iter().map(outcome)),
                Err(StoreError::Refused(why)) => outcomes.push(Outcome::Reject(Reason::impossible(why))),
                Err(error @ StoreError::Unavailable(_)) => return Err(Transient::new("database", error)),
            }
        }
        Ok(outcomes)
    }
}

impl Stage for CommentStore {
    const NAME: &'static str = "comment-store";
    type In = Input;
    type Out = Output;

    async fn process(&mut self, batch: &[Received<Input>]) -> Result<Vec<Outcome<Output>>, Transient> {
        let changes: Vec<Change> = batch.iter().map(|received| received.event.clone().into()).collect();
        let rows: Vec<Span> = batch.iter().filter_map(row).collect();
        let saved = self.save(&changes).await;
        if saved.is_err() {
            rows.iter().for_each(|row| row.fail("database"));
        }
        saved
    }

    fn committed(&mut self, batch: &[Received<Input>], _: &[Outcome<Output>]) {
        let now = millis(Some(&now()));
        for received in batch {
            let submitted = match &received.event {
                Input::Screened(event) => Event::time(event.as_ref()),
                Input::Rejected(event) => Event::time(event),
                Input::Moderated(_) => None,
            };
            if submitted.is_some() {
                self.age.record((now - millis(submitted)).max(0) as f64 / 1000.0, &[]);
            }
        }
    }
}

/// The span of a comment's row, where somebody reads it.
fn row(received: &Received<Input>) -> Option<Span> {
    let span = Span::start(SpanKind::Client, "save comments", received.trace);
    span.is_recording().then(|| {
        span.set("db.operation.name", "save");
        span.set("db.collection.name", "comments");
        span.set("messaging.message.id", received.event.id().to_owned());
        span
    })
}

impl CommentStore {
    /// Saves a batch as one transaction, and one by one where the database refuses that.
    async fn save(&self, changes: &[Change]) -> Result<Vec<Outcome<Output>>, Transient> {
        match self.store.save(changes).await {
            Ok(saved) => Ok(saved.into_iter().map(outcome).collect()),
            Err(StoreError::Refused(why)) => {
                tracing::warn!(records = changes.len(), why, "batch refused, saving one by one");
                self.one_by_one(changes).await
            }
            Err(error @ StoreError::Unavailable(_)) => Err(Transient::new("database", error)),
        }
    }
}

fn outcome(saved: Saved) -> Outcome<Output> {
    Outcome::Emit(match saved {
        Saved::Published(event) => vec![Output::Published(event)],
        Saved::Duplicate(event) => vec![Output::Rejected(event)],
        Saved::Quiet => Vec::new(),
    })
}

impl From<Input> for Change {
    fn from(input: Input) -> Self {
        match input {
            Input::Screened(event) => Change::Screened(event),
            Input::Moderated(event) => Change::Moderated(event),
            Input::Rejected(event) => Change::Rejected(event),
        }
    }
}

impl Event for Input {
    const TOPICS: &'static [Topic] = &[Topic::Screened, Topic::Moderated, Topic::Rejected];

    fn decode(topic: Topic, headers: &Headers, payload: Option<&[u8]>) -> Result<Self, DecodeError> {
        match topic {
            Topic::Screened => Event::decode(topic, headers, payload).map(|event| Input::Screened(Box::new(event))),
            Topic::Moderated => Event::decode(topic, headers, payload).map(Input::Moderated),
            Topic::Rejected => Event::decode(topic, headers, payload).map(Input::Rejected),
            other => Err(DecodeError::Topic(other)),
        }
    }

    fn topic(&self) -> Topic {
        match self {
            Input::Screened(_) => Topic::Screened,
            Input::Moderated(_) => Topic::Moderated,
            Input::Rejected(_) => Topic::Rejected,
        }
    }

    fn id(&self) -> &str {
        match self {
            Input::Screened(event) => Event::id(event.as_ref()),
            Input::Moderated(event) => Event::id(event),
            Input::Rejected(event) => Event::id(event),
        }
    }

    fn key(&self) -> String {
        match self {
            Input::Screened(event) => Event::key(event.as_ref()),
            Input::Moderated(event) => Event::key(event),
            Input::Rejected(event) => Event::key(event),
        }
    }

    fn time(&self) -> Option<&Timestamp> {
        match self {
            Input::Screened(event) => Event::time(event.as_ref()),
            Input::Moderated(event) => Event::time(event),
            Input::Rejected(event) => Event::time(event),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Input::Screened(event) => Event::encode(event.as_ref()),
            Input::Moderated(event) => Event::encode(event),
            Input::Rejected(event) => Event::encode(event),
        }
    }
}

impl Event for Output {
    const TOPICS: &'static [Topic] = &[Topic::Published, Topic::Rejected];

    fn decode(topic: Topic, headers: &Headers, payload: Option<&[u8]>) -> Result<Self, DecodeError> {
        match topic {
            Topic::Published => Event::decode(topic, headers, payload).map(|event| Output::Published(Box::new(event))),
            Topic::Rejected => Event::decode(topic, headers, payload).map(Output::Rejected),
            other => Err(DecodeError::Topic(other)),
        }
    }

    fn topic(&self) -> Topic {
        match self {
            Output::Published(_) => Topic::Published,
            Output::Rejected(_) => Topic::Rejected,
        }
    }

    fn id(&self) -> &str {
        match self {
            Output::Published(event) => Event::id(event.as_ref()),
            Output::Rejected(event) => Event::id(event),
        }
    }

    fn key(&self) -> String {
        match self {
            Output::Published(event) => Event::key(event.as_ref()),
            Output::Rejected(event) => Event::key(event),
        }
    }

    fn time(&self) -> Option<&Timestamp> {
        match self {
            Output::Published(event) => Event::time(event.as_ref()),
            Output::Rejected(event) => Event::time(event),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            Output::Published(event) => Event::facts(event.as_ref()),
            Output::Rejected(event) => Event::facts(event),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Output::Published(event) => Event::encode(event.as_ref()),
            Output::Rejected(event) => Event::encode(event),
        }
    }
}

#[cfg(test)]
mod tests;
