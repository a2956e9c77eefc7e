//! What tools and learners ask of a whole store, page by page, so that no store is too large to be looked through.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use prost::Message;
use rejoinder_proto::v1;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    Decision, State, Store, StoreError,
    decision_log::{LogKey, LoggedDecision},
    ledger::Effect,
    row::{DecisionKey, Row, RowState},
};

/// Rows in one page of a checksum: some megabytes at the most that a comment may have.
const PAGE: u32 = 500;

/// A store that can be looked through.
#[async_trait]
pub trait Inspect: Store {
    /// The rows of these ids, in no order; an id of which nothing is known has none.
    async fn known(&self, ids: &[Uuid]) -> Result<Vec<Known>, StoreError>;

    /// At most `limit` rows with ids above `after`, in the order of their ids.
    async fn rows(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<Whole>, StoreError>;

    /// At most `limit` decisions above `after`, in the order of their ids and keys.
    async fn decisions(
        &self,
        after: Option<&(Uuid, DecisionKey)>,
        limit: u32,
    ) -> Result<Vec<(Uuid, DecisionKey, Effect)>, StoreError>;

    /// At most `limit` later screenings above `after`, in the order of their ids and revisions.
    async fn rescreenings(
        &self,
        after: Option<(Uuid, i32)>,
        limit: u32,
    ) -> Result<Vec<(Uuid, i32, Effect)>, StoreError>;

    /// At most `limit` rows of the decision log above `after`, in the order of their keys: the same in every database that
    /// holds the same.
    async fn logged(&self, after: Option<&LogKey>, limit: u32) -> Result<Vec<LoggedDecision>, StoreError>;

    /// At most `limit` rows of the decision log with numbers above `seq`, of all sites, in the order of their numbers. A row that
    /// becomes visible later has a higher number than all that are visible now: a follower misses none.
    async fn decisions_after(&self, seq: i64, limit: u32) -> Result<Vec<LoggedDecision>, StoreError>;

    /// At most `limit` stored comments of a site that were submitted at `from` or later, in the order of that time and their
    /// ids, above `after`: the time and the id of the last one that was seen.
    async fn stored_since(
        &self,
        site: &str,
        from: DateTime<Utc>,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<Vec<ScreenedComment>, StoreError>;

    /// For each (site, name, address, time): whether exactly this pair has a visible comment on the site that was submitted
    /// before that time.
    async fn approved_before(
        &self,
        authors: &[(String, String, String, DateTime<Utc>)],
    ) -> Result<Vec<bool>, StoreError>;

    /// At most `limit` stored comments of a site that are part of a campaign, with ids above `after`, in the order of their ids.
    async fn campaign_members(
        &self,
        site: &str,
        campaign: &str,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ScreenedComment>, StoreError>;
}

/// A stored comment as whoever screens it again needs it: whole, with its last screening and what was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct ScreenedComment {
    /// Its id.
    pub id: Uuid,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
    /// Its state now.
    pub state: State,
    /// The comment and its last screening, without what was on trial then. The author's address is in lower case.
    pub screened: v1::CommentScreened,
    /// The decision in force.
    pub decision: Option<Decision>,
}

impl ScreenedComment {
    /// What a row says; `None` when it holds no comment.
    pub fn of(row: &Row<'_>, decision: Option<Decision>) -> Result<Option<Self>, StoreError> {
        let RowState::Stored(state) = row.state else { return Ok(None) };
        let (id, submitted_at, screened) = (row.id, row.submitted_at, row.screened()?);
        Ok(Some(Self { id, submitted_at, state, screened, decision }))
    }
}

/// What the store says about an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The id.
    pub id: Uuid,
    /// What became of it.
    pub state: RowState,
    /// Partition and offset of the submitted event; -1 when not known.
    pub origin: (i32, i64),
}

/// A row with every column, as bytes that are the same on every database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Its id.
    pub id: Uuid,
    /// Its columns in the order of the table, each with its length before it.
    pub bytes: Vec<u8>,
}

/// A fingerprint of all that a store holds: two stores with the same one hold the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksum {
    /// How many rows there are.
    pub rows: u64,
    /// How many decisions there are.
    pub decisions: u64,
    /// How many rows the decision log has.
    pub logged: u64,
    /// SHA-256 over every column of every row, then of every decision, of every later screening and of the decision log, in
    /// hexadecimal. The numbers of the log's rows do not count: they follow from who was first, not from what was said.
    pub sha256: String,
}

/// Reads the whole store, and keeps a page of it at a time. What is written meanwhile may or may not be in it.
pub async fn checksum(store: &dyn Inspect) -> Result<Checksum, StoreError> {
    let (mut sum, mut hash, mut after) = (Checksum::default(), Sha256::new(), None);
    loop {
        let page = store.rows(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        sum.rows += page.len() as u64;
        page.iter().for_each(|row| hash.update(&row.bytes));
    }
    hash.update(b"decisions");
    let mut after = None;
    loop {
        let page = store.decisions(after.as_ref(), PAGE).await?;
        let Some((id, key, _)) = page.last() else { break };
        after = Some((*id, key.clone()));
        sum.decisions += page.len() as u64;
        for (id, key, effect) in &page {
            let mut columns = Columns::default();
            columns.bytes(id.as_bytes());
            columns.decision(key);
            columns.number(effect.code().into());
            hash.update(&columns.0);
        }
    }
    hash.update(b"rescreenings");
    let mut after = None;
    loop {
        let page = store.rescreenings(after, PAGE).await?;
        let Some((id, revision, _)) = page.last() else { break };
        after = Some((*id, *revision));
        for (id, revision, effect) in &page {
            let mut columns = Columns::default();
            columns.bytes(id.as_bytes());
            columns.number((*revision).into());
            columns.number(effect.code().into());
            hash.update(&columns.0);
        }
    }
    hash.update(b"log");
    let mut after = None;
    loop {
        let page = store.logged(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        sum.logged += page.len() as u64;
        page.iter().for_each(|logged| hash.update(Columns::logged(logged).0));
    }
    sum.sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(sum)
}

impl Whole {
    /// Every column of a row.
    pub fn of(row: &Row<'_>) -> Self {
        // Taken apart, so that a column that is added cannot be forgotten here.
        let Row {
            id,
            state,
            site,
            thread,
            thread_url,
            thread_title,
            thread_published_at,
            thread_closed,
            parent,
            path,
            author_name,
            author_email,
            author_url,
            body,
            html,
            client_ip,
            client_user_agent,
            client_referrer,
            honeypot_filled,
            form_seconds,
            submitted_at,
            fingerprint,
            origin,
            verdict,
            signals,
            score,
            policy_version,
            model_version,
            revision,
            campaign,
            announced_at,
            errors,
            waits_for,
        } = row;
        let mut columns = Columns::default();
        columns.bytes(id.as_bytes());
        columns.number(state.code().into());
        [site, thread, thread_url, thread_title].into_iter().for_each(|text| columns.bytes(text.as_bytes()));
        columns.optional(thread_published_at.map(|at| at.timestamp_micros()));
        columns.number((*thread_closed).into());
        columns.bytes(parent.as_ref().map_or(&[][..], |parent| parent.as_bytes()));
        columns.bytes(path);
        for text in [author_name, author_email.as_ref(), author_url, body, html] {
            columns.bytes(text.as_bytes());
        }
        for text in [client_ip, client_user_agent, client_referrer] {
            columns.bytes(text.as_bytes());
        }
        columns.number((*honeypot_filled).into());
        columns.optional(form_seconds.map(bits));
        columns.number(submitted_at.timestamp_micros());
        columns.bytes(fingerprint);
        columns.number(origin.0.into());
        columns.number(origin.1);
        columns.number((*verdict).into());
        columns.bytes(signals);
        columns.number(bits(*score));
        columns.bytes(policy_version.as_bytes());
        columns.bytes(model_version.as_bytes());
        columns.optional(announced_at.map(|at| at.timestamp_micros()));
        columns.bytes(errors);
        columns.number((*revision).into());
        columns.bytes(campaign.as_bytes());
        columns.bytes(waits_for.as_ref().map_or(&[][..], |awaited| awaited.as_bytes()));
        Self { id: *id, bytes: columns.0 }
    }
}

#[derive(Default)]
struct Columns(Vec<u8>);

impl Columns {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: i64) {
        self.bytes(&number.to_be_bytes());
    }

    fn decision(&mut self, key: &DecisionKey) {
        self.number(key.at.timestamp_micros());
        self.number(key.action.into());
        self.bytes(key.moderator.as_bytes());
    }

    /// All of a row of the log, but for its number.
    fn logged(LoggedDecision { seq: _, key: LogKey { site, id, decision }, reason, comment }: &LoggedDecision) -> Self {
        let mut columns = Self::default();
        columns.bytes(site.as_bytes());
        columns.bytes(id.as_bytes());
        columns.decision(decision);
        columns.bytes(reason.as_bytes());
        columns.bytes(&comment.as_ref().map(v1::Comment::encode_to_vec).unwrap_or_default());
        columns
    }

    fn optional(&mut self, number: Option<i64>) {
        match number {
            Some(number) => self.number(number),
            None => self.bytes(&[]),
        }
    }
}

/// SQLite has one zero, PostgreSQL has two.
fn bits(number: f64) -> i64 {
    let number = if number == 0.0 { 0.0 } else { number };
    number.to_bits().cast_signed()
}
