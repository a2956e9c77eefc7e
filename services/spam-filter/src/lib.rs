//! Approve, hold or spam, with every signal that spoke.
//!
//! A comment is read once (`Reading`): what a reader sees of it, in the form in which texts are compared, and its
//! links. Then each kind of evidence adds its [`Signal`]s, weighed by the site's [`Policy`]; [`decide`] turns them into
//! a verdict. [`screen`] does it for one comment, and [`SpamFilter`] is the pipeline's stage around it.
//!
//! A learned model has its seat in [`Facts::model`]: its [`ModelScore`] becomes the signal `learned`. [`Minds`] keeps it, with
//! what each site's moderators have taught.

mod bytes;
pub mod campaign;
mod decide;
pub mod external;
mod fold;
mod hindsight;
mod html;
mod lessons;
mod links;
mod minds;
pub mod model;
pub mod normal;
mod policy;
mod reading;
mod rules;
mod screen;
pub mod signals;
mod stage;
mod trial;
mod word_list;

pub use decide::{Signal, decide, strongest_first};
pub use hindsight::{author_then, screen_again};
pub use lessons::{Change, Decisions, Lesson, Lessons, REMEMBERED, Taught};
pub use minds::{Follower, Minds};
pub use policy::{Mode, Policy, PolicyError};
pub use reading::Reading;
pub use rules::Rules;
pub use screen::{Facts, ModelScore, screen, screen_read, verdict};
pub use stage::{History, Screening, SpamFilter};
pub use trial::Trials;
