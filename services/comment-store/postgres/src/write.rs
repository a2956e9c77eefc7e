//! Writes what was decided, in the order that [`Writes`] asks for.

use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    State,
    ledger::{Effect, Writes},
    row::{DecisionKey, Row, RowState},
};
use sqlx::{Error, PgConnection};
use uuid::Uuid;

use crate::{error::Failure, log};

/// `false` when a row that was to be inserted is there already, or its fingerprint is: roll back, and look again.
pub(crate) async fn all(connection: &mut PgConnection, writes: &Writes<'_>) -> Result<bool, Failure> {
    if !writes.replaced.is_empty() {
        sqlx::query!("DELETE FROM comments WHERE id = ANY($1) AND state = 0", &writes.replaced)
            .execute(&mut *connection)
            .await?;
    }
    let trashed: Vec<_> = writes.trashed.iter().map(|&id| (id, State::Trash)).collect();
    change(connection, &trashed).await?;
    if !writes.rows.is_empty() && insert(connection, &writes.rows).await? != writes.rows.len() as u64 {
        return Ok(false);
    }
    move_to(connection, &writes.moved).await?;
    change(connection, &writes.changed).await?;
    screen_again(connection, &writes.rescreened).await?;
    decide(connection, &writes.decisions).await?;
    keep_screenings(connection, &writes.rescreenings).await?;
    log::append(connection, &writes.log).await?;
    Ok(true)
}

async fn change(connection: &mut PgConnection, changes: &[(Uuid, State)]) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = changes.iter().map(|(id, _)| *id).collect();
    let states: Vec<i16> = changes.iter().map(|(_, state)| RowState::Stored(*state).code()).collect();
    sqlx::query!(
        "UPDATE comments SET state = new.state
         FROM UNNEST($1::uuid[], $2::smallint[]) AS new (id, state) WHERE comments.id = new.id",
        &ids,
        &states
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn move_to(connection: &mut PgConnection, moved: &[(Uuid, Vec<u8>, Option<Uuid>)]) -> Result<(), Error> {
    if moved.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = moved.iter().map(|(id, ..)| *id).collect();
    let paths: Vec<&[u8]> = moved.iter().map(|(_, path, _)| path.as_slice()).collect();
    let awaited: Vec<Option<Uuid>> = moved.iter().map(|(.., waits_for)| *waits_for).collect();
    sqlx::query!(
        "UPDATE comments SET path = new.path, waits_for = new.waits_for
         FROM UNNEST($1::uuid[], $2::bytea[], $3::uuid[]) AS new (id, path, waits_for) WHERE comments.id = new.id",
        &ids,
        &paths as &[&[u8]],
        &awaited as &[Option<Uuid>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn screen_again(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE comments SET verdict = new.verdict, signals = new.signals, score = new.score,
             policy_version = new.policy_version, model_version = new.model_version, revision = new.revision,
             campaign = new.campaign
         FROM UNNEST($1::uuid[], $2::smallint[], $3::bytea[], $4::double precision[], $5::text[], $6::text[], $7::integer[],
                 $8::text[])
             AS new (id, verdict, signals, score, policy_version, model_version, revision, campaign)
         WHERE comments.id = new.id",
        &column(rows, |row| row.id),
        &column(rows, |row| row.verdict),
        &column(rows, |row| row.signals.as_slice()) as &[&[u8]],
        &column(rows, |row| row.score),
        &column(rows, |row| row.policy_version) as &[&str],
        &column(rows, |row| row.model_version) as &[&str],
        &column(rows, |row| row.revision),
        &column(rows, |row| row.campaign) as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn keep_screenings(connection: &mut PgConnection, screenings: &[(Uuid, i32, Effect)]) -> Result<(), Error> {
    if screenings.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = screenings.iter().map(|(id, ..)| *id).collect();
    let revisions: Vec<i32> = screenings.iter().map(|(_, revision, _)| *revision).collect();
    let effects: Vec<i16> = screenings.iter().map(|(.., effect)| effect.code()).collect();
    sqlx::query!(
        "INSERT INTO rescreenings (id, revision, effect)
         SELECT * FROM UNNEST($1::uuid[], $2::integer[], $3::smallint[])",
        &ids,
        &revisions,
        &effects
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn decide(connection: &mut PgConnection, decisions: &[(Uuid, DecisionKey, Effect)]) -> Result<(), Error> {
    if decisions.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = decisions.iter().map(|(id, ..)| *id).collect();
    let times: Vec<_> = decisions.iter().map(|(_, key, _)| key.at).collect();
    let actions: Vec<i16> = decisions.iter().map(|(_, key, _)| key.action).collect();
    let moderators: Vec<&str> = decisions.iter().map(|(_, key, _)| key.moderator.as_str()).collect();
    let effects: Vec<i16> = decisions.iter().map(|(.., effect)| effect.code()).collect();
    sqlx::query!(
        "INSERT INTO decisions (id, decided_at, action, moderator, effect)
         SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::smallint[], $4::text[], $5::smallint[])",
        &ids,
        &times,
        &actions,
        &moderators as &[&str],
        &effects
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<u64, Error> {
    let inserted = sqlx::query!(
        "INSERT INTO comments (
             id, state, site, thread, thread_url, thread_title, thread_published_at, thread_closed, parent, path,
             author_name, author_email, author_url, body, html, client_ip, client_user_agent, client_referrer,
             honeypot_filled, form_seconds, submitted_at, fingerprint, origin_partition, origin_offset, verdict, signals,
             score, policy_version, model_version, announced_at, errors, waits_for, revision, campaign)
         SELECT * FROM UNNEST(
             $1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::boolean[],
             $9::uuid[], $10::bytea[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
             $17::text[], $18::text[], $19::boolean[], $20::double precision[], $21::timestamptz[], $22::bytea[],
             $23::integer[], $24::bigint[], $25::smallint[], $26::bytea[], $27::double precision[], $28::text[],
             $29::text[], $30::timestamptz[], $31::bytea[], $32::uuid[], $33::integer[],
             $34::text[])
         ON CONFLICT DO NOTHING",
        &column(rows, |row| row.id),
        &column(rows, |row| row.state.code()),
        &column(rows, |row| row.site) as &[&str],
        &column(rows, |row| row.thread) as &[&str],
        &column(rows, |row| row.thread_url) as &[&str],
        &column(rows, |row| row.thread_title) as &[&str],
        &column(rows, |row| row.thread_published_at) as &[Option<DateTime<Utc>>],
        &column(rows, |row| row.thread_closed),
        &column(rows, |row| row.parent) as &[Option<Uuid>],
        &column(rows, |row| row.path.as_slice()) as &[&[u8]],
        &column(rows, |row| row.author_name) as &[&str],
        &column(rows, |row| row.author_email.as_ref()) as &[&str],
        &column(rows, |row| row.author_url) as &[&str],
        &column(rows, |row| row.body) as &[&str],
        &column(rows, |row| row.html) as &[&str],
        &column(rows, |row| row.client_ip) as &[&str],
        &column(rows, |row| row.client_user_agent) as &[&str],
        &column(rows, |row| row.client_referrer) as &[&str],
        &column(rows, |row| row.honeypot_filled),
        &column(rows, |row| row.form_seconds) as &[Option<f64>],
        &column(rows, |row| row.submitted_at),
        &column(rows, |row| row.fingerprint) as &[&[u8]],
        &column(rows, |row| row.origin.0),
        &column(rows, |row| row.origin.1),
        &column(rows, |row| row.verdict),
        &column(rows, |row| row.signals.as_slice()) as &[&[u8]],
        &column(rows, |row| row.score),
        &column(rows, |row| row.policy_version) as &[&str],
        &column(rows, |row| row.model_version) as &[&str],
        &column(rows, |row| row.announced_at) as &[Option<DateTime<Utc>>],
        &column(rows, |row| row.errors.as_slice()) as &[&[u8]],
        &column(rows, |row| row.waits_for) as &[Option<Uuid>],
        &column(rows, |row| row.revision),
        &column(rows, |row| row.campaign) as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected())
}

/// One column of some rows, as UNNEST takes it. Borrows the text, which is most of a batch.
fn column<'a, T>(rows: &'a [Row<'_>], of: impl Fn(&'a Row<'_>) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
