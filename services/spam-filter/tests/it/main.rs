//! The spam filter from outside.

mod bounds;
mod campaign;
mod external;
mod following;
mod hindsight;
mod languages;
mod model;
mod normal;
mod policy;
mod signals;
mod stage;
mod support;
mod trials;
mod wave;
mod wordpress;
