//! Is this a comment at all? Parses an event into a typed, sanitised comment, or says what is wrong with each field.
//!
//! [`check_fields`] is pure: the gateway calls it to answer at once, and the [`Validator`] calls it again, since events
//! come from other publishers too. What needs history (is this id known, does the parent exist, was the same said
//! before, was it said too fast) the [`Validator`] asks of a [`History`] once per batch, and of its own memory of what
//! is still in flight.

mod address;
mod clean;
mod error;
mod fields;
mod fingerprint;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod judge;
mod markdown;
mod output;
mod policy;
mod recent;
mod stage;

pub use error::{Code, Field, FieldError};
pub use fields::{Fields, check_fields};
pub use fingerprint::Fingerprint;
pub use history::{Facts, History, Parent, Query};
pub use output::Output;
pub use policy::{Policy, UrlScheme};
pub use stage::Validator;
