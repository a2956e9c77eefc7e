//! What the fuzz targets compare.

pub use crate::markdown::both_ways;
