//! The decision log: every moderator's decision with the comment that it is about, and what was taken back, in one table
//! that only grows. Whoever learns from it needs no join, and follows it by `seq`.
//!
//! The rules:
//! - A decision stands in it once, however often its event comes: site, comment, time, action and moderator make it one.
//! - A decision that comes before its comment is written when the comment is stored, with a `seq` of that moment.
//! - A decision about a comment that the store does not hold is written when the event brings the comment itself.
//! - What was learnt is taken back by a row as well: a withdrawal of what was decided about one comment, or a reset of what was
//!   decided about the site, in each case up to its own time. So the order in which rows come does not matter, and a log that
//!   was rebuilt says the same.
//! - A row never becomes visible after one with a higher `seq`. Whoever asks for what comes after the last row that it saw
//!   misses none.

use std::collections::HashMap;

use prost::Message;
use rejoinder_proto::v1;
use uuid::Uuid;

use crate::{
    StoreError,
    row::{DecisionKey, Reported, Row},
};

/// A row of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedDecision {
    /// Its number, above zero: rises from row to row, with gaps. Another database has other numbers.
    pub seq: i64,
    /// What it is, the same in every database.
    pub key: LogKey,
    /// Why something was taken back; empty for a decision.
    pub reason: String,
    /// What was decided about; none where something is taken back.
    pub comment: Option<v1::Comment>,
}

/// What makes a row of the log the one that it is. The order is that of a checksum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKey {
    /// The site.
    pub site: String,
    /// The comment; an id of its own for a reset.
    pub id: Uuid,
    /// When, what and by whom. The action may be any but `ACTION_UNSPECIFIED`.
    pub decision: DecisionKey,
}

impl LogKey {
    /// What was decided, or taken back.
    pub fn action(&self) -> v1::Action {
        v1::Action::try_from(i32::from(self.decision.action)).unwrap_or_default()
    }
}

/// A row that is to be written, unless it is there.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The comment's id.
    pub id: Uuid,
    /// When, what and by whom.
    pub decision: DecisionKey,
    /// Why.
    pub reason: String,
    /// What it is about.
    pub about: About,
}

/// What an [`Entry`] is about.
#[derive(Clone, Debug)]
pub enum About {
    /// The comment that is stored under the id: the writer reads it from its row.
    Stored,
    /// A comment of this site, which the event brought; as Protobuf.
    Reported(String, Vec<u8>),
    /// A site, or a comment of it that need not be there: something is taken back.
    Site(String),
}

impl Entry {
    /// A decision about a stored comment.
    pub(crate) fn stored(id: Uuid, decision: &DecisionKey) -> Self {
        Self { id, decision: decision.clone(), reason: String::new(), about: About::Stored }
    }

    /// A decision about a comment that the store does not hold.
    pub(crate) fn reported(id: Uuid, decision: &DecisionKey, reported: &Reported<'_>) -> Self {
        let about = About::Reported(reported.site.to_owned(), reported.comment.encode_to_vec());
        Self { id, decision: decision.clone(), reason: String::new(), about }
    }
}

/// The columns of a row that is to be written.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// What it is.
    pub key: LogKey,
    /// Why.
    pub reason: String,
    /// A `v1::Comment` as Protobuf; empty where there is none.
    pub comment: Vec<u8>,
}

/// The ids whose rows are needed for [`log_rows`].
pub fn stored_ids(entries: &[Entry]) -> Vec<Uuid> {
    entries.iter().filter(|entry| matches!(entry.about, About::Stored)).map(|entry| entry.id).collect()
}

/// The columns of each entry, in their order.
pub fn log_rows(entries: &[Entry], stored: &HashMap<Uuid, Row<'_>>) -> Result<Vec<LogRow>, StoreError> {
    let row = |entry: &Entry| {
        let (site, comment) = match &entry.about {
            About::Reported(site, comment) => (site.clone(), comment.clone()),
            About::Site(site) => (site.clone(), Vec::new()),
            About::Stored => {
                let gone = || StoreError::Refused(format!("the row of {} is gone from its transaction", entry.id));
                let row = stored.get(&entry.id).ok_or_else(gone)?;
                (row.site.to_owned(), row.comment().encode_to_vec())
            }
        };
        let key = LogKey { site, id: entry.id, decision: entry.decision.clone() };
        Ok(LogRow { key, reason: entry.reason.clone(), comment })
    };
    entries.iter().map(row).collect()
}

impl LogRow {
    /// The row as it is read.
    pub fn logged(self, seq: i64) -> Result<LoggedDecision, StoreError> {
        let LogRow { key, reason, comment } = self;
        let comment = (!comment.is_empty()).then(|| v1::Comment::decode(comment.as_slice())).transpose();
        let comment =
            comment.map_err(|_| StoreError::Refused(format!("the comment of decision {seq} cannot be read")))?;
        Ok(LoggedDecision { seq, key, reason, comment })
    }
}
