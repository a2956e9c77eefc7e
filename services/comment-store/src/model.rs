//! What the store keeps and answers. Two databases implement [`Store`]; one test suite runs against both.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rejoinder_proto::v1;
use uuid::Uuid;

/// What readers, moderators and the filter see of a stored comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Visible.
    Approved,
    /// Waits for a person.
    Pending,
    /// Kept, not shown.
    Spam,
    /// Taken away by a moderator.
    Trash,
}

/// One event to be saved, with where its record stands: a replay is told from a second copy by it.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "decisions are few, and a box would be opened everywhere")]
pub enum Change {
    /// A screened comment.
    Screened(Box<v1::CommentScreened>),
    /// A moderator's decision.
    Moderated(v1::CommentModerated),
    /// A rejection by the validator (or our own, coming round).
    Rejected(v1::CommentRejected),
}

/// What followed from a change. The same change saved again answers the same.
#[derive(Clone, Debug, PartialEq)]
pub enum Saved {
    /// What readers see changed: to be published.
    Published(Box<v1::CommentPublished>),
    /// Another comment with the same fingerprint was first: to be rejected as a duplicate.
    Duplicate(v1::CommentRejected),
    /// Stored, or there already; nothing to announce.
    Quiet,
}

/// A comment as readers may see it. Holds no address and no IP.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicComment {
    /// Its id.
    pub id: Uuid,
    /// The page's id within the site.
    pub thread: String,
    /// The page's title; may be empty.
    pub thread_title: String,
    /// The page's address; may be empty.
    pub thread_url: String,
    /// The comment that it answers.
    pub parent: Option<Uuid>,
    /// 0 at the top level.
    pub depth: u16,
    /// The author's name.
    pub author_name: String,
    /// The author's page; may be empty.
    pub author_url: String,
    /// Sanitised.
    pub html: String,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
}

/// A page of a thread, in tree order: every reply under its parent, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The comments.
    pub comments: Vec<PublicComment>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
}

/// Where a page starts: after this place in tree order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The tree path of the last comment seen.
    pub path: Vec<u8>,
    /// Its id, where paths are equal.
    pub id: Uuid,
}

/// What became of an id.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// Stored; see its state.
    Stored(Box<StoredComment>),
    /// Rejected, with what was wrong.
    Rejected(Vec<v1::FieldError>),
}

/// A stored comment with what moderators may see.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredComment {
    /// What readers may see of it, whatever its state.
    pub public: PublicComment,
    /// The site.
    pub site: String,
    /// Its state now.
    pub state: State,
    /// Its text as Markdown.
    pub text: String,
    /// What the filter said.
    pub verdict: v1::Verdict,
    /// Every signal that spoke.
    pub signals: Vec<v1::Signal>,
    /// The sum of their weights.
    pub score: f64,
    /// Hash of the policy that was in force.
    pub policy_version: String,
    /// The learned model's version; empty when none took part.
    pub model_version: String,
    /// How often the comment was screened before.
    pub revision: i32,
    /// The campaign that it is part of; empty when none is known.
    pub campaign: String,
    /// The last decision by event time.
    pub decision: Option<Decision>,
}

/// A moderator's decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What.
    pub action: v1::Action,
    /// By whom: a name of the configuration.
    pub moderator: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What the validator asks about a submitted comment.
#[derive(Clone, Debug)]
pub struct FactsQuery {
    /// The comment's id.
    pub id: Uuid,
    /// The site.
    pub site: String,
    /// The page's id.
    pub thread: String,
    /// The comment that it answers.
    pub parent: Option<Uuid>,
    /// See `v1::Comment::fingerprint`.
    pub fingerprint: Vec<u8>,
    /// The author's address, lower case; may be empty.
    pub email: String,
    /// The reader's IP; may be empty.
    pub ip: String,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
}

/// What the store knows about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The id is stored or rejected already: where its submitted event stood.
    pub known: Option<v1::Origin>,
    /// The comment that it answers; `None` while nothing is known of that one.
    pub parent: Option<Answered>,
    /// Another comment with this fingerprint, not in the trash.
    pub duplicate_of: Option<Uuid>,
    /// When the same address or the same IP last commented on the site at or before `submitted_at`; other ids only.
    pub last_comment_at: Option<DateTime<Utc>>,
}

/// What the store knows of a comment that another one answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It is stored under the same site.
    Stored {
        /// The page's id.
        thread: String,
        /// Its state.
        state: State,
    },
    /// It was rejected, or is stored under another site: nobody can answer it here.
    Never,
}

/// How many ended how, among some ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Stored and visible.
    pub approved: u64,
    /// Stored, waiting for a person.
    pub pending: u64,
    /// Stored as spam.
    pub spam: u64,
    /// Stored, taken away.
    pub trash: u64,
    /// Rejected.
    pub rejected: u64,
}

/// The database does not answer, or says no.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Away, overloaded, a deadlock, a time-out: the same call may pass later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A defect or a schema that does not fit: the same call will fail again.
    #[error("the database refused: {0}")]
    Refused(String),
}

/// Saves and answers. Every method may be called by many at once.
#[async_trait]
pub trait Store: Send + Sync {
    /// Saves a batch in one transaction, in order; one answer per change. Idempotent.
    async fn save(&self, changes: &[Change]) -> Result<Vec<Saved>, StoreError>;

    /// Visible comments of a thread in tree order, at most `limit`, after `cursor`.
    async fn thread(&self, site: &str, thread: &str, cursor: Option<&Cursor>, limit: u32) -> Result<Page, StoreError>;

    /// The newest visible comments of a site, newest first.
    async fn recent(&self, site: &str, limit: u32) -> Result<Vec<PublicComment>, StoreError>;

    /// How many visible comments each of these threads has, in their order.
    async fn counts(&self, site: &str, threads: &[String]) -> Result<Vec<u64>, StoreError>;

    /// What became of each of these ids, in their order; `None` while nothing is known.
    async fn fates(&self, ids: &[Uuid]) -> Result<Vec<Option<Fate>>, StoreError>;

    /// What is known about comments that are being validated, in their order.
    async fn facts(&self, queries: &[FactsQuery]) -> Result<Vec<Facts>, StoreError>;

    /// For each (site, name, address): whether exactly this pair has a visible comment on the site.
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, StoreError>;

    /// How many of these ids ended how; ids of which nothing is known are not counted.
    async fn tally(&self, ids: &[Uuid]) -> Result<Tally, StoreError>;
}
