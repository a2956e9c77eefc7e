//! Saves comments once, applies moderators' decisions, and answers who asks for them.

mod model;

pub use model::*;
