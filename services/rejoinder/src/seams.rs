//! What the validator, the filter and the notifier ask of history, answered by the comment store's read model.
//!
//! The services do not know each other: each names its own questions, and here they are put to the store.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    Answered, FactsQuery, Fate, State, Store, StoreError,
    decision_log::LoggedDecision,
    inspect::{Inspect, ScreenedComment},
};
use rejoinder_notifier::{Comments, Standing};
use rejoinder_pipeline::Transient;
use rejoinder_proto::v1::{Action, CommentScreened};
use rejoinder_spam_filter::{
    Decisions, Lesson, Taught,
    campaign::Members,
    external::{Awaiting, is_pending},
};
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

/// Comments in one page.
const PAGE: u32 = 500;

/// The store, looked through for what an external check is still to be asked about.
pub struct HeldForCheck(pub Arc<dyn Inspect>);

#[async_trait]
impl Awaiting for HeldForCheck {
    async fn awaiting(&self, site: &str, from: i64) -> Result<Vec<CommentScreened>, Transient> {
        let from = DateTime::<Utc>::from_timestamp_millis(from).unwrap_or(DateTime::UNIX_EPOCH);
        let (mut waiting, mut after) = (Vec::new(), None);
        loop {
            let page = self.0.stored_since(site, from, after, PAGE).await.map_err(away)?;
            let Some(last) = page.last() else { return Ok(waiting) };
            after = Some((last.submitted_at, last.id));
            let held = page.into_iter().filter(|comment| comment.state == State::Pending && comment.decision.is_none());
            waiting.extend(held.map(|held| held.screened).filter(|held| held.signals.iter().any(is_pending)));
        }
    }
}

/// The store, looked through for members of campaigns.
pub struct StoreMembers(pub Arc<dyn Inspect>);

#[async_trait]
impl Members for StoreMembers {
    async fn undecided(
        &self,
        site: &str,
        campaign: Uuid,
        members: &[(Uuid, i64)],
    ) -> Result<Vec<CommentScreened>, Transient> {
        let mut wanted: HashMap<Uuid, i64> = members.iter().copied().collect();
        let mut found = Vec::new();
        let mut take = |wanted: &mut HashMap<Uuid, i64>, page: Vec<ScreenedComment>| {
            let comments = page.into_iter().filter(|comment| wanted.remove(&comment.id).is_some());
            let undecided = comments.filter(|comment| comment.decision.is_none());
            found.extend(undecided.map(|comment| comment.screened));
        };
        // Most of them are stored under the campaign's name, in the order of their ids.
        let Some((first, last)) = wanted.keys().min().copied().zip(wanted.keys().max().copied()) else {
            return Ok(found);
        };
        let mut after = Some(Uuid::from_u128(first.as_u128().saturating_sub(1)));
        while !wanted.is_empty() && after.is_some_and(|after| after < last) {
            let page = self.0.campaign_members(site, &campaign.to_string(), after, PAGE).await.map_err(away)?;
            after = page.last().map(|last| last.id);
            take(&mut wanted, page);
        }
        // The first ones came before it was a campaign.
        let times = wanted.values().min().copied().zip(wanted.values().max().copied());
        if let Some((from, to)) = times.and_then(|(from, to)| Some((time(from)?, time(to)?))) {
            let mut after = None;
            while !wanted.is_empty() && after.is_none_or(|(at, _)| at <= to) {
                let page = self.0.stored_since(site, from, after, PAGE).await.map_err(away)?;
                let Some(last) = page.last() else { break };
                after = Some((last.submitted_at, last.id));
                take(&mut wanted, page);
            }
        }
        Ok(found)
    }
}

/// A time in milliseconds since 1970.
fn time(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
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
        Some(Fate::Stored(comment)) if comment.decision.is_some() => Standing::Decided,
        Some(Fate::Stored(comment)) => Standing::Screened { revision: comment.revision },
    }
}

fn away(error: StoreError) -> Transient {
    Transient::new("database", error)
}
