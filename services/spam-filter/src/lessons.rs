//! What moderators decided, as the filter learns it.
//!
//! A comment has one lesson: that of the last decision about it by the time of deciding, in whatever order decisions come.
//! A withdrawal voids what was decided about its comment up to its time, a reset what was decided about the site; so what is
//! taken back stays so, also when an older decision comes later. The lessons stand in the order in which the log has them,
//! and follow from it alone: every replica that has read the same part of the log has the same.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use rejoinder_pipeline::Transient;
use rejoinder_proto::v1::Comment;

/// Of so many comments of a site the last decision is remembered. A few tens of megabytes; what a site's spam looks like
/// changes faster than a site decides on so many.
pub const REMEMBERED: usize = 20_000;

/// What the filter asks about moderators' decisions.
#[async_trait]
pub trait Decisions: Send + Sync {
    /// At most `limit` rows of the decision log with numbers above `seq`, of all sites, in the order of their numbers. What
    /// comes later has higher numbers, so that whoever goes on from the last one misses none.
    async fn decisions_after(&self, seq: i64, limit: u32) -> Result<Vec<Taught>, Transient>;
}

/// A row of the decision log.
#[derive(Clone, Debug, PartialEq)]
pub struct Taught {
    /// Its number, above zero, rising.
    pub seq: i64,
    /// The site.
    pub site: String,
    /// The comment's id; one of its own for a reset.
    pub id: String,
    /// What is to be learned.
    pub lesson: Lesson,
    /// Who decided.
    pub moderator: String,
    /// When, in microseconds since 1970.
    pub decided_at: i64,
}

/// What is to be learned from a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Lesson {
    /// It was approved.
    Ham(Box<Comment>),
    /// It was called spam.
    Spam(Box<Comment>),
    /// It was taken away for a reason that says nothing about spam: nothing.
    Trash,
    /// What was decided about this comment up to then is void.
    Withdrawn,
    /// What was decided about the site up to then is void.
    Reset,
}

/// What a learner that holds the lessons so far has to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change<'a> {
    /// Learn this comment too; `true` says that it is spam.
    Append(&'a Comment, bool),
    /// Learn all of [`Lessons::iter`] anew: something that was learned does not count any more.
    Rebuild,
    /// Nothing.
    Nothing,
}

/// The lessons of one site.
#[derive(Clone, Debug)]
pub struct Lessons {
    limit: usize,
    known: HashMap<String, Known>,
    /// The ids in the order of [`Known::place`].
    order: BTreeMap<i64, String>,
    /// The time of the last reset.
    reset: i64,
}

/// What is known about a comment.
#[derive(Clone, Debug)]
struct Known {
    /// The number of the row that said so first.
    place: i64,
    /// The last decision: when, which, by whom. On a tie the higher action counts, then the moderator's name, as in the store.
    last: Option<(i64, u8, String)>,
    lesson: Option<(Box<Comment>, bool)>,
    /// The time of the last withdrawal.
    withdrawn: i64,
}

impl Default for Lessons {
    fn default() -> Self {
        Self::new(REMEMBERED)
    }
}

impl Lessons {
    /// None so far; of at most `limit` comments something is remembered.
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), known: HashMap::new(), order: BTreeMap::new(), reset: i64::MIN }
    }

    /// The comments to learn, the first one first; `true` says that it is spam.
    pub fn iter(&self) -> impl Iterator<Item = (&Comment, bool)> {
        self.order.values().filter_map(|id| self.known.get(id)?.taught(self.reset))
    }

    /// Whether a row of the log is what is learned about its comment.
    pub fn holds(&self, taught: &Taught) -> bool {
        let known = self.known.get(&taught.id).filter(|known| known.taught(self.reset).is_some());
        known.is_some_and(|known| known.last == key(taught))
    }

    /// Takes the next row of the site's log, and says what follows for a learner that has learned [`Lessons::iter`] as it was.
    pub fn apply(&mut self, taught: Taught) -> Change<'_> {
        if taught.lesson == Lesson::Reset {
            return self.forget(taught.decided_at);
        }
        let (place, id) = (taught.seq, taught.id.clone());
        let fresh = || Known { place, last: None, lesson: None, withdrawn: i64::MIN };
        let known = self.known.entry(id.clone()).or_insert_with(fresh);
        let before = known.taught(self.reset).map(|(_, spam)| spam);
        known.take(taught, self.reset);
        let after = known.taught(self.reset).map(|(_, spam)| spam);
        if before != after {
            // What is said anew stands where it is said.
            self.order.remove(&known.place);
            known.place = place;
        }
        self.order.insert(known.place, id.clone());
        let dropped = self.drop_oldest();
        match (before, after) {
            _ if dropped => Change::Rebuild,
            (None, Some(_)) => {
                self.learned(&id).map_or(Change::Nothing, |(comment, spam)| Change::Append(comment, spam))
            }
            (before, after) if before == after => Change::Nothing,
            _ => Change::Rebuild,
        }
    }

    fn learned(&self, id: &str) -> Option<(&Comment, bool)> {
        self.known.get(id)?.taught(self.reset)
    }

    fn forget(&mut self, up_to: i64) -> Change<'_> {
        let before = self.iter().count();
        self.reset = self.reset.max(up_to);
        if self.iter().count() == before { Change::Nothing } else { Change::Rebuild }
    }

    /// Makes room by a tenth at once, since whoever learned what goes has to learn the rest anew. Whether any of it counted.
    fn drop_oldest(&mut self) -> bool {
        if self.order.len() <= self.limit {
            return false;
        }
        let mut counted = false;
        while self.order.len() > self.limit - self.limit / 10
            && let Some((_, id)) = self.order.pop_first()
        {
            counted |= self.known.remove(&id).is_some_and(|known| known.taught(self.reset).is_some());
        }
        counted
    }
}

impl Known {
    /// What is learned of it, when the site was last reset at `reset`.
    fn taught(&self, reset: i64) -> Option<(&Comment, bool)> {
        let (at, ..) = self.last.as_ref()?;
        let (comment, spam) = self.lesson.as_ref().filter(|_| *at > reset && *at > self.withdrawn)?;
        Some((comment, *spam))
    }

    fn take(&mut self, taught: Taught, reset: i64) {
        if taught.lesson == Lesson::Withdrawn {
            self.withdrawn = self.withdrawn.max(taught.decided_at);
            return;
        }
        let key = key(&taught);
        if self.last >= key {
            return;
        }
        let counted = self.taught(reset).is_some();
        self.last = key;
        self.lesson = match (taught.lesson, self.lesson.take().filter(|_| counted)) {
            // Said again: the comment that was learned stays the one that counts.
            (Lesson::Ham(_), Some((comment, false))) => Some((comment, false)),
            (Lesson::Spam(_), Some((comment, true))) => Some((comment, true)),
            (Lesson::Ham(comment), _) => Some((comment, false)),
            (Lesson::Spam(comment), _) => Some((comment, true)),
            (Lesson::Trash | Lesson::Withdrawn | Lesson::Reset, _) => None,
        };
    }
}

/// What orders decisions about a comment; none for what takes something back.
fn key(taught: &Taught) -> Option<(i64, u8, String)> {
    let action = match taught.lesson {
        Lesson::Ham(_) => 1,
        Lesson::Spam(_) => 2,
        Lesson::Trash => 3,
        Lesson::Withdrawn | Lesson::Reset => return None,
    };
    Some((taught.decided_at, action, taught.moderator.clone()))
}

#[cfg(test)]
mod tests;
