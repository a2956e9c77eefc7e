//! The headers around a payload: CloudEvents in binary mode, and Kafka Connect's names on dead letters.
//!
//! Sources: CloudEvents 1.0 Kafka protocol binding; Kafka Connect's dead-letter queue.

use std::{fmt, str};

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
///
/// All names stand in one allocation and all values in another: each record has eight or more, and is read and written by
/// every stage.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    names: String,
    values: Vec<u8>,
    /// Where each header's name ends and where its value does.
    ends: Vec<(usize, usize)>,
}

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// No headers, with room for as many as an event of ours carries.
    fn with_room() -> Self {
        Self { names: String::with_capacity(128), values: Vec::with_capacity(320), ends: Vec::with_capacity(8) }
    }

    /// Adds one.
    pub fn push(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) {
        self.names.push_str(name.as_ref());
        self.values.extend_from_slice(value.as_ref());
        self.ends.push((self.names.len(), self.values.len()));
    }

    /// Adds one, and returns the whole.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        self.push(name, value);
        self
    }

    /// The last value under `name`.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The last value under `name`, when it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| str::from_utf8(value).ok())
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> {
        (0..self.ends.len()).map(|at| {
            let (name, value) = at.checked_sub(1).map_or((0, 0), |before| self.ends[before]);
            let (name_end, value_end) = self.ends[at];
            (&self.names[name..name_end], &self.values[value..value_end])
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What every record that we write carries, for a Protobuf payload.
    pub fn cloud_event(topic: Topic, id: &str, source: &str, time: &str, traceparent: &str) -> Self {
        let message = topic.message_name();
        Self::with_room()
            .with(name::CONTENT_TYPE, Format::Protobuf.content_type())
            .with(name::CE_SPECVERSION, "1.0")
            .with(name::CE_ID, id)
            .with(name::CE_SOURCE, source)
            .with(name::CE_TYPE, message)
            .with(name::CE_TIME, time)
            .with(name::CE_DATASCHEMA, ["type.googleapis.com/", message].concat())
            .with(crate::trace::TRACEPARENT, traceparent)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, value)| (name, String::from_utf8_lossy(value)))).finish()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        headers.into_iter().fold(Self::with_room(), |all, (name, value)| all.with(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_their_order_and_the_last_of_a_name_counts() {
        let pairs: [(&str, &[u8]); 4] = [("b", b"1"), ("", b""), ("a", &[0xff]), ("b", b"22")];
        let headers: Headers = pairs.into_iter().collect();
        assert_eq!(Vec::from_iter(headers.iter()), pairs);
        assert_eq!(
            (headers.get("b"), headers.get("a"), headers.get("")),
            (Some(&b"22"[..]), Some(&[0xff][..]), Some(&b""[..]))
        );
        assert_eq!((headers.text("b"), headers.text("a"), headers.text("c")), (Some("22"), None, None));
        assert_eq!(headers.len(), 4);
    }

    /// The same bytes in the same order, and divided otherwise.
    #[test]
    fn headers_differ_by_where_a_name_ends() {
        assert_ne!(Headers::new().with("ab", "c"), Headers::new().with("a", "bc"));
        assert_ne!(Headers::new().with("ab", "").with("", "c"), Headers::new().with("a", "c").with("b", ""));
    }
}
