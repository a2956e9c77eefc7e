//! What the validator, the filter and the notifier ask of history, answered by the comment store's read model.
//!
//! The services do not know each other: each names its own questions, and here they are put to the store.

use std::sync::Arc;

use async_trait::async_trait;
use rejoinder_comment_store::{
    Answered, FactsQuery, Fate, State, Store, StoreError, decision_log::LoggedDecision, inspect::Inspect,
};
use rejoinder_notifier::{Comments, Standing};
use rejoinder_pipeline::Transient;
use rejoinder_proto::v1::Action;
use rejoinder_spam_filter::{Decisions, Lesson, Taught};
use rejoinder_validator::{Facts, Parent, Query};
use uuid::Uuid;

/// The store, seen by whoever asks.
pub struct StoreHistory(pub Arc<dyn Store>);

#[async_trait]
impl rejoinder_validator::History for StoreHistory {
    async fn look_up(&self, queries: &[Query]) -> Result<Vec<Facts>, Transient> {
        let queries: Vec<FactsQuery> = queries.iter().map(facts_query).collect();
        let facts = self.0.facts(&queries).await.map_err(away)?;
        Ok(facts.into_iter().map(validator_facts).collect())
    }
}

#[async_trait]
impl rejoinder_spam_filter::History for StoreHistory {
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient> {
        self.0.previously_approved(authors).await.map_err(away)
    }
}

/// The decision log, seen by whoever learns from it.
pub struct StoreDecisions(pub Arc<dyn Inspect>);

#[async_trait]
impl Decisions for StoreDecisions {
    async fn decisions_after(&self, seq: i64, limit: u32) -> Result<Vec<Taught>, Transient> {
        let logged = self.0.decisions_after(seq, limit).await.map_err(away)?;
        Ok(logged.into_iter().map(taught).collect())
    }
}

fn taught(LoggedDecision { seq, key, comment, .. }: LoggedDecision) -> Taught {
    let lesson = match (key.action(), comment.map(Box::new)) {
        (Action::Approve, Some(comment)) => Lesson::Ham(comment),
        (Action::Spam, Some(comment)) => Lesson::Spam(comment),
        (Action::Withdraw, _) => Lesson::Withdrawn,
        (Action::Reset, _) => Lesson::Reset,
        // A decision always comes with its comment; without one there is nothing to learn.
        (Action::Trash | Action::Unspecified | Action::Approve | Action::Spam, _) => Lesson::Trash,
    };
    let decided_at = key.decision.at.timestamp_micros();
    Taught { seq, site: key.site, id: key.id.to_string(), lesson, moderator: key.decision.moderator, decided_at }
}

#[async_trait]
impl Comments for StoreHistory {
    async fn standing(&self, ids: &[Uuid]) -> Result<Vec<Standing>, Transient> {
        let fates = self.0.fates(ids).await.map_err(away)?;
        Ok(fates.into_iter().map(standing).collect())
    }
}

fn facts_query(query: &Query) -> FactsQuery {
    let Query { id, site, thread, parent, fingerprint, email, ip, submitted_at } = query.clone();
    FactsQuery { id, site, thread, parent, fingerprint, email, ip, submitted_at }
}

fn validator_facts(facts: rejoinder_comment_store::Facts) -> Facts {
    let rejoinder_comment_store::Facts { known, parent, duplicate_of, last_comment_at } = facts;
    let parent = parent.map(|parent| match parent {
        Answered::Stored { thread, state: State::Approved | State::Pending } => Parent::Answerable { thread },
        Answered::Stored { state: State::Spam | State::Trash, .. } | Answered::Never => Parent::Unanswerable,
    });
    Facts { known, parent, duplicate_of, last_comment_at }
}

fn standing(fate: Option<Fate>) -> Standing {
    match fate {
        None => Standing::Unknown,
        Some(Fate::Rejected(_)) => Standing::Rejected,
        Some(Fate::Stored(comment)) if comment.state == State::Pending => Standing::Pending,
        Some(Fate::Stored(_)) => Standing::Decided,
    }
}

fn away(error: StoreError) -> Transient {
    Transient::new("database", error)
}
