//! What the database holds about a batch, under row locks.

use std::collections::{BTreeMap, HashMap};

use rejoinder_comment_store::{
    StoreError,
    ledger::{Effect, Held, Ledger, Place},
    row::{DecisionKey, Item, Row, RowState},
};
use rejoinder_proto::v1;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::store_error;

/// The rows of the batch's ids, locked in the order of their ids; who holds the fingerprints; and the decisions, read
/// after the locks were taken.
pub(crate) async fn ledger(connection: &mut PgConnection, items: &[Item<'_>]) -> Result<Ledger, StoreError> {
    let ids: Vec<Uuid> = items.iter().map(id).collect();
    let rows = rows(connection, &ids).await?;
    let new = items.iter().filter_map(|item| match item {
        Item::Comment(row) => Some(row.fingerprint.to_vec()),
        Item::Rejection(_) | Item::Decision(..) => None,
    });
    let fingerprints: Vec<Vec<u8>> = rows.values().map(|held| held.fingerprint.clone()).chain(new).collect();
    Ok(Ledger {
        holders: holders(connection, &fingerprints).await?,
        decisions: decisions(connection, &ids).await?,
        rows,
        parents: HashMap::new(),
    })
}

/// Where the stored parents of the batch's replies stand.
pub(crate) async fn parents(
    connection: &mut PgConnection,
    items: &[Item<'_>],
) -> Result<HashMap<Uuid, Place>, StoreError> {
    let ids: Vec<Uuid> = items
        .iter()
        .filter_map(|item| match item {
            Item::Comment(row) => row.parent,
            Item::Rejection(_) | Item::Decision(..) => None,
        })
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let places =
        sqlx::query!("SELECT id, site, thread, path FROM comments WHERE id = ANY($1) AND state BETWEEN 1 AND 4", &ids)
            .fetch_all(connection)
            .await
            .map_err(store_error)?;
    Ok(places.into_iter().map(|row| (row.id, Place { site: row.site, thread: row.thread, path: row.path })).collect())
}

fn id(item: &Item<'_>) -> Uuid {
    match item {
        Item::Comment(row) | Item::Rejection(row) => row.id,
        Item::Decision(id, _) => *id,
    }
}

async fn rows(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Held>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, state, site, thread, thread_url, thread_title, thread_published_at, thread_closed, parent,
             author_name, author_url, html, submitted_at, fingerprint, origin_partition, origin_offset, announced_at, errors
         FROM comments WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|held| {
            let row = Row {
                state: RowState::from_code(held.state)?,
                site: &held.site,
                thread: &held.thread,
                thread_url: &held.thread_url,
                thread_title: &held.thread_title,
                thread_published_at: held.thread_published_at,
                thread_closed: held.thread_closed,
                parent: held.parent,
                author_name: &held.author_name,
                author_url: &held.author_url,
                html: &held.html,
                submitted_at: held.submitted_at,
                origin: (held.origin_partition, held.origin_offset),
                errors: held.errors,
                ..Row::awaited(held.id)
            };
            let known = Held {
                state: row.state,
                origin: row.origin,
                fingerprint: held.fingerprint,
                announced_at: held.announced_at,
                event: row.event(v1::Visibility::Unspecified, held.submitted_at),
                rejection: (row.state == RowState::Rejected).then(|| row.rejection()).transpose()?,
            };
            Ok((held.id, known))
        })
        .collect()
}

async fn holders(
    connection: &mut PgConnection,
    fingerprints: &[Vec<u8>],
) -> Result<HashMap<Vec<u8>, Uuid>, StoreError> {
    let rows = sqlx::query!(
        "SELECT fingerprint, id FROM comments WHERE fingerprint = ANY($1) AND state BETWEEN 1 AND 3",
        fingerprints
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    Ok(rows.into_iter().map(|row| (row.fingerprint, row.id)).collect())
}

async fn decisions(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, BTreeMap<DecisionKey, Effect>>, StoreError> {
    let rows = sqlx::query!("SELECT id, decided_at, action, moderator, effect FROM decisions WHERE id = ANY($1)", ids)
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    let mut decisions: HashMap<Uuid, BTreeMap<_, _>> = HashMap::new();
    for row in rows {
        let key = DecisionKey { at: row.decided_at, action: row.action, moderator: row.moderator };
        decisions.entry(row.id).or_default().insert(key, Effect::from_code(row.effect)?);
    }
    Ok(decisions)
}
