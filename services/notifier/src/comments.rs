use async_trait::async_trait;
use rejoinder_pipeline::Transient;
use uuid::Uuid;

/// Where a comment stands when its mail is about to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not stored yet; the store reads the same event and may be behind.
    Unknown,
    /// Stored, and a person must decide.
    Pending,
    /// A moderator decided already.
    Decided,
    /// Stored, and by its last screening nobody need decide.
    Screened {
        /// That screening's revision; see `v1::CommentScreened::revision`.
        revision: i32,
    },
    /// Not stored, and never will be.
    Rejected,
}

/// What the sender asks the comment store. The process that has both joins them.
#[async_trait]
pub trait Comments: Send + Sync {
    /// Where each of these comments stands, in their order.
    async fn standing(&self, ids: &[Uuid]) -> Result<Vec<Standing>, Transient>;
}
