//! How a stage runs.
//!
//! A [`Stage`] sees events and returns outcomes; it never sees the log. [`runner::run`] polls a batch from a
//! [`Consumer`], hands it to the stage, and commits the outputs together with the offsets. Two logs stand behind one
//! seam ([`log::Log`]): Apache Kafka ([`kafka::KafkaLog`]) and a SQLite file ([`sqlite::SqliteLog`]).

mod dead_letter;
pub mod files;
pub mod health;
#[cfg(feature = "kafka")]
pub mod kafka;
/// Without librdkafka only the settings are here, so that every configuration can be read.
#[cfg(not(feature = "kafka"))]
#[allow(dead_code)] // What the clients use of them.
pub mod kafka {
    mod settings;
    pub use self::settings::{KafkaSettings, MAX_RECORD_BYTES};
}
mod live;
pub mod log;
pub mod moment;
mod record;
pub mod runner;
pub mod spans;
pub mod sqlite;
mod stage;
pub mod telemetry;
mod window;

pub use dead_letter::{is_for, replayed, settled, to_dead_letter};
pub use live::{Live, Seat};
pub use log::{
    BatchLimits, Consumer, Follower, Log, LogError, Publisher, Range, Reader, Records, Transactor, Unavailable,
};
pub use record::{Delivered, Position, Progress, Record, Span};
pub use stage::{Outcome, Reason, Received, Stage, Transient};
pub use window::Window;
