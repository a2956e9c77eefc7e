//! The decision log.

use rejoinder_comment_store::{
    StoreError,
    decision_log::{Entry, LogKey, LogRow, LoggedDecision, log_rows, stored_ids},
    row::DecisionKey,
};
use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use crate::{
    error::store_error,
    json::{hex, list, micros, time},
    whole,
};

/// Adds what is not there yet. The file has one writer, who holds the lock until the commit.
pub(crate) async fn append(connection: &mut SqliteConnection, entries: &[Entry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let records = whole::records(&mut *connection, &stored_ids(entries)).await?;
    let rows = log_rows(entries, &whole::by_id(&records)?)?;
    let rows = list(rows.iter().map(|LogRow { key: LogKey { site, id, decision }, reason, comment }| {
        (site, hex(id), micros(decision.at), decision.action, &decision.moderator, reason, hex(comment))
    }))?;
    // WHERE true keeps ON CONFLICT from being read as a join's condition.
    sqlx::query!(
        "INSERT INTO decision_log (site, comment_id, decided_at, action, moderator, reason, comment)
         SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, unhex(value ->> 6)
         FROM jsonb_each(?1) WHERE true ORDER BY key
         ON CONFLICT DO NOTHING",
        rows
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

struct Record {
    seq: i64,
    site: String,
    comment_id: Uuid,
    decided_at: i64,
    action: i16,
    moderator: String,
    reason: String,
    comment: Vec<u8>,
}

impl Record {
    fn logged(self) -> Result<LoggedDecision, StoreError> {
        let Self { seq, site, comment_id, decided_at, action, moderator, reason, comment } = self;
        let decision = DecisionKey { at: time(decided_at)?, action, moderator };
        LogRow { key: LogKey { site, id: comment_id, decision }, reason, comment }.logged(seq)
    }
}

pub(crate) async fn after(pool: &SqlitePool, seq: i64, limit: u32) -> Result<Vec<LoggedDecision>, StoreError> {
    let records = sqlx::query_as!(
        Record,
        r#"SELECT seq, site, comment_id AS "comment_id: Uuid", decided_at, action AS "action: i16", moderator, reason, comment
           FROM decision_log WHERE seq > ?1 ORDER BY seq LIMIT ?2"#,
        seq,
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    records.into_iter().map(Record::logged).collect()
}

pub(crate) async fn by_key(
    pool: &SqlitePool,
    after: Option<&LogKey>,
    limit: u32,
) -> Result<Vec<LoggedDecision>, StoreError> {
    // Every id comes after no bytes at all.
    let (site, id, at, action, moderator) = match after {
        Some(LogKey { site, id, decision }) => {
            (site.as_str(), id.as_bytes().to_vec(), micros(decision.at), decision.action, decision.moderator.as_str())
        }
        None => ("", Vec::new(), 0, 0, ""),
    };
    let records = sqlx::query_as!(
        Record,
        r#"SELECT seq, site, comment_id AS "comment_id: Uuid", decided_at, action AS "action: i16", moderator, reason, comment
           FROM decision_log WHERE (site, comment_id, decided_at, action, moderator) > (?1, ?2, ?3, ?4, ?5)
           ORDER BY site, comment_id, decided_at, action, moderator LIMIT ?6"#,
        site,
        id,
        at,
        action,
        moderator,
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    records.into_iter().map(Record::logged).collect()
}
