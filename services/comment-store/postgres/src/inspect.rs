//! What tools ask of the whole database, page by page.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    StoreError,
    decision_log::{LogKey, LoggedDecision},
    inspect::{Inspect, Known, ScreenedComment, Whole},
    ledger::Effect,
    row::{DecisionKey, RowState},
};
use uuid::Uuid;

use crate::{PostgresStore, error::store_error, facts, log, read, whole};

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
        let ids = sqlx::query_scalar!(
            "SELECT id FROM comments WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2",
            after,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let mut rows = Vec::with_capacity(ids.len());
        for record in whole::records(&self.pool, &ids).await? {
            rows.push(Whole::of(&record.row()?));
        }
        rows.sort_unstable_by_key(|row| row.id);
        Ok(rows)
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

    async fn rescreenings(
        &self,
        after: Option<(Uuid, i32)>,
        limit: u32,
    ) -> Result<Vec<(Uuid, i32, Effect)>, StoreError> {
        let rows = sqlx::query!(
            "SELECT id, revision, effect FROM rescreenings
             WHERE $1::uuid IS NULL OR (id, revision) > ($1, $2) ORDER BY id, revision LIMIT $3",
            after.map(|(id, _)| id),
            after.map(|(_, revision)| revision),
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(|row| Ok((row.id, row.revision, Effect::from_code(row.effect)?))).collect()
    }

    async fn logged(&self, after: Option<&LogKey>, limit: u32) -> Result<Vec<LoggedDecision>, StoreError> {
        log::by_key(&self.pool, after, limit).await
    }

    async fn decisions_after(&self, seq: i64, limit: u32) -> Result<Vec<LoggedDecision>, StoreError> {
        log::after(&self.pool, seq, limit).await
    }

    async fn stored_since(
        &self,
        site: &str,
        from: DateTime<Utc>,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<Vec<ScreenedComment>, StoreError> {
        let ids = sqlx::query_scalar!(
            // In the words of the index comments_time.
            "SELECT id FROM comments
             WHERE site = $1 AND state IN (1, 2, 3, 4) AND submitted_at >= $2
                 AND ($3::timestamptz IS NULL OR (submitted_at, id) > ($3, $4))
             ORDER BY submitted_at, id LIMIT $5",
            site,
            from,
            after.map(|(at, _)| at),
            after.map(|(_, id)| id),
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let mut comments = self.comments(&ids).await?;
        comments.sort_unstable_by_key(|comment| (comment.submitted_at, comment.id));
        Ok(comments)
    }

    async fn approved_before(
        &self,
        authors: &[(String, String, String, DateTime<Utc>)],
    ) -> Result<Vec<bool>, StoreError> {
        facts::approved_before(&self.pool, authors).await
    }

    async fn campaign_members(
        &self,
        site: &str,
        campaign: &str,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ScreenedComment>, StoreError> {
        let ids = sqlx::query_scalar!(
            "SELECT id FROM comments
             WHERE site = $1 AND campaign = $2 AND campaign <> '' AND state BETWEEN 1 AND 4
                 AND ($3::uuid IS NULL OR id > $3)
             ORDER BY id LIMIT $4",
            site,
            campaign,
            after,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let mut comments = self.comments(&ids).await?;
        comments.sort_unstable_by_key(|comment| comment.id);
        Ok(comments)
    }
}

impl PostgresStore {
    /// These comments with the decisions in force, in no order.
    async fn comments(&self, ids: &[Uuid]) -> Result<Vec<ScreenedComment>, StoreError> {
        let mut decisions = read::latest_decisions(&self.pool, ids).await?;
        let mut comments = Vec::with_capacity(ids.len());
        for record in whole::records(&self.pool, ids).await? {
            comments.extend(ScreenedComment::of(&record.row()?, decisions.remove(&record.id))?);
        }
        Ok(comments)
    }
}
