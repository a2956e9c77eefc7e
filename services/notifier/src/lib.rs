//! Who must be told, by which mail, when: an outbox, then SMTP.
//!
//! The [`Notifier`] stage reads screened comments and writes a row per held comment and moderator into an [`Outbox`]; a
//! moderator's decision, or a later screening that needs nobody, withdraws what has not been sent.
//! The [`Sender`] claims rows, asks whether the comment is stored and still undecided ([`Comments`]), writes the mail
//! ([`mail::compose`]) and hands it to a [`Mailer`]. Every mail has a Message-ID that follows from its row, and the same
//! content when it is sent again: a moderator gets at most one extra copy per crash between the server's taking of a
//! mail and the mark in the outbox, and can tell that it is one.

mod comments;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod dkim;
pub mod mail;
pub mod mailer;
mod memory;
mod metrics;
mod outbox;
mod policy;
mod sender;
mod settings;
mod stage;

pub use comments::{Comments, Standing};
pub use mailer::Mailer;
pub use memory::MemoryOutbox;
pub use outbox::{Claim, Claimed, Depth, Fate, NewMail, Outbox, OutboxError, Settlement, row_id};
pub use policy::{Email, EmailError, Moderator, Policy, PolicyError};
pub use sender::Sender;
pub use settings::{Backend, Dkim, Security, Settings, SettingsError, Smtp};
pub use stage::{Input, Nothing, Notifier};

#[cfg(test)]
#[path = "../tests/it/samples.rs"]
mod samples;
