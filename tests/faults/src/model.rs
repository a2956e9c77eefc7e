//! What publishers know of what they sent, and what can be seen from the outside afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

/// What a comment is, and so how it must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Stored and visible.
    Plain,
    /// Stored and held: its moderator is mailed.
    Held,
    /// Held, and approved by a decision that follows.
    Decided,
    /// Rejected: its body is empty.
    Invalid,
    /// One of two with the same words: one of them is stored, the other rejected.
    Twin,
    /// No event at all: a dead letter.
    Poison,
}

/// A comment as its publisher knows it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What it is.
    pub kind: Kind,
    /// Its thread.
    pub thread: String,
    /// A word that stands in its text and in no other.
    pub marker: String,
    /// The one with the same words.
    pub twin: Option<Uuid>,
    /// Whether its acceptance was seen: a 202, or an acknowledged produce.
    pub accepted: bool,
}

/// The publishers' own record.
#[derive(Clone, Debug, Default)]
pub struct ClientLog {
    /// Every comment sent, by id.
    pub sent: BTreeMap<Uuid, Sent>,
    /// The ids that each idempotency key was answered with.
    pub keys: HashMap<String, BTreeSet<Uuid>>,
    /// Requests without a 202, each repeated under its key.
    pub repeats: usize,
}

/// A record on a topic, under read_committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The comment's id; nil when the record names none.
    pub id: Uuid,
    /// The record's key.
    pub key: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// What tells two records about one id apart; empty where there may be only one.
    pub detail: String,
}

/// A row of the table `comments`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The id.
    pub id: Uuid,
    /// 1 approved, 2 pending, 3 spam, 4 trash, 5 rejected; 0 when only a decision is known.
    pub state: i16,
    /// The thread.
    pub thread: String,
    /// The comment that it answers.
    pub parent: Option<Uuid>,
    /// Its place in the thread: byte order is the order shown.
    pub path: Vec<u8>,
    /// Milliseconds since 1970.
    pub submitted_at: i64,
    /// Where its submitted event stood.
    pub origin: (i32, i64),
}

/// A mail that the SMTP server took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its Message-ID.
    pub message_id: String,
    /// Who it went to.
    pub recipient: String,
    /// Its text.
    pub text: String,
}

/// Everything seen from the outside, after the dust has settled.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// `comments.submitted`.
    pub submitted: Vec<Seen>,
    /// `comments.validated`.
    pub validated: Vec<Seen>,
    /// `comments.rejected`.
    pub rejected: Vec<Seen>,
    /// `comments.screened`.
    pub screened: Vec<Seen>,
    /// `comments.published`.
    pub published: Vec<Seen>,
    /// `comments.dead-letter`.
    pub dead: Vec<Seen>,
    /// The table `comments`.
    pub rows: Vec<Row>,
    /// The mailbox.
    pub mails: Vec<Mail>,
    /// Partitions on which a transaction is still open.
    pub open: Vec<String>,
}

/// What a fault excuses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Excuse {
    /// Crashes between DATA and our mark: so often a mail may come again.
    pub resent: usize,
    /// Mails that the server refused for good.
    pub refused: usize,
    /// A validator died, and with it what it knew of comments on their way: one that a publisher has repeated, because the
    /// answer was lost, passes it as often as it was submitted. The store keeps it once.
    pub forgot: bool,
}
