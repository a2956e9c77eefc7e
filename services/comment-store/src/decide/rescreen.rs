//! A comment that is known comes again: the same screening, another copy of it, or a later screening.

use rejoinder_proto::v1;

use super::{Batch, announced, told};
use crate::{
    Saved, StoreError,
    ledger::Effect,
    row::{Row, RowState},
};

impl<'a> Batch<'a> {
    /// The answer to a screening of an id that is known.
    pub(super) fn again(&mut self, row: &Row<'a>) -> Result<Saved, StoreError> {
        let (origin, revision, state) = match (self.fresh.get(&row.id), self.ledger.rows.get(&row.id)) {
            (Some(&at), _) => (self.rows[at].origin, self.rows[at].revision, self.rows[at].state),
            (None, Some(held)) => (held.origin, held.revision, held.state),
            (None, None) => return Ok(Saved::Quiet),
        };
        match state {
            _ if origin != row.origin => Ok(Saved::Quiet),
            // Said by the screening that brought it, whichever that was.
            RowState::Rejected if revision == row.revision => self.rejected(row),
            RowState::Rejected | RowState::Awaited => Ok(Saved::Quiet),
            RowState::Stored(_) if row.revision == 0 => Ok(self.announced(row)),
            RowState::Stored(before) => {
                let effect = match self.ledger.rescreenings.get(&(row.id, row.revision)) {
                    Some(effect) => *effect,
                    None if row.revision <= revision => Effect::Quiet,
                    None => {
                        let decided = self.ledger.decisions.get(&row.id).is_some_and(|decisions| !decisions.is_empty());
                        let after = match row.state {
                            RowState::Stored(state) if !decided => state,
                            _ => before,
                        };
                        if after != before {
                            self.change(row.id, after);
                        }
                        self.replace(row);
                        self.keep(row, Effect::between(before, after))
                    }
                };
                Ok(self.tell(row.id, effect, row.screened_at()))
            }
        }
    }

    /// Puts a comment of which a later screening has overtaken the first one, and gives the answer.
    pub(super) fn screened_late(&mut self, row: Row<'a>, visible: bool) -> Saved {
        let (id, at) = (row.id, row.screened_at());
        let effect = self.keep(&row, if visible { Effect::Visible } else { Effect::Quiet });
        self.put(row);
        self.tell(id, effect, at)
    }

    fn keep(&mut self, row: &Row<'a>, effect: Effect) -> Effect {
        self.ledger.rescreenings.insert((row.id, row.revision), effect);
        self.writes.rescreenings.push((row.id, row.revision, effect));
        effect
    }

    /// The later screening takes the place of the earlier one.
    fn replace(&mut self, row: &Row<'a>) {
        if let Some(&at) = self.fresh.get(&row.id) {
            let Row { verdict, signals, score, policy_version, model_version, revision, campaign, .. } = row.clone();
            let kept = &mut self.rows[at];
            (kept.verdict, kept.signals, kept.score) = (verdict, signals, score);
            (kept.policy_version, kept.model_version) = (policy_version, model_version);
            (kept.revision, kept.campaign) = (revision, campaign);
        } else if let Some(held) = self.ledger.rows.get_mut(&row.id) {
            held.revision = row.revision;
            self.rescreened.insert(row.id, row.clone());
        }
    }

    fn rejected(&self, row: &Row<'a>) -> Result<Saved, StoreError> {
        if let Some(&at) = self.fresh.get(&row.id) {
            return Ok(Saved::Duplicate(self.rows[at].rejection()?));
        }
        let rejection = self.ledger.rows.get(&row.id).and_then(|held| held.rejection.clone());
        Ok(rejection.map_or(Saved::Quiet, Saved::Duplicate))
    }

    /// What the first screening was answered with when it came.
    fn announced(&self, row: &Row<'a>) -> Saved {
        match (self.fresh.get(&row.id), self.ledger.rows.get(&row.id)) {
            (Some(&at), _) => {
                let row = &self.rows[at];
                announced(row.announced_at, |at| row.event(v1::Visibility::Visible, at))
            }
            (None, Some(held)) => {
                announced(held.announced_at, |at| told(held.event.clone(), v1::Visibility::Visible, at))
            }
            (None, None) => Saved::Quiet,
        }
    }
}
