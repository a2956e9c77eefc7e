//! Asks a service that speaks Akismet what it thinks of a comment.
//!
//! This is the only place from which the filter speaks to the outside. Readers' words, names and addresses go to whoever
//! runs that service, so no site asks it unless its configuration says so: see `docs/akismet.md`.

mod client;
mod settings;

pub use client::{AkismetCheck, ClientError};
pub use settings::{Settings, SettingsError};
