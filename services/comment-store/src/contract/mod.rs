//! What every database behind [`crate::Store`] must do; each database's crate runs it against itself.

mod asking;
mod deciding;
mod inspecting;
mod learning;
mod overtaking;
mod racing;
mod reading;
mod rescreening;
mod samples;
mod saving;

use std::{future::Future, pin::Pin, sync::Arc};

use crate::inspect::Inspect;

pub use samples::{Sample, rejected};

/// A database that nothing else uses, through two stores with connections of their own.
#[derive(Clone)]
pub struct Fixture {
    /// One store.
    pub store: Arc<dyn Inspect>,
    /// Another one on the same database, as a second process has it.
    pub second: Arc<dyn Inspect>,
}

type Case = fn(Fixture) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs every case, each on a database that `fresh` makes for it, and panics in the end with the names of those that failed.
pub async fn all(mut fresh: impl AsyncFnMut() -> Fixture) {
    let mut failed = Vec::new();
    for (name, case) in cases() {
        eprintln!("contract: {name}");
        if tokio::spawn(case(fresh().await)).await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these cases failed, see above: {failed:#?}");
}

fn cases() -> Vec<(&'static str, Case)> {
    vec![
        ("a batch again answers the same", |f| Box::pin(saving::again(f))),
        ("a second copy of an id is quiet", |f| Box::pin(saving::second_copy(f))),
        ("the first word about an id stands", |f| Box::pin(saving::first_word(f))),
        ("the same words twice are a duplicate", |f| Box::pin(saving::duplicate(f))),
        ("text, numbers and times come back as they were", |f| Box::pin(saving::round_trip(f))),
        ("what cannot be is refused whole", |f| Box::pin(saving::refused(f))),
        ("nothing is something too", |f| Box::pin(saving::nothing(f))),
        ("ten thousand at once", |f| Box::pin(saving::large(f))),
        ("two writers, one comment twice", |f| Box::pin(racing::twins(f))),
        ("two writers, the same batch", |f| Box::pin(racing::zombie(f))),
        ("two writers, a comment and its rejection", |f| Box::pin(racing::fates(f))),
        ("two writers, a comment and its decision", |f| Box::pin(racing::decisions(f))),
        ("two writers, a restored comment and a new copy", |f| Box::pin(racing::restored(f))),
        ("decisions before their comment", |f| Box::pin(deciding::early(f))),
        ("decisions and comments in one batch", |f| Box::pin(deciding::one_batch(f))),
        ("the last decision counts in any order", |f| Box::pin(deciding::permutations(f))),
        ("what goes away and comes back is said", |f| Box::pin(deciding::removed(f))),
        ("a rejected comment stays rejected", |f| Box::pin(deciding::rejected(f))),
        ("the trash frees the words, and restoring waits for them", |f| Box::pin(deciding::trash(f))),
        ("a thread in tree order, in pages of any size", |f| Box::pin(reading::tree(f))),
        ("those of one millisecond as they were produced", |f| Box::pin(reading::same_instant(f))),
        ("parents that are not there", |f| Box::pin(reading::missing_parents(f))),
        ("a deep thread stays in order", |f| Box::pin(reading::deep(f))),
        ("a reply that overtakes its parent is adopted", |f| Box::pin(overtaking::adopted(f))),
        ("a reply waits at the top level", |f| Box::pin(overtaking::waiting(f))),
        ("a thread in any order of arrival", |f| Box::pin(overtaking::any_order(f))),
        ("a reply whose parent comes elsewhere", |f| Box::pin(overtaking::misfits(f))),
        ("comments that answer each other in a circle", |f| Box::pin(overtaking::circles(f))),
        ("two writers, a reply and its parent", |f| Box::pin(overtaking::races(f))),
        ("recent comments", |f| Box::pin(reading::recent(f))),
        ("counts", |f| Box::pin(reading::counts(f))),
        ("fates", |f| Box::pin(reading::fates(f))),
        ("facts about the id, the parent and the words", |f| Box::pin(asking::facts(f))),
        ("facts about the last comment", |f| Box::pin(asking::last_comment(f))),
        ("previously approved", |f| Box::pin(asking::previously_approved(f))),
        ("approved before a time", |f| Box::pin(asking::approved_before(f))),
        ("a tally", |f| Box::pin(asking::tally(f))),
        ("a later screening takes the place of an earlier one", |f| Box::pin(rescreening::replaces(f))),
        ("screenings and decisions in any order", |f| Box::pin(rescreening::any_order(f))),
        ("a later screening of nothing, of a copy and of a rejection", |f| Box::pin(rescreening::misfits(f))),
        ("every decision is learned once", |f| Box::pin(learning::once(f))),
        ("a decision about what is not stored is learned", |f| Box::pin(learning::reported(f))),
        ("what is taken back is kept", |f| Box::pin(learning::taken_back(f))),
        ("a follower misses nothing", |f| Box::pin(learning::followed(f))),
        ("comments since a time, and of a campaign", |f| Box::pin(learning::looked_through(f))),
        ("what is known of ids", |f| Box::pin(inspecting::known(f))),
        ("rows and decisions in pages", |f| Box::pin(inspecting::pages(f))),
        ("a checksum", |f| Box::pin(inspecting::checksums(f))),
        ("a checksum that every database gives", |f| Box::pin(inspecting::canonical(f))),
    ]
}
