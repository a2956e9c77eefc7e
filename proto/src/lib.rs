//! The contract between the workers: typed messages, the topic and key of each, the headers around them,
//! the tokens in moderators' links, and a screening in a moderator's words.
//!
//! Payloads are Protobuf, or its proto3 JSON mapping; which one, the `content-type` header says.

mod event;
pub mod findings;
pub mod headers;
mod time;
pub mod token;
mod topic;
pub mod trace;

pub use event::{DecodeError, Event, Format, Message, json_detail, thread_key};
pub use time::{from_millis, millis, now};
pub use topic::Topic;

/// The generated messages; their documentation is in `proto/rejoinder/v1/*.proto`.
#[allow(missing_docs, clippy::all, clippy::unwrap_used, rust_2018_idioms)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/rejoinder.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/rejoinder.v1.serde.rs"));
}

/// A point in time as the messages carry it.
pub use pbjson_types::Timestamp;
