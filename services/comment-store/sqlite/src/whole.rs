//! Rows with every column.

use std::collections::HashMap;

use rejoinder_comment_store::{
    StoreError,
    row::{Row, RowState},
};
use sqlx::SqliteExecutor;
use uuid::Uuid;

use crate::{
    error::store_error,
    json::{hex, list, time},
};

/// A row as the file keeps it.
pub(crate) struct Record {
    pub(crate) id: Uuid,
    state: i16,
    site: String,
    thread: String,
    thread_url: String,
    thread_title: String,
    thread_published_at: Option<i64>,
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
    submitted_at: i64,
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
    announced_at: Option<i64>,
    errors: Vec<u8>,
    waits_for: Option<Uuid>,
}

impl Record {
    /// The row as the other databases have it too.
    pub(crate) fn row(&self) -> Result<Row<'_>, StoreError> {
        Ok(Row {
            id: self.id,
            state: RowState::from_code(self.state)?,
            site: &self.site,
            thread: &self.thread,
            thread_url: &self.thread_url,
            thread_title: &self.thread_title,
            thread_published_at: self.thread_published_at.map(time).transpose()?,
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
            submitted_at: time(self.submitted_at)?,
            fingerprint: &self.fingerprint,
            origin: (self.origin_partition, self.origin_offset),
            verdict: self.verdict,
            signals: self.signals.clone(),
            score: self.score,
            policy_version: &self.policy_version,
            model_version: &self.model_version,
            revision: self.revision,
            campaign: &self.campaign,
            announced_at: self.announced_at.map(time).transpose()?,
            errors: self.errors.clone(),
            waits_for: self.waits_for,
        })
    }
}

/// The rows of these ids, in no order.
pub(crate) async fn records(connection: impl SqliteExecutor<'_>, ids: &[Uuid]) -> Result<Vec<Record>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids = list(ids.iter().map(hex))?;
    sqlx::query_as!(
        Record,
        r#"SELECT id AS "id: Uuid", state AS "state: i16", site, thread, thread_url, thread_title,
               thread_published_at, thread_closed AS "thread_closed: bool", parent AS "parent: Uuid", path,
               author_name, author_email, author_url, body, html, client_ip, client_user_agent, client_referrer,
               honeypot_filled AS "honeypot_filled: bool", form_seconds, submitted_at, fingerprint,
               origin_partition AS "origin_partition: i32", origin_offset, verdict AS "verdict: i16", signals, score,
               policy_version, model_version, revision AS "revision: i32", campaign, announced_at, errors,
               waits_for AS "waits_for: Uuid"
           FROM comments WHERE id IN (SELECT unhex(value) FROM json_each(?1))"#,
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
