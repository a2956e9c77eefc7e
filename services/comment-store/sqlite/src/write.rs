//! Writes what was decided, in the order that [`Writes`] asks for.

use rejoinder_comment_store::{
    State, StoreError,
    ledger::{Effect, Writes},
    row::{DecisionKey, Row, RowState},
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    error::store_error,
    json::{JsonRow, hex, list, micros},
    log,
};

/// `false` when a row that was to be inserted is there already, or its fingerprint is: roll back, and look first.
pub(crate) async fn all(connection: &mut SqliteConnection, writes: &Writes<'_>) -> Result<bool, StoreError> {
    if !writes.replaced.is_empty() {
        let ids = list(writes.replaced.iter().map(hex))?;
        sqlx::query!("DELETE FROM comments WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND state = 0", ids)
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
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

async fn change(connection: &mut SqliteConnection, changes: &[(Uuid, State)]) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let changes = list(changes.iter().map(|(id, state)| (hex(id), RowState::Stored(*state).code())))?;
    sqlx::query!(
        "UPDATE comments SET state = new.state
         FROM (SELECT unhex(value ->> 0) AS id, value ->> 1 AS state FROM jsonb_each(?1)) AS new WHERE comments.id = new.id",
        changes
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn move_to(connection: &mut SqliteConnection, moved: &[(Uuid, Vec<u8>, Option<Uuid>)]) -> Result<(), StoreError> {
    if moved.is_empty() {
        return Ok(());
    }
    let moved = list(moved.iter().map(|(id, path, waits_for)| (hex(id), hex(path), waits_for.map(hex))))?;
    sqlx::query!(
        "UPDATE comments SET path = new.path, waits_for = new.waits_for
         FROM (SELECT unhex(value ->> 0) AS id, unhex(value ->> 1) AS path, unhex(value ->> 2) AS waits_for
               FROM jsonb_each(?1)) AS new WHERE comments.id = new.id",
        moved
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn screen_again(connection: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = list(rows.iter().map(|row| {
        let (signals, versions) = (hex(&row.signals), (row.policy_version, row.model_version));
        (hex(row.id), row.verdict, signals, row.score, versions.0, versions.1, row.revision, row.campaign)
    }))?;
    sqlx::query!(
        "UPDATE comments SET verdict = new.verdict, signals = new.signals, score = new.score,
             policy_version = new.policy_version, model_version = new.model_version, revision = new.revision,
             campaign = new.campaign
         FROM (SELECT unhex(value ->> 0) AS id, value ->> 1 AS verdict, unhex(value ->> 2) AS signals, value ->> 3 AS score,
                   value ->> 4 AS policy_version, value ->> 5 AS model_version, value ->> 6 AS revision,
                   value ->> 7 AS campaign
               FROM jsonb_each(?1)) AS new WHERE comments.id = new.id",
        rows
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn keep_screenings(
    connection: &mut SqliteConnection,
    screenings: &[(Uuid, i32, Effect)],
) -> Result<(), StoreError> {
    if screenings.is_empty() {
        return Ok(());
    }
    let screenings = list(screenings.iter().map(|(id, revision, effect)| (hex(id), revision, effect.code())))?;
    sqlx::query!(
        "INSERT INTO rescreenings (id, revision, effect)
         SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM jsonb_each(?1)",
        screenings
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn decide(
    connection: &mut SqliteConnection,
    decisions: &[(Uuid, DecisionKey, Effect)],
) -> Result<(), StoreError> {
    if decisions.is_empty() {
        return Ok(());
    }
    let decisions = list(
        decisions
            .iter()
            .map(|(id, key, effect)| (hex(id), micros(key.at), key.action, key.moderator.as_str(), effect.code())),
    )?;
    sqlx::query!(
        "INSERT INTO decisions (id, decided_at, action, moderator, effect)
         SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(?1)",
        decisions
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn insert(connection: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<u64, StoreError> {
    let rows = list(rows.iter().map(JsonRow))?;
    // WHERE true keeps ON CONFLICT from being read as a join's condition.
    let inserted = sqlx::query!(
        "INSERT INTO comments (
             id, state, site, thread, thread_url, thread_title, thread_published_at, thread_closed, parent, path,
             author_name, author_email, author_url, body, html, client_ip, client_user_agent, client_referrer,
             honeypot_filled, form_seconds, submitted_at, fingerprint, origin_partition, origin_offset, verdict, signals,
             score, policy_version, model_version, announced_at, errors, waits_for, revision, campaign)
         SELECT
             unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
             value ->> 7, unhex(value ->> 8), unhex(value ->> 9), value ->> 10, value ->> 11, value ->> 12,
             value ->> 13, value ->> 14, value ->> 15, value ->> 16, value ->> 17, value ->> 18, value ->> 19,
             value ->> 20, unhex(value ->> 21), value ->> 22, value ->> 23, value ->> 24, unhex(value ->> 25),
             value ->> 26, value ->> 27, value ->> 28, value ->> 29, unhex(value ->> 30),
             unhex(value ->> 31), value ->> 32, value ->> 33
         FROM jsonb_each(?1) WHERE true
         ON CONFLICT DO NOTHING",
        rows
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(inserted.rows_affected())
}
