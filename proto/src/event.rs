mod messages;

use std::str;

use chrono::{DateTime, SecondsFormat, Utc};
use pbjson_types::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    Topic,
    headers::{Headers, name},
};

/// How a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain Protobuf bytes.
    Protobuf,
    /// The proto3 JSON mapping.
    Json,
}

impl Format {
    /// The format's media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Protobuf => "application/protobuf",
            Format::Json => "application/json",
        }
    }

    /// The format that a `content-type` header names; Protobuf when there is none.
    pub fn from_headers(headers: &Headers) -> Result<Self, DecodeError> {
        let Some(value) = headers.get(name::CONTENT_TYPE) else { return Ok(Format::Protobuf) };
        let value = str::from_utf8(value).unwrap_or("(not UTF-8)");
        match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/protobuf" | "application/x-protobuf" => Ok(Format::Protobuf),
            "application/json" => Ok(Format::Json),
            _ => Err(DecodeError::ContentType(value.chars().take(80).collect())),
        }
    }
}

/// Why a record is not the event that its topic promises. Each says what to do about it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// A record without a payload.
    #[error("the record has no payload (a tombstone); these topics are not compacted, so publish an event instead")]
    Tombstone,
    /// A payload of no bytes.
    #[error("the payload is empty; send the event's bytes")]
    Empty,
    /// A media type that we do not read.
    #[error("content-type {0:?} is not read here; send application/protobuf or application/json")]
    ContentType(String),
    /// `ce_type` names another message.
    #[error("ce_type is {found:?}, but {topic} carries {expected}; publish to the right topic, or correct the header")]
    Schema {
        /// The topic that it came on.
        topic: Topic,
        /// The topic's message.
        expected: &'static str,
        /// What the header said.
        found: String,
    },
    /// Bytes that are not the message.
    #[error("the payload is not a {message}: {detail}")]
    Payload {
        /// The topic's message.
        message: &'static str,
        /// What the parser said; never the comment's text.
        detail: String,
    },
    /// No usable id.
    #[error("the event's id {0}; put the same UUIDv7 into ce_id and into the message's id")]
    Id(String),
    /// A topic that this event never comes on.
    #[error("{0} does not carry this event")]
    Topic(Topic),
}

impl DecodeError {
    /// The stable word for it in a dead letter.
    pub const fn reason(&self) -> &'static str {
        match self {
            DecodeError::Tombstone => "tombstone",
            DecodeError::Empty => "empty",
            DecodeError::ContentType(_) | DecodeError::Payload { .. } => "undecodable",
            DecodeError::Schema { .. } => "unknown_schema",
            DecodeError::Id(_) | DecodeError::Topic(_) => "impossible",
        }
    }
}

/// The key of every record about a comment: a thread keeps its order because its records share a partition.
pub fn thread_key(site: &str, thread: &str) -> String {
    format!("{site}/{thread}")
}

/// What a stage reads or writes: one message, or an enum of several.
pub trait Event: Sized + Send + 'static {
    /// The topics that it may come on or go to.
    const TOPICS: &'static [Topic];

    /// Reads the event from a record of `topic`. Errors name what is wrong and the fix.
    fn decode(topic: Topic, headers: &Headers, payload: Option<&[u8]>) -> Result<Self, DecodeError>;

    /// The topic that it goes to.
    fn topic(&self) -> Topic;

    /// The comment's id.
    fn id(&self) -> &str;

    /// The record's key.
    fn key(&self) -> String;

    /// When it happened, by the clock of whoever made it happen: the same again on a replay.
    fn time(&self) -> Option<&Timestamp>;

    /// Its Protobuf bytes.
    fn encode(&self) -> Vec<u8>;

    /// What may be told of it in telemetry, by OpenTelemetry's way of naming: nothing that a reader wrote.
    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The headers of its record.
    fn headers(&self, source: &str, traceparent: &str) -> Headers {
        let time = self
            .time()
            .and_then(|t| DateTime::<Utc>::from_timestamp(t.seconds, t.nanos.clamp(0, 999_999_999) as u32))
            .unwrap_or(DateTime::UNIX_EPOCH)
            .to_rfc3339_opts(SecondsFormat::Micros, true);
        Headers::cloud_event(self.topic(), self.id(), source, &time, traceparent)
    }
}

/// A message that has a topic to itself. Every such message is an [`Event`].
pub trait Message: prost::Message + Default + Serialize + DeserializeOwned + 'static {
    /// Its topic.
    const TOPIC: Topic;
    /// The comment's id.
    fn id(&self) -> &str;
    /// Takes the id from the `ce_id` header when the message came without one.
    fn set_id(&mut self, id: String);
    /// The record's key.
    fn key(&self) -> String;
    /// When it happened.
    fn time(&self) -> Option<&Timestamp>;
    /// See [`Event::facts`].
    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl<M: Message> Event for M {
    const TOPICS: &'static [Topic] = &[M::TOPIC];

    fn decode(topic: Topic, headers: &Headers, payload: Option<&[u8]>) -> Result<Self, DecodeError> {
        if topic != M::TOPIC {
            return Err(DecodeError::Topic(topic));
        }
        let payload = payload.ok_or(DecodeError::Tombstone)?;
        if payload.is_empty() {
            return Err(DecodeError::Empty);
        }
        let expected = topic.message_name();
        if let Some(found) = headers.get(name::CE_TYPE)
            && found != expected.as_bytes()
        {
            let found = String::from_utf8_lossy(found).chars().take(80).collect();
            return Err(DecodeError::Schema { topic, expected, found });
        }
        let mut message = match Format::from_headers(headers)? {
            Format::Protobuf => M::decode(payload)
                .map_err(|error| DecodeError::Payload { message: expected, detail: error.to_string() })?,
            Format::Json => serde_json::from_slice::<M>(payload)
                .map_err(|error| DecodeError::Payload { message: expected, detail: json_detail(&error) })?,
        };
        take_id(&mut message, headers)?;
        Ok(message)
    }

    fn topic(&self) -> Topic {
        M::TOPIC
    }

    fn id(&self) -> &str {
        Message::id(self)
    }

    fn key(&self) -> String {
        Message::key(self)
    }

    fn time(&self) -> Option<&Timestamp> {
        Message::time(self)
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        Message::facts(self)
    }

    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

/// Characters that are kept of an error about a field: its name is the publisher's, and may be as long as the payload.
const MAX_DETAIL: usize = 200;

/// What is wrong with JSON from outside. serde_json quotes an offending string, which may be a reader's words: the kind and
/// the place of the error are kept, and its text only where it speaks of fields.
pub fn json_detail(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!("line {} column {}", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data if text.starts_with("unknown field") || text.starts_with("missing field") => {
            text.chars().take(MAX_DETAIL).collect()
        }
        serde_json::error::Category::Data => format!("a value of the wrong type or form at {place}"),
        serde_json::error::Category::Eof => format!("the JSON ends too early at {place}"),
        _ => format!("not JSON at {place}"),
    }
}

/// Settles the id: from the message, from `ce_id`, or the same in both; a UUIDv7. A dead letter's id is whatever its
/// record had.
fn take_id<M: Message>(message: &mut M, headers: &Headers) -> Result<(), DecodeError> {
    if matches!(M::TOPIC, Topic::DeadLetter | Topic::DeadLetterSettled) {
        return Ok(());
    }
    let header = headers.text(name::CE_ID).unwrap_or_default();
    let inside = Message::id(message);
    let id = match (inside.is_empty(), header.is_empty()) {
        (true, true) => return Err(DecodeError::Id("is missing".into())),
        (false, false) if inside != header => {
            return Err(DecodeError::Id("differs between ce_id and the message".into()));
        }
        (true, false) => header,
        (false, _) => inside,
    };
    let uuid = Uuid::parse_str(id).map_err(|_| DecodeError::Id("is not a UUID".into()))?;
    if uuid.get_version_num() != 7 {
        return Err(DecodeError::Id(format!("is a UUID of version {}, not 7", uuid.get_version_num())));
    }
    message.set_id(uuid.to_string());
    Ok(())
}

#[cfg(test)]
mod tests;
