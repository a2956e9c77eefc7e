//! Where a comment stands in its thread, also when its parent comes after it.
//!
//! A reply whose parent is not there stands at the top level and waits for it, and so does every reply below: each carries
//! the id that its branch waits for, and the branch is found by that. The parent's own row, awaited or come, is where the
//! two meet: a reply makes sure that there is one, so that whoever brings the parent cannot miss that it is waited for.

use uuid::Uuid;

use super::Batch;
use crate::{
    ledger::Parent,
    row::{Row, RowState},
    tree,
};

/// A stored comment that has just come.
struct Arrived<'a> {
    site: &'a str,
    thread: &'a str,
    path: Vec<u8>,
    waits_for: Option<Uuid>,
}

impl Arrived<'_> {
    /// Takes a comment of a branch that waited for this one under itself, when it belongs here.
    fn take(&self, (site, thread): (&str, &str), path: &mut Vec<u8>, waits_for: &mut Option<Uuid>) {
        if (self.site, self.thread) == (site, thread) {
            *path = tree::under(&self.path, path);
            *waits_for = self.waits_for;
        }
    }
}

impl<'a> Batch<'a> {
    /// Finds the place of a new comment.
    pub(super) fn place(&mut self, row: &mut Row<'a>) {
        row.path = tree::path(None, row.submitted_at, row.origin.1, row.id);
        let Some(parent) = row.parent.filter(|parent| *parent != row.id) else { return };
        let is_here = |site: &str, thread: &str| site == row.site && thread == row.thread;
        let (path, waits_for) = match self.fresh.get(&parent).map(|&at| &self.rows[at]) {
            Some(parent) if parent.state == RowState::Awaited => return row.waits_for = Some(parent.id),
            Some(parent) if parent.state == RowState::Rejected || !is_here(parent.site, parent.thread) => return,
            Some(parent) => (&parent.path, parent.waits_for),
            None => match self.ledger.parents.get(&parent) {
                None => {
                    self.put(Row::awaited(parent));
                    return row.waits_for = Some(parent);
                }
                Some(Parent::Awaited) => return row.waits_for = Some(parent),
                Some(Parent::Stored(place)) if is_here(&place.site, &place.thread) => (&place.path, place.waits_for),
                Some(Parent::Stored(_) | Parent::Rejected) => return,
            },
        };
        // Comments that answer each other in a circle, which only ids made up beforehand can do: the last one opens it.
        if waits_for != Some(row.id) {
            row.path = tree::under(path, &row.path);
            row.waits_for = waits_for;
        }
    }

    /// Somebody waits for a row that has just been put: the branches move under it. Those that do not belong there, or find
    /// that it was rejected, stay where they are and wait no more.
    pub(super) fn settle(&mut self, at: usize) {
        let id = self.rows[at].id;
        let (held, fresh) = (self.ledger.waiting.remove(&id), self.waiting.remove(&id));
        if held.is_none() && fresh.is_none() {
            return;
        }
        let Row { state, site, thread, ref path, waits_for, .. } = self.rows[at];
        let stored = matches!(state, RowState::Stored(_));
        let arrived = stored.then(|| Arrived { site, thread, path: path.clone(), waits_for });
        for (waiting, mut place) in held.into_iter().flatten() {
            place.waits_for = None;
            if let Some(arrived) = &arrived {
                arrived.take((&place.site, &place.thread), &mut place.path, &mut place.waits_for);
            }
            self.moved.insert(waiting, (place.path.clone(), place.waits_for));
            // Later replies of the batch find it in its new place.
            if let Some(parent @ Parent::Stored(_)) = self.ledger.parents.get_mut(&waiting) {
                *parent = Parent::Stored(place.clone());
            }
            if let Some(next) = place.waits_for {
                self.ledger.waiting.entry(next).or_default().push((waiting, place));
            }
        }
        for waiting in fresh.into_iter().flatten() {
            let row = &mut self.rows[waiting];
            row.waits_for = None;
            if let Some(arrived) = &arrived {
                arrived.take((row.site, row.thread), &mut row.path, &mut row.waits_for);
            }
            if let Some(next) = row.waits_for {
                self.waiting.entry(next).or_default().push(waiting);
            }
        }
    }
}
