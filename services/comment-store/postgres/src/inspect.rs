//! What tools ask of the whole database, page by page.

use async_trait::async_trait;
use rejoinder_comment_store::{
    StoreError,
    inspect::{Inspect, Known, Whole},
    ledger::Effect,
    row::{DecisionKey, Row, RowState},
};
use uuid::Uuid;

use crate::{PostgresStore, error::store_error};

#[async_trait]
impl Inspect for PostgresStore {
    async fn known(&self, ids: &[Uuid]) -> Result<Vec<Known>, StoreError> {
        let rows =
            sqlx::query!("SELECT id, state, origin_partition, origin_offset FROM comments WHERE id = ANY($1)", ids)
                .fetch_all(&self.pool)
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
        let rows = sqlx::query!(
            "SELECT id, state, site, thread, thread_url, thread_title, thread_published_at, thread_closed, parent, path,
                 author_name, author_email, author_url, body, html, client_ip, client_user_agent, client_referrer,
                 honeypot_filled, form_seconds, submitted_at, fingerprint, origin_partition, origin_offset, verdict,
                 signals, score, policy_version, model_version, announced_at, errors, waits_for
             FROM comments WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2",
            after,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
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
                    thread_published_at: row.thread_published_at,
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
                    submitted_at: row.submitted_at,
                    fingerprint: &row.fingerprint,
                    origin: (row.origin_partition, row.origin_offset),
                    verdict: row.verdict,
                    signals: row.signals,
                    score: row.score,
                    policy_version: &row.policy_version,
                    model_version: &row.model_version,
                    announced_at: row.announced_at,
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
        let rows = sqlx::query!(
            "SELECT id, decided_at, action, moderator, effect FROM decisions
             WHERE $1::uuid IS NULL OR (id, decided_at, action, moderator) > ($1, $2, $3, $4)
             ORDER BY id, decided_at, action, moderator LIMIT $5",
            after.map(|(id, _)| *id),
            after.map(|(_, key)| key.at),
            after.map(|(_, key)| key.action),
            after.map(|(_, key)| key.moderator.as_str()),
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        rows.into_iter()
            .map(|row| {
                let key = DecisionKey { at: row.decided_at, action: row.action, moderator: row.moderator };
                Ok((row.id, key, Effect::from_code(row.effect)?))
            })
            .collect()
    }
}
