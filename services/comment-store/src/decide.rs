//! What follows from a batch, given what the database holds: plain code, the same for every database.
//!
//! The rules:
//! - The first word about an id stands: a stored comment is never overwritten by a rejection, nor a rejection by a comment.
//! - The same submitted event again (same origin) gets the same answer again; a second copy of the id gets none.
//! - Of two comments with one fingerprint, the first is kept, unless it lies in the trash; the other becomes a rejection.
//! - Of the decisions about a comment the last by event time is in force, in whatever order they come. On a tie the
//!   higher action counts, then the moderator's name.
//! - A reply may come before its parent: it stands at the top level, and waits. When the parent comes, on the same thread,
//!   the reply moves under it with everything that hangs below.
//! - A later screening takes the place of an earlier one, in whatever order they come. The state follows it while nobody has
//!   decided: a decision always wins.
//! - A decision does not bring a comment back from the trash while another copy of it stands: the decision is kept, the
//!   comment stays in the trash, and readers never see one comment twice. The other copy can be decided on instead.

mod place;
mod rescreen;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use rejoinder_proto::v1;
use uuid::Uuid;

use crate::{
    Saved, State, StoreError,
    decision_log::Entry,
    ledger::{Effect, Ledger, Writes},
    row::{DecisionKey, Item, Reported, Row, RowState, errors_to},
};

/// Decides a batch in order.
pub fn decide<'a>(items: &[Item<'a>], ledger: Ledger) -> Result<(Vec<Saved>, Writes<'a>), StoreError> {
    let mut batch = Batch {
        ledger,
        rows: Vec::new(),
        fresh: HashMap::new(),
        waiting: HashMap::new(),
        writes: Writes::default(),
        states: BTreeMap::new(),
        moved: BTreeMap::new(),
        rescreened: BTreeMap::new(),
    };
    let answers = items.iter().map(|item| batch.item(item)).collect::<Result<_, _>>()?;
    Ok((answers, batch.finish()))
}

struct Batch<'a> {
    ledger: Ledger,
    rows: Vec<Row<'a>>,
    /// The rows of this batch, by id: places in `rows`.
    fresh: HashMap<Uuid, usize>,
    /// Those of them that wait for a comment, by its id.
    waiting: HashMap<Uuid, Vec<usize>>,
    writes: Writes<'a>,
    /// The final states of rows that the database holds and this batch changes.
    states: BTreeMap<Uuid, State>,
    /// The final places of rows that the database holds and this batch moves.
    moved: BTreeMap<Uuid, (Vec<u8>, Option<Uuid>)>,
    /// The last screenings of rows that the database holds and this batch screens again.
    rescreened: BTreeMap<Uuid, Row<'a>>,
}

impl<'a> Batch<'a> {
    fn item(&mut self, item: &Item<'a>) -> Result<Saved, StoreError> {
        match item {
            Item::Comment(row) => self.comment(row),
            Item::Rejection(row) => {
                if self.state(row.id).is_none_or(|state| state == RowState::Awaited) {
                    self.put(Row::clone(row));
                }
                Ok(Saved::Quiet)
            }
            Item::Decision(id, key, reported) => self.decision(*id, key, reported.as_ref()),
            Item::Lesson(entry) => {
                self.writes.log.push(entry.clone());
                Ok(Saved::Quiet)
            }
        }
    }

    fn comment(&mut self, row: &Row<'a>) -> Result<Saved, StoreError> {
        if self.state(row.id).is_some_and(|state| state != RowState::Awaited) {
            return self.again(row);
        }
        let mut row = row.clone();
        let decision = self.ledger.decisions.get(&row.id).and_then(|decisions| decisions.keys().next_back());
        let decided_at = decision.map(|decision| decision.at);
        let by_filter = row.state;
        row.state = decision.map_or(Ok(row.state), |decision| after(decision).map(RowState::Stored))?;
        if row.state != RowState::Stored(State::Trash) {
            if self.ledger.holders.contains_key(row.fingerprint) {
                let row = duplicate(&row);
                let rejection = row.rejection()?;
                self.put(row);
                return Ok(Saved::Duplicate(rejection));
            }
            self.ledger.holders.insert(row.fingerprint.to_vec(), row.id);
        }
        self.place(&mut row);
        let visible = row.state == RowState::Stored(State::Approved);
        let decisions = self.ledger.decisions.get(&row.id).into_iter().flat_map(|decisions| decisions.keys());
        self.writes.log.extend(decisions.map(|decision| Entry::stored(row.id, decision)));
        if row.revision > 0 {
            return Ok(self.screened_late(row, visible));
        }
        if visible {
            row.announced_at = if by_filter == row.state { Some(row.submitted_at) } else { decided_at };
        }
        let answer = announced(row.announced_at, |at| row.event(v1::Visibility::Visible, at));
        self.put(row);
        Ok(answer)
    }

    fn decision(&mut self, id: Uuid, key: &DecisionKey, reported: Option<&Reported<'_>>) -> Result<Saved, StoreError> {
        let stored = matches!(self.state(id), Some(RowState::Stored(_)));
        if let Some(reported) = reported.filter(|_| !stored) {
            // Nothing to decide about here, only to learn from.
            self.writes.log.push(Entry::reported(id, key, reported));
            return Ok(Saved::Quiet);
        }
        let known = self.ledger.decisions.entry(id).or_default();
        let effect = match known.get(key) {
            Some(effect) => *effect,
            None => {
                let is_latest = known.keys().next_back().is_none_or(|latest| latest < key);
                let effect = if is_latest { self.apply(id, after(key)?) } else { Effect::Quiet };
                self.ledger.decisions.entry(id).or_default().insert(key.clone(), effect);
                self.writes.decisions.push((id, key.clone(), effect));
                if stored {
                    self.writes.log.push(Entry::stored(id, key));
                }
                effect
            }
        };
        if self.state(id).is_none() {
            self.put(Row::awaited(id));
        }
        Ok(self.tell(id, effect, key.at))
    }

    /// What readers are told of a comment that came or went.
    fn tell(&self, id: Uuid, effect: Effect, at: DateTime<Utc>) -> Saved {
        let visibility = match effect {
            Effect::Quiet => return Saved::Quiet,
            Effect::Visible => v1::Visibility::Visible,
            Effect::Removed => v1::Visibility::Removed,
        };
        match (self.fresh.get(&id), self.ledger.rows.get(&id)) {
            (Some(&row), _) => Saved::Published(Box::new(self.rows[row].event(visibility, at))),
            (None, Some(held)) => Saved::Published(Box::new(told(held.event.clone(), visibility, at))),
            (None, None) => Saved::Quiet,
        }
    }

    /// Brings a stored comment into the state that the latest decision wants, where that is possible.
    fn apply(&mut self, id: Uuid, wanted: State) -> Effect {
        let Some(RowState::Stored(before)) = self.state(id) else { return Effect::Quiet };
        let fingerprint = match (self.fresh.get(&id), self.ledger.rows.get(&id)) {
            (Some(&at), _) => self.rows[at].fingerprint.to_vec(),
            (None, held) => held.map(|held| held.fingerprint.clone()).unwrap_or_default(),
        };
        let another = self.ledger.holders.get(&fingerprint).is_some_and(|holder| *holder != id);
        let state = if wanted != State::Trash && another { State::Trash } else { wanted };
        match state {
            State::Trash if another => {}
            State::Trash => drop(self.ledger.holders.remove(&fingerprint)),
            _ => drop(self.ledger.holders.insert(fingerprint, id)),
        }
        self.change(id, state);
        Effect::between(before, state)
    }

    fn change(&mut self, id: Uuid, state: State) {
        if let Some(&at) = self.fresh.get(&id) {
            self.rows[at].state = RowState::Stored(state);
        } else if let Some(held) = self.ledger.rows.get_mut(&id) {
            held.state = RowState::Stored(state);
            self.states.insert(id, state);
        }
    }

    fn state(&self, id: Uuid) -> Option<RowState> {
        let fresh = self.fresh.get(&id).map(|&at| self.rows[at].state);
        fresh.or_else(|| self.ledger.rows.get(&id).map(|held| held.state))
    }

    /// Adds a row, in the place of an awaited one.
    fn put(&mut self, row: Row<'a>) {
        let (id, waits_for) = (row.id, row.waits_for);
        let at = match self.fresh.get(&id) {
            Some(&at) => {
                self.rows[at] = row;
                at
            }
            None => {
                if self.ledger.rows.remove(&id).is_some() {
                    self.writes.replaced.push(id);
                }
                self.fresh.insert(id, self.rows.len());
                self.rows.push(row);
                self.rows.len() - 1
            }
        };
        if let Some(awaited) = waits_for {
            self.waiting.entry(awaited).or_default().push(at);
        }
        if self.rows[at].state != RowState::Awaited {
            self.settle(at);
        }
    }

    fn finish(mut self) -> Writes<'a> {
        for (id, state) in self.states {
            match state {
                State::Trash => self.writes.trashed.push(id),
                _ => self.writes.changed.push((id, state)),
            }
        }
        self.writes.moved = self.moved.into_iter().map(|(id, (path, waits_for))| (id, path, waits_for)).collect();
        self.writes.rescreened = self.rescreened.into_values().collect();
        // Databases lock as they insert: in one order for all, so that two batches wait for each other in one direction.
        self.rows.sort_unstable_by(|a, b| (a.fingerprint, a.id).cmp(&(b.fingerprint, b.id)));
        self.writes.rows = self.rows;
        self.writes
    }
}

fn after(decision: &DecisionKey) -> Result<State, StoreError> {
    match v1::Action::try_from(i32::from(decision.action)) {
        Ok(v1::Action::Approve) => Ok(State::Approved),
        Ok(v1::Action::Spam) => Ok(State::Spam),
        Ok(v1::Action::Trash) => Ok(State::Trash),
        Ok(v1::Action::Unspecified | v1::Action::Withdraw | v1::Action::Reset) | Err(_) => {
            Err(StoreError::Refused(format!("{} is no action that decides about a comment", decision.action)))
        }
    }
}

fn announced(at: Option<DateTime<Utc>>, event: impl FnOnce(DateTime<Utc>) -> v1::CommentPublished) -> Saved {
    at.map_or(Saved::Quiet, |at| Saved::Published(Box::new(event(at))))
}

fn told(event: v1::CommentPublished, visibility: v1::Visibility, at: DateTime<Utc>) -> v1::CommentPublished {
    v1::CommentPublished { visibility: visibility.into(), changed_at: Some(crate::time::to_message(at)), ..event }
}

/// The rejection of a comment that says again what another one says.
fn duplicate<'a>(comment: &Row<'a>) -> Row<'a> {
    let error = v1::FieldError {
        field: "body".into(),
        code: "duplicate".into(),
        message: "You have said this here already; say something new, or wait until your first comment appears.".into(),
    };
    Row {
        state: RowState::Rejected,
        site: comment.site,
        thread: comment.thread,
        submitted_at: comment.submitted_at,
        origin: comment.origin,
        revision: comment.revision,
        errors: errors_to(&[error]),
        ..Row::awaited(comment.id)
    }
}

#[cfg(test)]
mod tests;
