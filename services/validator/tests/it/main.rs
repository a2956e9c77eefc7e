//! The validator from outside.

mod fields;
mod parents;
mod sanitised;
mod scripts;
mod stage;
mod support;
