//! Saves comments once, applies moderators' decisions, and answers who asks for them.
//!
//! [`Store`] is the seam that two databases stand behind. What follows from a batch is decided in one place for both
//! ([`decide`]): a database loads what it holds about the batch, and writes what was decided, under constraints that let
//! only one of two win.

mod cursor;
mod model;
mod parse;
mod stage;
mod time;

#[cfg(feature = "contract-tests")]
#[doc(hidden)]
pub mod contract;
pub mod decide;
pub mod decision_log;
pub mod inspect;
pub mod ledger;
pub mod row;
pub mod tree;

pub use cursor::CursorError;
pub use model::*;
pub use parse::{lower_case, parse};
pub use stage::{CommentStore, Input, Output};
