//! What the file holds about a batch.

use std::collections::{BTreeMap, HashMap};

use rejoinder_comment_store::{
    StoreError,
    ledger::{Effect, Held, Ledger, Parent, Place},
    row::{DecisionKey, Item, Row, RowState},
};
use rejoinder_proto::v1;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    error::{out_of_range, store_error},
    json::{hex, list, time},
};

/// The rows of the batch's ids, who holds the fingerprints, the decisions, and the replies that wait.
pub(crate) async fn ledger(connection: &mut SqliteConnection, items: &[Item<'_>]) -> Result<Ledger, StoreError> {
    let ids = list(items.iter().map(|item| hex(item.id())))?;
    let rows = rows(connection, &ids).await?;
    let new = items.iter().filter_map(Item::comment).map(|row| hex(row.fingerprint));
    let fingerprints = list(rows.values().map(|held| hex(&held.fingerprint)).chain(new))?;
    Ok(Ledger {
        holders: holders(connection, &fingerprints).await?,
        decisions: decisions(connection, &ids).await?,
        rescreenings: rescreenings(connection, &ids).await?,
        waiting: waiting(connection, &rows).await?,
        rows,
        parents: HashMap::new(),
    })
}

/// What is known of the parents of the batch's replies.
pub(crate) async fn parents(
    connection: &mut SqliteConnection,
    items: &[Item<'_>],
) -> Result<HashMap<Uuid, Parent>, StoreError> {
    let parents = items.iter().filter_map(|item| item.comment()?.parent.map(hex));
    let parents: Vec<String> = parents.collect();
    if parents.is_empty() {
        return Ok(HashMap::new());
    }
    let parents = list(parents)?;
    let rows = sqlx::query!(
        r#"SELECT id AS "id: Uuid", state AS "state: i16", site, thread, path, waits_for AS "waits_for: Uuid" FROM comments
           WHERE id IN (SELECT unhex(value) FROM json_each(?1))"#,
        parents
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|row| {
            let place = Place { site: row.site, thread: row.thread, path: row.path, waits_for: row.waits_for };
            Ok((row.id, Parent::new(RowState::from_code(row.state)?, place)))
        })
        .collect()
}

/// The stored comments that wait for an awaited one of these rows, by its id.
async fn waiting(
    connection: &mut SqliteConnection,
    rows: &HashMap<Uuid, Held>,
) -> Result<HashMap<Uuid, Vec<(Uuid, Place)>>, StoreError> {
    let awaited = rows.iter().filter(|(_, held)| held.state == RowState::Awaited).map(|(id, _)| hex(id));
    let awaited: Vec<String> = awaited.collect();
    let mut waiting: HashMap<Uuid, Vec<_>> = HashMap::new();
    if awaited.is_empty() {
        return Ok(waiting);
    }
    let awaited = list(awaited)?;
    let rows = sqlx::query!(
        r#"SELECT id AS "id: Uuid", site, thread, path, waits_for AS "waits_for!: Uuid" FROM comments
           WHERE waits_for IN (SELECT unhex(value) FROM json_each(?1))"#,
        awaited
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    for row in rows {
        let place = Place { site: row.site, thread: row.thread, path: row.path, waits_for: Some(row.waits_for) };
        waiting.entry(row.waits_for).or_default().push((row.id, place));
    }
    Ok(waiting)
}

async fn rows(connection: &mut SqliteConnection, ids: &str) -> Result<HashMap<Uuid, Held>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: Uuid", state AS "state: i16", site, thread, thread_url, thread_title, thread_published_at,
               thread_closed AS "thread_closed: bool", parent AS "parent: Uuid", author_name, author_url, html, submitted_at,
               fingerprint, revision AS "revision: i32", origin_partition, origin_offset, announced_at, errors
           FROM comments WHERE id IN (SELECT unhex(value) FROM json_each(?1))"#,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|held| {
            let submitted_at = time(held.submitted_at)?;
            let partition = i32::try_from(held.origin_partition).map_err(|_| out_of_range("origin_partition"))?;
            let row = Row {
                state: RowState::from_code(held.state)?,
                site: &held.site,
                thread: &held.thread,
                thread_url: &held.thread_url,
                thread_title: &held.thread_title,
                thread_published_at: held.thread_published_at.map(time).transpose()?,
                thread_closed: held.thread_closed,
                parent: held.parent,
                author_name: &held.author_name,
                author_url: &held.author_url,
                html: &held.html,
                submitted_at,
                origin: (partition, held.origin_offset),
                errors: held.errors,
                ..Row::awaited(held.id)
            };
            let known = Held {
                state: row.state,
                origin: row.origin,
                fingerprint: held.fingerprint,
                revision: held.revision,
                announced_at: held.announced_at.map(time).transpose()?,
                event: row.event(v1::Visibility::Unspecified, submitted_at),
                rejection: (row.state == RowState::Rejected).then(|| row.rejection()).transpose()?,
            };
            Ok((held.id, known))
        })
        .collect()
}

async fn holders(connection: &mut SqliteConnection, fingerprints: &str) -> Result<HashMap<Vec<u8>, Uuid>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT fingerprint, id AS "id: Uuid" FROM comments
           WHERE fingerprint IN (SELECT unhex(value) FROM json_each(?1)) AND state BETWEEN 1 AND 3"#,
        fingerprints
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    Ok(rows.into_iter().map(|row| (row.fingerprint, row.id)).collect())
}

async fn decisions(
    connection: &mut SqliteConnection,
    ids: &str,
) -> Result<HashMap<Uuid, BTreeMap<DecisionKey, Effect>>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: Uuid", decided_at, action AS "action: i16", moderator, effect AS "effect: i16" FROM decisions
           WHERE id IN (SELECT unhex(value) FROM json_each(?1))"#,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let mut decisions: HashMap<Uuid, BTreeMap<_, _>> = HashMap::new();
    for row in rows {
        let key = DecisionKey { at: time(row.decided_at)?, action: row.action, moderator: row.moderator };
        decisions.entry(row.id).or_default().insert(key, Effect::from_code(row.effect)?);
    }
    Ok(decisions)
}

async fn rescreenings(
    connection: &mut SqliteConnection,
    ids: &str,
) -> Result<HashMap<(Uuid, i32), Effect>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: Uuid", revision AS "revision: i32", effect AS "effect: i16" FROM rescreenings
           WHERE id IN (SELECT unhex(value) FROM json_each(?1))"#,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(|row| Ok(((row.id, row.revision), Effect::from_code(row.effect)?))).collect()
}
