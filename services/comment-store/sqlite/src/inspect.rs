//! What tools ask of the whole file, page by page.

use async_trait::async_trait;
use rejoinder_comment_store::{
    StoreError,
    inspect::{Inspect, Known, Whole},
    ledger::Effect,
    row::{DecisionKey, Row, RowState},
};
use uuid::Uuid;

use crate::{
    SqliteStore,
    error::store_error,
    json::{hex, list, micros, time},
};

#[async_trait]
impl Inspect for SqliteStore {
    async fn known(&self, ids: &[Uuid]) -> Result<Vec<Known>, StoreError> {
        let ids = list(ids.iter().map(hex))?;
        let rows = sqlx::query!(
            r#"SELECT id AS "id: Uuid", state AS "state: i16", origin_partition AS "origin_partition: i32", origin_offset
               FROM comments WHERE id IN (SELECT unhex(value) FROM json_each(?1))"#,
            ids
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        rows.into_iter()
            .map(|row| {
                let state = RowState::from_code(row.state)?;
                Ok(Known { id: row.id, state, origin: (row.origin_partition, row.origin_offset) })
            })
            .collect()
    }

    async fn rows(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<Whole>, StoreError> {
        // Every id comes after no bytes at all.
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        let rows = sqlx::query!(
            r#"SELECT id AS "id: Uuid", state AS "state: i16", site, thread, thread_url, thread_title,
                   thread_published_at, thread_closed AS "thread_closed: bool", parent AS "parent: Uuid", path,
                   author_name, author_email, author_url, body, html, client_ip, client_user_agent, client_referrer,
                   honeypot_filled AS "honeypot_filled: bool", form_seconds, submitted_at, fingerprint,
                   origin_partition AS "origin_partition: i32", origin_offset, verdict AS "verdict: i16", signals, score,
                   policy_version, model_version, announced_at, errors, waits_for AS "waits_for: Uuid"
               FROM comments WHERE id > ?1 ORDER BY id LIMIT ?2"#,
            after,
            limit
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        rows.into_iter()
            .map(|row| {
                Ok(Whole::of(&Row {
                    id: row.id,
                    state: RowState::from_code(row.state)?,
                    site: &row.site,
                    thread: &row.thread,
                    thread_url: &row.thread_url,
                    thread_title: &row.thread_title,
                    thread_published_at: row.thread_published_at.map(time).transpose()?,
                    thread_closed: row.thread_closed,
                    parent: row.parent,
                    path: row.path,
                    author_name: &row.author_name,
                    author_email: row.author_email.into(),
                    author_url: &row.author_url,
                    body: &row.body,
                    html: &row.html,
                    client_ip: &row.client_ip,
                    client_user_agent: &row.client_user_agent,
                    client_referrer: &row.client_referrer,
                    honeypot_filled: row.honeypot_filled,
                    form_seconds: row.form_seconds,
                    submitted_at: time(row.submitted_at)?,
                    fingerprint: &row.fingerprint,
                    origin: (row.origin_partition, row.origin_offset),
                    verdict: row.verdict,
                    signals: row.signals,
                    score: row.score,
                    policy_version: &row.policy_version,
                    model_version: &row.model_version,
                    announced_at: row.announced_at.map(time).transpose()?,
                    errors: row.errors,
                    waits_for: row.waits_for,
                }))
            })
            .collect()
    }

    async fn decisions(
        &self,
        after: Option<&(Uuid, DecisionKey)>,
        limit: u32,
    ) -> Result<Vec<(Uuid, DecisionKey, Effect)>, StoreError> {
        let (id, at, action, moderator) = match after {
            Some((id, key)) => (id.as_bytes().to_vec(), micros(key.at), key.action, key.moderator.as_str()),
            None => (Vec::new(), 0, 0, ""),
        };
        let rows = sqlx::query!(
            r#"SELECT id AS "id: Uuid", decided_at, action AS "action: i16", moderator, effect AS "effect: i16"
               FROM decisions WHERE (id, decided_at, action, moderator) > (?1, ?2, ?3, ?4)
               ORDER BY id, decided_at, action, moderator LIMIT ?5"#,
            id,
            at,
            action,
            moderator,
            limit
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        rows.into_iter()
            .map(|row| {
                let key = DecisionKey { at: time(row.decided_at)?, action: row.action, moderator: row.moderator };
                Ok((row.id, key, Effect::from_code(row.effect)?))
            })
            .collect()
    }
}
