//! What tools ask of the whole file, page by page.

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

use crate::{
    SqliteStore,
    error::store_error,
    facts,
    json::{hex, list, micros, time},
    log, read, whole,
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
        let ids: Vec<Uuid> = sqlx::query_scalar!(
            r#"SELECT id AS "id: Uuid" FROM comments WHERE id > ?1 ORDER BY id LIMIT ?2"#,
            after,
            limit
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        let mut rows = Vec::with_capacity(ids.len());
        for record in whole::records(&self.readers, &ids).await? {
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

    async fn rescreenings(
        &self,
        after: Option<(Uuid, i32)>,
        limit: u32,
    ) -> Result<Vec<(Uuid, i32, Effect)>, StoreError> {
        let (id, revision) = after.map_or_else(|| (Vec::new(), 0), |(id, revision)| (id.as_bytes().to_vec(), revision));
        let rows = sqlx::query!(
            r#"SELECT id AS "id: Uuid", revision AS "revision: i32", effect AS "effect: i16" FROM rescreenings
               WHERE (id, revision) > (?1, ?2) ORDER BY id, revision LIMIT ?3"#,
            id,
            revision,
            limit
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(|row| Ok((row.id, row.revision, Effect::from_code(row.effect)?))).collect()
    }

    async fn logged(&self, after: Option<&LogKey>, limit: u32) -> Result<Vec<LoggedDecision>, StoreError> {
        log::by_key(&self.readers, after, limit).await
    }

    async fn decisions_after(&self, seq: i64, limit: u32) -> Result<Vec<LoggedDecision>, StoreError> {
        log::after(&self.readers, seq, limit).await
    }

    async fn stored_since(
        &self,
        site: &str,
        from: DateTime<Utc>,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<Vec<ScreenedComment>, StoreError> {
        // Every id comes after no bytes at all.
        let (at, id) = after.map_or_else(|| (from, Vec::new()), |(at, id)| (at, id.as_bytes().to_vec()));
        let (from, at) = (micros(from), micros(at));
        let ids: Vec<Uuid> = sqlx::query_scalar!(
            r#"SELECT id AS "id: Uuid" FROM comments
               WHERE site = ?1 AND state BETWEEN 1 AND 4 AND submitted_at >= ?2 AND (submitted_at, id) > (?3, ?4)
               ORDER BY submitted_at, id LIMIT ?5"#,
            site,
            from,
            at,
            id,
            limit
        )
        .fetch_all(&self.readers)
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
        facts::approved_before(&self.readers, authors).await
    }

    async fn campaign_members(
        &self,
        site: &str,
        campaign: &str,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ScreenedComment>, StoreError> {
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        let ids: Vec<Uuid> = sqlx::query_scalar!(
            r#"SELECT id AS "id: Uuid" FROM comments
               WHERE site = ?1 AND campaign = ?2 AND campaign <> '' AND state BETWEEN 1 AND 4 AND id > ?3
               ORDER BY id LIMIT ?4"#,
            site,
            campaign,
            after,
            limit
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        let mut comments = self.comments(&ids).await?;
        comments.sort_unstable_by_key(|comment| comment.id);
        Ok(comments)
    }
}

impl SqliteStore {
    /// These comments with the decisions in force, in no order.
    async fn comments(&self, ids: &[Uuid]) -> Result<Vec<ScreenedComment>, StoreError> {
        let mut decisions = read::latest_decisions(&self.readers, &list(ids.iter().map(hex))?).await?;
        let mut comments = Vec::with_capacity(ids.len());
        for record in whole::records(&self.readers, ids).await? {
            comments.extend(ScreenedComment::of(&record.row()?, decisions.remove(&record.id))?);
        }
        Ok(comments)
    }
}
