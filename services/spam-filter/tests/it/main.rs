//! The spam filter from outside.

mod bounds;
mod languages;
mod model;
mod normal;
mod policy;
mod signals;
mod stage;
mod support;
mod wordpress;
