//! The notifier's outbox on PostgreSQL. Any number of processes may share it.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use rejoinder_notifier::{Claim, Claimed, Depth, Fate, NewMail, Outbox, OutboxError, Settlement};
use sqlx::{PgPool, migrate::MigrateError, postgres::PgPoolOptions};
use uuid::Uuid;

/// Rows in one statement; keeps a statement's size in the low megabytes.
const CHUNK: usize = 500;
/// How long to wait for a free connection before the database counts as away.
const ACQUIRE: Duration = Duration::from_secs(5);

/// An outbox in a PostgreSQL database, in its table `notifier_outbox`.
#[derive(Clone, Debug)]
pub struct PostgresOutbox(PgPool);

impl PostgresOutbox {
    /// Connects to `url`, a `postgres://` address, with at most `max_connections`. Waits at most five seconds.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, OutboxError> {
        let options = PgPoolOptions::new().max_connections(max_connections).acquire_timeout(ACQUIRE);
        options.connect(url).await.map(Self).map_err(refusal)
    }

    /// Connects to `url` from now on; connections that are open stay so.
    pub fn readdress(&self, url: &str) -> Result<(), OutboxError> {
        self.0.set_connect_options(url.parse().map_err(refusal)?);
        Ok(())
    }

    /// Brings the table up to this version. Safe to run by many at once.
    pub async fn migrate(&self) -> Result<(), OutboxError> {
        sqlx::migrate!().run(&self.0).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => refusal(error),
            other => OutboxError::Refused(other.to_string()),
        })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

#[async_trait]
impl Outbox for PostgresOutbox {
    async fn enqueue(&self, mails: &[NewMail]) -> Result<(), OutboxError> {
        let mut transaction = self.0.begin().await.map_err(refusal)?;
        for chunk in mails.chunks(CHUNK) {
            let ids: Vec<_> = chunk.iter().map(|mail| mail.id).collect();
            let comments: Vec<_> = chunk.iter().map(|mail| mail.comment).collect();
            let sites: Vec<_> = chunk.iter().map(|mail| mail.site.clone()).collect();
            let moderators: Vec<_> = chunk.iter().map(|mail| mail.moderator.clone()).collect();
            let events: Vec<_> = chunk.iter().map(|mail| mail.event.clone()).collect();
            let times: Vec<_> = chunk.iter().map(|mail| mail.created_at).collect();
            let traces: Vec<_> = chunk.iter().map(|mail| mail.traceparent()).collect();
            sqlx::query!(
                "insert into notifier_outbox (id, comment_id, site, moderator, event, created_at, due_at, traceparent)
                 select distinct on (id) id, comment_id, site, moderator, event, created_at, created_at, traceparent
                 from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[],
                     $7::text[])
                     as mail (id, comment_id, site, moderator, event, created_at, traceparent)
                 order by id
                 on conflict (id) do update set
                     event = excluded.event,
                     traceparent = excluded.traceparent,
                     created_at = excluded.created_at,
                     due_at = excluded.due_at,
                     status = 'pending',
                     attempts = 0,
                     error = null,
                     settled_at = null
                 where notifier_outbox.status = 'skipped'
                     or (notifier_outbox.status = 'pending' and notifier_outbox.event <> excluded.event)",
                &ids,
                &comments,
                &sites,
                &moderators,
                &events,
                &times,
                &traces,
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
        let rows = sqlx::query!(
            "with due as (
                 select id from notifier_outbox
                 where status = 'pending' and due_at <= $1
                 order by due_at limit $2 for update skip locked
             )
             update notifier_outbox outbox set due_at = $3, attempts = attempts + 1
             from due where outbox.id = due.id
             returning outbox.id, comment_id, site, moderator, event, created_at, attempts, traceparent",
            now,
            i64::from(limit),
            until,
        )
        .fetch_all(&self.0)
        .await
        .map_err(refusal)?;
        let claimed = rows.into_iter().map(|row| Claimed {
            claim: Claim { id: row.id, until },
            attempt: row.attempts.unsigned_abs(),
            mail: NewMail {
                id: row.id,
                comment: row.comment_id,
                site: row.site,
                moderator: row.moderator,
                event: row.event,
                created_at: row.created_at,
                trace: row.traceparent.parse().ok(),
            },
        });
        let mut claimed: Vec<_> = claimed.collect();
        // An update returns its rows in no order.
        claimed.sort_by_key(|claimed| claimed.mail.created_at);
        Ok(claimed)
    }

    async fn settle(&self, now: DateTime<Utc>, settlements: &[Settlement]) -> Result<(), OutboxError> {
        let mut transaction = self.0.begin().await.map_err(refusal)?;
        for chunk in settlements.chunks(CHUNK) {
            let fates: Vec<_> = chunk.iter().map(|settlement| Columns::of(&settlement.fate)).collect();
            let ids: Vec<_> = chunk.iter().map(|settlement| settlement.claim.id).collect();
            let untils: Vec<_> = chunk.iter().map(|settlement| settlement.claim.until).collect();
            let statuses: Vec<_> = fates.iter().map(|fate| fate.status.to_owned()).collect();
            let errors: Vec<_> = fates.iter().map(|fate| fate.error.map(str::to_owned)).collect();
            let dues: Vec<_> = fates.iter().map(|fate| fate.due).collect();
            let given_back: Vec<_> = fates.iter().map(|fate| fate.given_back).collect();
            sqlx::query!(
                "update notifier_outbox outbox set
                     status = fate.status,
                     error = fate.error,
                     due_at = coalesce(fate.due_at, outbox.due_at),
                     attempts = outbox.attempts - fate.given_back,
                     event = case when fate.status in ('sent', 'skipped') then '' else outbox.event end,
                     settled_at = case when fate.status = 'pending' then null else $7::timestamptz end
                 from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[])
                     as fate (id, until, status, error, due_at, given_back)
                 where outbox.id = fate.id and (
                     outbox.status = 'pending' and (outbox.due_at = fate.until or fate.status = 'sent')
                     or outbox.status = 'skipped' and fate.status = 'sent'
                 )",
                &ids,
                &untils,
                &statuses,
                &errors as &[Option<String>],
                &dues as &[Option<DateTime<Utc>>],
                &given_back,
                now,
            )
            .execute(&mut *transaction)
            .await
            .map_err(refusal)?;
        }
        transaction.commit().await.map_err(refusal)
    }

    async fn withdraw(&self, now: DateTime<Utc>, comments: &[Uuid]) -> Result<u64, OutboxError> {
        let withdrawn = sqlx::query!(
            "update notifier_outbox set status = 'skipped', error = 'withdrawn', event = '', settled_at = $1
             where comment_id = any($2) and status = 'pending'",
            now,
            comments,
        )
        .execute(&self.0)
        .await
        .map_err(refusal)?;
        Ok(withdrawn.rows_affected())
    }

    async fn depth(&self) -> Result<Depth, OutboxError> {
        let counts = sqlx::query!(
            r#"select count(*) filter (where status = 'pending') as "pending!",
                 count(*) filter (where status = 'sent') as "sent!",
                 count(*) filter (where status = 'failed') as "failed!",
                 count(*) filter (where status = 'skipped') as "skipped!"
               from notifier_outbox"#
        )
        .fetch_one(&self.0)
        .await
        .map_err(refusal)?;
        Ok(Depth {
            pending: counts.pending.unsigned_abs(),
            sent: counts.sent.unsigned_abs(),
            failed: counts.failed.unsigned_abs(),
            skipped: counts.skipped.unsigned_abs(),
        })
    }

    async fn sent(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<(Uuid, Uuid)>, OutboxError> {
        let rows = sqlx::query!(
            "select id, comment_id from notifier_outbox
             where status = 'sent' and ($1::uuid is null or id > $1) order by id limit $2",
            after,
            i64::from(limit),
        )
        .fetch_all(&self.0)
        .await
        .map_err(refusal)?;
        Ok(rows.into_iter().map(|row| (row.id, row.comment_id)).collect())
    }

    async fn purge(&self, settled_before: DateTime<Utc>, limit: u32) -> Result<u64, OutboxError> {
        let purged = sqlx::query!(
            "delete from notifier_outbox where id in (
                 select id from notifier_outbox where settled_at < $1 order by settled_at limit $2
             )",
            settled_before,
            i64::from(limit),
        )
        .execute(&self.0)
        .await
        .map_err(refusal)?;
        Ok(purged.rows_affected())
    }
}

/// A fate as the table keeps it.
struct Columns<'a> {
    status: &'static str,
    error: Option<&'a str>,
    due: Option<DateTime<Utc>>,
    given_back: i32,
}

impl<'a> Columns<'a> {
    fn of(fate: &'a Fate) -> Self {
        let (status, error, due, given_back) = match fate {
            Fate::Sent => ("sent", None, None, 0),
            Fate::Retry { at, error } => ("pending", Some(error.as_str()), Some(*at), 0),
            Fate::Put { at, reason } => ("pending", Some(*reason), Some(*at), 1),
            Fate::Failed { error } => ("failed", Some(error.as_str()), None, 0),
            Fate::Skipped { reason } => ("skipped", Some(*reason), None, 0),
        };
        Self { status, error, due, given_back }
    }
}

/// Whether the same call may pass later. Classes by PostgreSQL's appendix A: 08 connection, 28 login (a
/// password that is just being rotated), 40 rollback, 53 resources,
/// 55 not in the right state (locks), 57 operator intervention, 58 system; 25006 is a standby that takes no writes.
fn refusal(error: sqlx::Error) -> OutboxError {
    let passing = match &error {
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            let class = code.get(..2).unwrap_or_default();
            matches!(class, "08" | "28" | "40" | "53" | "55" | "57" | "58") || code == "25006"
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    };
    match passing {
        true => OutboxError::Unavailable(error.to_string()),
        false => OutboxError::Refused(error.to_string()),
    }
}
