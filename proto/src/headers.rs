//! The headers around a payload: CloudEvents in binary mode, and Kafka Connect's names on dead letters.
//!
//! Sources: CloudEvents 1.0 Kafka protocol binding; Kafka Connect's dead-letter queue.

use std::str;

use crate::{Format, Topic};

/// Names of the headers that we write and read.
pub mod name {
    /// `application/protobuf` or `application/json`.
    pub const CONTENT_TYPE: &str = "content-type";
    /// Always `1.0`.
    pub const CE_SPECVERSION: &str = "ce_specversion";
    /// The comment's id.
    pub const CE_ID: &str = "ce_id";
    /// The message's full name.
    pub const CE_TYPE: &str = "ce_type";
    /// Who wrote the event.
    pub const CE_SOURCE: &str = "ce_source";
    /// When it happened, RFC 3339.
    pub const CE_TIME: &str = "ce_time";
    /// The schema of a Protobuf payload.
    pub const CE_DATASCHEMA: &str = "ce_dataschema";
    /// How often a dead letter has been replayed.
    pub const ATTEMPT: &str = "rejoinder-attempt";
    /// The one stage that a replayed dead letter is meant for; other readers of its topic had the record before.
    pub const STAGE: &str = "rejoinder-stage";
    /// Kafka Connect's prefix on dead letters.
    pub const CONNECT_ERRORS: &str = "__connect.errors.";
}

/// Headers in the order in which they came. A name may occur twice; the last one counts, as in Kafka's own clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds one, and returns the whole.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.push(name, value);
        self
    }

    /// The last value under `name`.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// The last value under `name`, when it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| str::from_utf8(value).ok())
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What every record that we write carries, for a Protobuf payload.
    pub fn cloud_event(topic: Topic, id: &str, source: &str, time: &str, traceparent: &str) -> Self {
        let message = topic.message_name();
        Self(vec![
            (name::CONTENT_TYPE.into(), Format::Protobuf.content_type().into()),
            (name::CE_SPECVERSION.into(), b"1.0".into()),
            (name::CE_ID.into(), id.into()),
            (name::CE_SOURCE.into(), source.into()),
            (name::CE_TYPE.into(), message.into()),
            (name::CE_TIME.into(), time.into()),
            (name::CE_DATASCHEMA.into(), format!("type.googleapis.com/{message}").into_bytes()),
            (crate::trace::TRACEPARENT.into(), traceparent.into()),
        ])
    }
}

impl FromIterator<(String, Vec<u8>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(headers: I) -> Self {
        Self(headers.into_iter().collect())
    }
}
