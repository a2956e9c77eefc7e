//! The validator from outside.

mod fields;
mod sanitised;
mod scripts;
mod stage;
mod support;
