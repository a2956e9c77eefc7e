//! Waves: comments that say nearly the same, over many threads and sites and from many addresses.
//!
//! A comment leaves a [`Sample`] in the [`Index`], a few hundred bytes without a word of its text. Samples belong together
//! when their [`sketch`]es are alike, or when they share an [anchor](anchors) and are somewhat alike; what hangs together
//! so is a campaign once it is large enough. All of this is in memory and bounded, and follows from what stands in the
//! log: whoever reads the same records knows the same campaigns.

mod alike;
mod anchors;
mod clusters;
mod decided;
mod follow;
mod following;
mod index;
mod learning;
mod model;
mod sample;
mod shared;
mod sketch;
mod standing;
mod table;

pub use follow::follow;
pub use following::{Following, Members, without_campaign};
pub use index::Index;
pub use learning::Learning;
pub use model::{Campaign, Limits, Seen, Stands};
pub use sample::Sample;
pub use shared::Campaigns;
pub use standing::{Decisions, Standing, Tally, Word};

use std::hash::{DefaultHasher, Hash, Hasher};

/// A hash for use within this process.
fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
