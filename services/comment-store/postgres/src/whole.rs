//! Rows with every column.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    StoreError,
    row::{Row, RowState},
};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::error::store_error;

/// A row as the database keeps it.
pub(crate) struct Record {
    pub(crate) id: Uuid,
    state: i16,
    site: String,
    thread: String,
    thread_url: String,
    thread_title: String,
    thread_published_at: Option<DateTime<Utc>>,
    thread_closed: bool,
    parent: Option<Uuid>,
    path: Vec<u8>,
    author_name: String,
    author_email: String,
    author_url: String,
    body: String,
    html: String,
    client_ip: String,
    client_user_agent: String,
    client_referrer: String,
    honeypot_filled: bool,
    form_seconds: Option<f64>,
    submitted_at: DateTime<Utc>,
    fingerprint: Vec<u8>,
    origin_partition: i32,
    origin_offset: i64,
    verdict: i16,
    signals: Vec<u8>,
    score: f64,
    policy_version: String,
    model_version: String,
    revision: i32,
    campaign: String,
    announced_at: Option<DateTime<Utc>>,
    errors: Vec<u8>,
    waits_for: Option<Uuid>,
}

impl Record {
    /// The row as every database has it.
    pub(crate) fn row(&self) -> Result<Row<'_>, StoreError> {
        Ok(Row {
            id: self.id,
            state: RowState::from_code(self.state)?,
            site: &self.site,
            thread: &self.thread,
            thread_url: &self.thread_url,
            thread_title: &self.thread_title,
            thread_published_at: self.thread_published_at,
            thread_closed: self.thread_closed,
            parent: self.parent,
            path: self.path.clone(),
            author_name: &self.author_name,
            author_email: self.author_email.as_str().into(),
            author_url: &self.author_url,
            body: &self.body,
            html: &self.html,
            client_ip: &self.client_ip,
            client_user_agent: &self.client_user_agent,
            client_referrer: &self.client_referrer,
            honeypot_filled: self.honeypot_filled,
            form_seconds: self.form_seconds,
            submitted_at: self.submitted_at,
            fingerprint: &self.fingerprint,
            origin: (self.origin_partition, self.origin_offset),
            verdict: self.verdict,
            signals: self.signals.clone(),
            score: self.score,
            policy_version: &self.policy_version,
            model_version: &self.model_version,
            revision: self.revision,
            campaign: &self.campaign,
            announced_at: self.announced_at,
            errors: self.errors.clone(),
            waits_for: self.waits_for,
        })
    }
}

/// The rows of these ids, in no order.
pub(crate) async fn records(connection: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<Vec<Record>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        Record,
        "SELECT id, state, site, thread, thread_url, thread_title, thread_published_at, thread_closed, parent, path,
             author_name, author_email, author_url, body, html, client_ip, client_user_agent, client_referrer,
             honeypot_filled, form_seconds, submitted_at, fingerprint, origin_partition, origin_offset, verdict, signals,
             score, policy_version, model_version, revision, campaign, announced_at, errors, waits_for
         FROM comments WHERE id = ANY($1)",
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)
}

/// The rows of these records, by id.
pub(crate) fn by_id(records: &[Record]) -> Result<HashMap<Uuid, Row<'_>>, StoreError> {
    records.iter().map(|record| Ok((record.id, record.row()?))).collect()
}
