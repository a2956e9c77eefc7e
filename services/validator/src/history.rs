use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rejoinder_pipeline::Transient;
use rejoinder_proto::v1;
use uuid::Uuid;

/// What is stored already. A seam: the binary puts the comment store behind it, tests a table in memory.
#[async_trait]
pub trait History: Send + Sync {
    /// What is known about each of these comments, in their order; exactly one answer per query. Called once per batch.
    async fn look_up(&self, queries: &[Query]) -> Result<Vec<Facts>, Transient>;
}

/// What the validator asks about a submitted comment. A comment whose fields are wrong is asked about as well, to know
/// its id again; then only `id`, `site` and `thread` are filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The comment's id.
    pub id: Uuid,
    /// The site.
    pub site: String,
    /// The page's id.
    pub thread: String,
    /// The comment that it answers.
    pub parent: Option<Uuid>,
    /// Its [`Fingerprint`](crate::Fingerprint); empty means: not asked.
    pub fingerprint: Vec<u8>,
    /// The author's address, lower case; empty means: not asked.
    pub email: String,
    /// The reader's IP, lower case; empty means: not asked.
    pub ip: String,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
}

/// What is known about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Where the submitted event of this id stood, when the id is stored or rejected already.
    pub known: Option<v1::Origin>,
    /// The comment that it answers; `None` while nothing is known of that one.
    pub parent: Option<Parent>,
    /// Another comment with this fingerprint, not in the trash.
    pub duplicate_of: Option<Uuid>,
    /// When the same address or the same IP last commented on the site at or before `submitted_at`; other ids only, and
    /// not what was rejected.
    pub last_comment_at: Option<DateTime<Utc>>,
}

/// A comment that someone answers, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// It is stored under the same site, and approved or waiting for a moderator.
    Answerable {
        /// The page's id.
        thread: String,
    },
    /// It is spam or in the trash, was rejected, or is stored under another site.
    Unanswerable,
}
