//! The notifier's outbox in a SQLite file.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use rejoinder_notifier::{Claim, Claimed, Depth, Fate, NewMail, Outbox, OutboxError, Settlement};
use sqlx::{
    Connection, SqlitePool,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

/// How long to wait for another process's lock.
const BUSY: Duration = Duration::from_secs(5);

/// An outbox in a file of its own.
#[derive(Clone, Debug)]
pub struct SqliteOutbox(SqlitePool);

impl SqliteOutbox {
    /// Opens the file, makes it when it is missing, and brings its table up to this version. Several processes on one
    /// machine may share it. A row is on disk when [`Outbox::enqueue`] returns (WAL, synchronous=FULL).
    pub async fn open(path: &Path) -> Result<Self, OutboxError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY);
        // SQLite has one writer, and nearly every call here writes.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            // SQLite ends a transaction by itself when the disk is full. The connection does not hear of it and begins
            // none ever after, so another one takes its place.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options)
            .await
            .map_err(refusal)?;
        sqlx::migrate!().run(&pool).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => refusal(error),
            other => OutboxError::Refused(other.to_string()),
        })?;
        Ok(Self(pool))
    }

    /// Closes the file.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

#[async_trait]
impl Outbox for SqliteOutbox {
    async fn enqueue(&self, mails: &[NewMail]) -> Result<(), OutboxError> {
        let mut transaction = self.0.begin_with("begin immediate").await.map_err(refusal)?;
        for mail in mails {
            let (created, trace) = (mail.created_at.timestamp_micros(), mail.traceparent());
            sqlx::query!(
                "insert into notifier_outbox (id, comment_id, site, moderator, event, created_at, due_at, traceparent)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
                 on conflict (id) do update set
                     event = excluded.event,
                     traceparent = excluded.traceparent,
                     created_at = excluded.created_at,
                     due_at = excluded.due_at,
                     status = 'pending',
                     attempts = 0,
                     error = null,
                     settled_at = null
                 where status = 'skipped' or (status = 'pending' and event <> excluded.event)",
                mail.id,
                mail.comment,
                mail.site,
                mail.moderator,
                mail.event,
                created,
                trace,
            )
            .execute(&mut *transaction)
            .await
            .map_err(refusal)?;
        }
        transaction.commit().await.map_err(refusal)
    }

    async fn claim(
        &self,
        now: DateTime<Utc>,
        limit: u32,
        lease: chrono::Duration,
    ) -> Result<Vec<Claimed>, OutboxError> {
        let until = (now + lease).trunc_subsecs(6);
        let (due, end) = (now.timestamp_micros(), until.timestamp_micros());
        let rows = sqlx::query!(
            r#"update notifier_outbox set due_at = ?1, attempts = attempts + 1
               where id in (
                   select id from notifier_outbox where status = 'pending' and due_at <= ?2 order by due_at limit ?3
               )
               returning id as "id: Uuid", comment_id as "comment_id: Uuid", site, moderator, event, created_at,
                   attempts, traceparent"#,
            end,
            due,
            limit,
        )
        .fetch_all(&self.0)
        .await
        .map_err(refusal)?;
        let claimed = rows.into_iter().map(|row| Claimed {
            claim: Claim { id: row.id, until },
            attempt: u32::try_from(row.attempts).unwrap_or_default(),
            mail: NewMail {
                id: row.id,
                comment: row.comment_id,
                site: row.site,
                moderator: row.moderator,
                event: row.event,
                created_at: DateTime::from_timestamp_micros(row.created_at).unwrap_or_default(),
                trace: row.traceparent.parse().ok(),
            },
        });
        let mut claimed: Vec<_> = claimed.collect();
        // An update returns its rows in no order.
        claimed.sort_by_key(|claimed| claimed.mail.created_at);
        Ok(claimed)
    }

    async fn settle(&self, now: DateTime<Utc>, settlements: &[Settlement]) -> Result<(), OutboxError> {
        let mut transaction = self.0.begin_with("begin immediate").await.map_err(refusal)?;
        for Settlement { claim, fate } in settlements {
            let (status, error, due, given_back) = match fate {
                Fate::Sent => ("sent", None, None, 0),
                Fate::Retry { at, error } => ("pending", Some(error.as_str()), Some(*at), 0),
                Fate::Put { at, reason } => ("pending", Some(*reason), Some(*at), 1),
                Fate::Failed { error } => ("failed", Some(error.as_str()), None, 0),
                Fate::Skipped { reason } => ("skipped", Some(*reason), None, 0),
            };
            let due = due.map(|due| due.timestamp_micros());
            let settled = (status != "pending").then(|| now.timestamp_micros());
            let until = claim.until.timestamp_micros();
            sqlx::query!(
                "update notifier_outbox set
                     status = ?1,
                     error = ?2,
                     due_at = coalesce(?3, due_at),
                     attempts = attempts - ?4,
                     event = case when ?1 in ('sent', 'skipped') then x'' else event end,
                     settled_at = ?5
                 where id = ?6 and (
                     status = 'pending' and (due_at = ?7 or ?1 = 'sent') or status = 'skipped' and ?1 = 'sent'
                 )",
                status,
                error,
                due,
                given_back,
                settled,
                claim.id,
                until,
            )
            .execute(&mut *transaction)
            .await
            .map_err(refusal)?;
        }
        transaction.commit().await.map_err(refusal)
    }

    async fn withdraw(&self, now: DateTime<Utc>, comments: &[Uuid]) -> Result<u64, OutboxError> {
        let settled = now.timestamp_micros();
        let mut transaction = self.0.begin_with("begin immediate").await.map_err(refusal)?;
        let mut withdrawn = 0;
        for comment in comments {
            let rows = sqlx::query!(
                "update notifier_outbox set status = 'skipped', error = 'withdrawn', event = x'', settled_at = ?1
                 where comment_id = ?2 and status = 'pending'",
                settled,
                comment,
            )
            .execute(&mut *transaction)
            .await
            .map_err(refusal)?;
            withdrawn += rows.rows_affected();
        }
        transaction.commit().await.map_err(refusal)?;
        Ok(withdrawn)
    }

    async fn depth(&self) -> Result<Depth, OutboxError> {
        let counts = sqlx::query!(r#"select status, count(*) as "rows!: i64" from notifier_outbox group by status"#)
            .fetch_all(&self.0)
            .await
            .map_err(refusal)?;
        let mut depth = Depth::default();
        for count in counts {
            let rows = count.rows.unsigned_abs();
            match count.status.as_str() {
                "pending" => depth.pending = rows,
                "sent" => depth.sent = rows,
                "failed" => depth.failed = rows,
                _ => depth.skipped = rows,
            }
        }
        Ok(depth)
    }

    async fn sent(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<(Uuid, Uuid)>, OutboxError> {
        // Every id comes after no bytes at all.
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        let rows = sqlx::query!(
            r#"select id as "id: Uuid", comment_id as "comment_id: Uuid" from notifier_outbox
               where status = 'sent' and id > ?1 order by id limit ?2"#,
            after,
            limit,
        )
        .fetch_all(&self.0)
        .await
        .map_err(refusal)?;
        Ok(rows.into_iter().map(|row| (row.id, row.comment_id)).collect())
    }

    async fn purge(&self, settled_before: DateTime<Utc>, limit: u32) -> Result<u64, OutboxError> {
        let before = settled_before.timestamp_micros();
        let purged = sqlx::query!(
            "delete from notifier_outbox where id in (
                 select id from notifier_outbox where settled_at < ?1 order by settled_at limit ?2
             )",
            before,
            limit,
        )
        .execute(&self.0)
        .await
        .map_err(refusal)?;
        Ok(purged.rows_affected())
    }
}

/// Whether the same call may pass later: busy (5), locked (6), an input/output error (10), a full disk (13) or a file
/// that cannot be opened (14), by SQLite's result codes; the low byte of an extended code is its primary one.
fn refusal(error: sqlx::Error) -> OutboxError {
    let passing = match &error {
        sqlx::Error::Database(database) => {
            let code = database.code().and_then(|code| code.parse::<u32>().ok());
            code.is_some_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        _ => false,
    };
    match passing {
        true => OutboxError::Unavailable(error.to_string()),
        false => OutboxError::Refused(error.to_string()),
    }
}
