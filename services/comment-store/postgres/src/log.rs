//! The decision log.

use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    StoreError,
    decision_log::{Entry, LogKey, LogRow, LoggedDecision, log_rows, stored_ids},
    row::DecisionKey,
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    error::{Failure, store_error},
    whole,
};

/// The advisory lock of whoever adds to the log. Any number will do that nothing else in the database takes.
const LOCK: i64 = 0x7265_6a6f_696e_6465;

/// Adds what is not there yet; the last thing that a transaction does.
///
/// A sequence gives its numbers out in one order, and transactions commit in another: a follower that has seen 7 would miss a
/// 6 that commits later. So only one transaction at a time has numbers that are not committed. Nobody who holds the lock waits
/// for another lock, so it cannot be part of a deadlock.
pub(crate) async fn append(connection: &mut PgConnection, entries: &[Entry]) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    let records = whole::records(&mut *connection, &stored_ids(entries)).await?;
    let rows = log_rows(entries, &whole::by_id(&records)?)?;
    let column = |of: fn(&LogRow) -> &str| rows.iter().map(of).collect::<Vec<_>>();
    let keys = || rows.iter().map(|row| &row.key);
    let ids: Vec<Uuid> = keys().map(|key| key.id).collect();
    let times: Vec<DateTime<Utc>> = keys().map(|key| key.decision.at).collect();
    let actions: Vec<i16> = keys().map(|key| key.decision.action).collect();
    let comments: Vec<&[u8]> = rows.iter().map(|row| row.comment.as_slice()).collect();
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", LOCK).execute(&mut *connection).await?;
    sqlx::query!(
        "INSERT INTO decision_log (site, comment_id, decided_at, action, moderator, reason, comment)
         SELECT site, comment_id, decided_at, action, moderator, reason, comment
         FROM UNNEST($1::text[], $2::uuid[], $3::timestamptz[], $4::smallint[], $5::text[], $6::text[], $7::bytea[])
             WITH ORDINALITY AS new (site, comment_id, decided_at, action, moderator, reason, comment, place)
         ORDER BY place
         ON CONFLICT DO NOTHING",
        &column(|row| &row.key.site) as &[&str],
        &ids,
        &times,
        &actions,
        &column(|row| &row.key.decision.moderator) as &[&str],
        &column(|row| &row.reason) as &[&str],
        &comments as &[&[u8]]
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Record {
    seq: i64,
    site: String,
    comment_id: Uuid,
    decided_at: DateTime<Utc>,
    action: i16,
    moderator: String,
    reason: String,
    comment: Vec<u8>,
}

impl Record {
    fn logged(self) -> Result<LoggedDecision, StoreError> {
        let Self { seq, site, comment_id, decided_at, action, moderator, reason, comment } = self;
        let decision = DecisionKey { at: decided_at, action, moderator };
        LogRow { key: LogKey { site, id: comment_id, decision }, reason, comment }.logged(seq)
    }
}

pub(crate) async fn after(pool: &PgPool, seq: i64, limit: u32) -> Result<Vec<LoggedDecision>, StoreError> {
    let records = sqlx::query_as!(
        Record,
        "SELECT seq, site, comment_id, decided_at, action, moderator, reason, comment FROM decision_log
         WHERE seq > $1 ORDER BY seq LIMIT $2",
        seq,
        i64::from(limit)
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    records.into_iter().map(Record::logged).collect()
}

pub(crate) async fn by_key(
    pool: &PgPool,
    after: Option<&LogKey>,
    limit: u32,
) -> Result<Vec<LoggedDecision>, StoreError> {
    let records = sqlx::query_as!(
        Record,
        "SELECT seq, site, comment_id, decided_at, action, moderator, reason, comment FROM decision_log
         WHERE $1::text IS NULL OR (site, comment_id, decided_at, action, moderator) > ($1, $2, $3, $4, $5)
         ORDER BY site, comment_id, decided_at, action, moderator LIMIT $6",
        after.map(|key| key.site.as_str()),
        after.map(|key| key.id),
        after.map(|key| key.decision.at),
        after.map(|key| key.decision.action),
        after.map(|key| key.decision.moderator.as_str()),
        i64::from(limit)
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    records.into_iter().map(Record::logged).collect()
}
