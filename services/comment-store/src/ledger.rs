//! What a database holds about a batch, and what it is to write: all that [`crate::decide`] sees of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use rejoinder_proto::v1;
use uuid::Uuid;

use crate::{
    State, StoreError,
    decision_log::Entry,
    row::{DecisionKey, Row, RowState},
};

/// What followed from a decision when it came; kept, so that a replay gets the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that readers see.
    Quiet,
    /// The comment appeared.
    Visible,
    /// The comment went away.
    Removed,
}

impl Effect {
    /// The number in the column `effect`.
    pub const fn code(self) -> i16 {
        match self {
            Effect::Quiet => 0,
            Effect::Visible => 1,
            Effect::Removed => 2,
        }
    }

    /// Reads the column `effect`.
    pub fn from_code(code: i16) -> Result<Self, StoreError> {
        Ok(match code {
            0 => Effect::Quiet,
            1 => Effect::Visible,
            2 => Effect::Removed,
            other => return Err(StoreError::Refused(format!("a decision has the unknown effect {other}"))),
        })
    }

    /// What readers see of a change of state.
    pub fn between(before: State, after: State) -> Self {
        match (before == State::Approved, after == State::Approved) {
            (false, true) => Effect::Visible,
            (true, false) => Effect::Removed,
            _ => Effect::Quiet,
        }
    }
}

/// A row that the database holds already, with what answers need of it.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its state.
    pub state: RowState,
    /// Where its submitted event stood; see [`Row::origin`].
    pub origin: (i32, i64),
    /// Its fingerprint.
    pub fingerprint: Vec<u8>,
    /// Which screening it shows.
    pub revision: i32,
    /// See [`Row::announced_at`].
    pub announced_at: Option<DateTime<Utc>>,
    /// What readers are told of it, but for visibility and time.
    pub event: v1::CommentPublished,
    /// What its author is told, when it is a rejection.
    pub rejection: Option<v1::CommentRejected>,
}

/// Where a comment stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its site.
    pub site: String,
    /// Its thread.
    pub thread: String,
    /// Its path.
    pub path: Vec<u8>,
    /// See [`Row::waits_for`].
    pub waits_for: Option<Uuid>,
}

/// What the database holds of a comment that others answer.
#[derive(Clone, Debug)]
pub enum Parent {
    /// It is stored.
    Stored(Place),
    /// It is still to come.
    Awaited,
    /// It was rejected.
    Rejected,
}

impl Parent {
    /// What a row says of its comment; `place` counts only when it is stored.
    pub fn new(state: RowState, place: Place) -> Self {
        match state {
            RowState::Awaited => Parent::Awaited,
            RowState::Stored(_) => Parent::Stored(place),
            RowState::Rejected => Parent::Rejected,
        }
    }
}

/// What the database holds about the ids of a batch.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// The rows, by id.
    pub rows: HashMap<Uuid, Held>,
    /// Who holds a fingerprint: the comment that has it and is not in the trash.
    pub holders: HashMap<Vec<u8>, Uuid>,
    /// The decisions about each id.
    pub decisions: HashMap<Uuid, BTreeMap<DecisionKey, Effect>>,
    /// What followed from each later screening when it came, by id and revision; kept, so that a replay gets the same answer.
    pub rescreenings: HashMap<(Uuid, i32), Effect>,
    /// The comments that others answer.
    pub parents: HashMap<Uuid, Parent>,
    /// The stored comments that wait for an id of the batch, by that id.
    pub waiting: HashMap<Uuid, Vec<(Uuid, Place)>>,
}

impl Ledger {
    /// The ids for which new replies would wait. Whoever writes such a reply makes sure that they are still awaited, and
    /// holds up whoever brings them until the reply can be seen: else it would not be found, and never move.
    pub fn awaited(&self) -> BTreeSet<Uuid> {
        let awaited = self.parents.iter().filter_map(|(id, parent)| match parent {
            Parent::Stored(place) => place.waits_for,
            Parent::Awaited => Some(*id),
            Parent::Rejected => None,
        });
        awaited.collect()
    }
}

/// What is to be written, in this order: replaced rows go, comments go to the trash and release their fingerprints,
/// rows are inserted, branches move, comments leave the trash or change otherwise, screenings take the place of earlier ones,
/// decisions and later screenings are kept, and the decision log grows.
#[derive(Debug, Default)]
pub struct Writes<'a> {
    /// Awaited rows, whose comment or rejection has come and stands in `rows`.
    pub replaced: Vec<Uuid>,
    /// Ids that go to the trash.
    pub trashed: Vec<Uuid>,
    /// New rows.
    pub rows: Vec<Row<'a>>,
    /// Ids that stand elsewhere now, each with its path and what it goes on waiting for.
    pub moved: Vec<(Uuid, Vec<u8>, Option<Uuid>)>,
    /// Ids that change to a state other than the trash.
    pub changed: Vec<(Uuid, State)>,
    /// Rows whose verdict, signals, score, versions, revision and campaign take the place of those that the database has.
    pub rescreened: Vec<Row<'a>>,
    /// New decisions.
    pub decisions: Vec<(Uuid, DecisionKey, Effect)>,
    /// New later screenings: id, revision, and what followed.
    pub rescreenings: Vec<(Uuid, i32, Effect)>,
    /// What is to stand in the decision log, in this order. Whoever writes it makes sure that no other transaction's rows get
    /// between: see [`crate::decision_log`].
    pub log: Vec<Entry>,
}
