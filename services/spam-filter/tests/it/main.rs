//! The spam filter from outside.

mod bounds;
mod external;
mod languages;
mod normal;
mod policy;
mod signals;
mod stage;
mod support;
mod wordpress;
