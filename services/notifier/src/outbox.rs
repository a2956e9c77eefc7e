//! The mails that are owed: written by the stage, claimed and settled by the sender.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rejoinder_proto::trace::TraceContext;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// A mail that is owed to one moderator about one comment.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMail {
    /// See [`row_id`]: the same mail enqueued again is the same row.
    pub id: Uuid,
    /// The comment.
    pub comment: Uuid,
    /// Its site.
    pub site: String,
    /// The moderator's name in the site's policy. The address is looked up when the mail goes out, so that a corrected
    /// one takes effect, and none is stored.
    pub moderator: String,
    /// The screened event's Protobuf bytes.
    pub event: Vec<u8>,
    /// When it was enqueued. The mail's date and its links' expiry count from here, so they are the same on a resend.
    pub created_at: DateTime<Utc>,
    /// Its place in a trace: sending it stands below that.
    pub trace: Option<TraceContext>,
}

impl NewMail {
    /// The place in a trace as it is stored; empty for none.
    pub fn traceparent(&self) -> String {
        self.trace.map(|place| place.to_string()).unwrap_or_default()
    }
}

/// The right to send a row's mail, until a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The row.
    pub id: Uuid,
    /// When others may claim it, to the microsecond. A settlement under a claim that ran out or was ended changes nothing,
    /// except that a mail that went out counts as sent.
    pub until: DateTime<Utc>,
}

/// A row that the claimant may now send.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The right to it.
    pub claim: Claim,
    /// Which attempt this is, from 1. [`Fate::Put`] gives it back.
    pub attempt: u32,
    /// The mail.
    pub mail: NewMail,
}

/// What became of a claimed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The mail was taken by the server.
    Sent,
    /// It failed, and is tried again.
    Retry {
        /// When.
        at: DateTime<Utc>,
        /// A stable word or a reply code for the operator; no address.
        error: String,
    },
    /// It could not be tried; the attempt does not count.
    Put {
        /// When it may be claimed again.
        at: DateTime<Utc>,
        /// Why, in a stable word.
        reason: &'static str,
    },
    /// Given up: the server refused it for good, or the schedule ended.
    Failed {
        /// A stable word or a reply code.
        error: String,
    },
    /// No longer owed.
    Skipped {
        /// Why, in a stable word.
        reason: &'static str,
    },
}

/// A row and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The claim under which it was worked on.
    pub claim: Claim,
    /// What became of it.
    pub fate: Fate,
}

/// How many rows stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Owed, in hand or waiting for their time.
    pub pending: u64,
    /// Sent.
    pub sent: u64,
    /// Given up.
    pub failed: u64,
    /// Not owed any more.
    pub skipped: u64,
}

/// The outbox does not answer, or says no.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Away, overloaded, a deadlock, a time-out: the same call may pass later.
    #[error("the outbox is not available: {0}")]
    Unavailable(String),
    /// A defect or a schema that does not fit: the same call will fail again until it is mended.
    #[error("the outbox refused: {0}")]
    Refused(String),
}

/// Keeps what is owed until it is settled. Every method may be called by many at once, from many processes.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Writes rows. Durable when it returns. An id that is there already stays as it is, but for two cases: what was
    /// skipped is owed anew, and what is pending about another event becomes the mail about this one. Claims on either end.
    async fn enqueue(&self, mails: &[NewMail]) -> Result<(), OutboxError>;

    /// Claims at most `limit` pending rows that are due at `now`, the longest due first, until `now` + `lease`. No row
    /// is claimed twice at one time. A row whose claim ran out is due again: its claimant died.
    async fn claim(&self, now: DateTime<Utc>, limit: u32, lease: chrono::Duration)
    -> Result<Vec<Claimed>, OutboxError>;

    /// Writes what became of claimed rows: all, or none. Settled for good, a row keeps no copy of the event unless it
    /// failed.
    async fn settle(&self, now: DateTime<Utc>, settlements: &[Settlement]) -> Result<(), OutboxError>;

    /// Skips every pending row about one of these comments, claimed or not, and says how many. Of a mail that is being
    /// sent just now, only [`Fate::Sent`] can be settled after that.
    async fn withdraw(&self, now: DateTime<Utc>, comments: &[Uuid]) -> Result<u64, OutboxError>;

    /// Counts.
    async fn depth(&self) -> Result<Depth, OutboxError>;

    /// At most `limit` rows of mails that were sent, with ids above `after`, in the order of their ids: the row's id and the
    /// comment's. Not all that ever were: see [`Outbox::purge`].
    async fn sent(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<(Uuid, Uuid)>, OutboxError>;

    /// Deletes at most `limit` rows that were settled for good before `settled_before`, and says how many.
    async fn purge(&self, settled_before: DateTime<Utc>, limit: u32) -> Result<u64, OutboxError>;
}

/// The row of a comment and a moderator: the same for the same two, on every machine and on every replay.
pub fn row_id(comment: Uuid, moderator: &str) -> Uuid {
    let hash =
        Sha256::new().chain_update(b"rejoinder outbox\0").chain_update(comment).chain_update(moderator).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
