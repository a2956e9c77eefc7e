//! What the database holds about a batch, under row locks.

use std::collections::{BTreeMap, HashMap};

use rejoinder_comment_store::{
    StoreError,
    ledger::{Effect, Held, Ledger, Parent, Place},
    row::{DecisionKey, Item, Row, RowState},
};
use rejoinder_proto::v1;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::store_error;

/// The rows of the batch's ids, locked in the order of their ids; who holds the fingerprints; and the decisions and the
/// replies that wait, read after the locks were taken.
pub(crate) async fn ledger(connection: &mut PgConnection, items: &[Item<'_>]) -> Result<Ledger, StoreError> {
    let ids: Vec<Uuid> = items.iter().map(Item::id).collect();
    let rows = rows(connection, &ids).await?;
    let new = items.iter().filter_map(Item::comment).map(|row| row.fingerprint.to_vec());
    let fingerprints: Vec<Vec<u8>> = rows.values().map(|held| held.fingerprint.clone()).chain(new).collect();
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
    connection: &mut PgConnection,
    items: &[Item<'_>],
) -> Result<HashMap<Uuid, Parent>, StoreError> {
    let ids: Vec<Uuid> = items.iter().filter_map(|item| item.comment()?.parent).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!("SELECT id, state, site, thread, path, waits_for FROM comments WHERE id = ANY($1)", &ids)
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

/// Locks the rows of ids that replies of the batch are to wait for, as a foreign key would: whoever brings one of these
/// comments waits until the replies can be seen. `false` when one has come meanwhile: look again.
pub(crate) async fn hold(connection: &mut PgConnection, ledger: &Ledger) -> Result<bool, StoreError> {
    let awaited: Vec<Uuid> = ledger.awaited().into_iter().collect();
    if awaited.is_empty() {
        return Ok(true);
    }
    let held =
        sqlx::query!("SELECT id FROM comments WHERE id = ANY($1) AND state = 0 ORDER BY id FOR KEY SHARE", &awaited)
            .fetch_all(connection)
            .await
            .map_err(store_error)?;
    Ok(held.len() == awaited.len())
}

/// The stored comments that wait for an awaited one of these rows, by its id.
async fn waiting(
    connection: &mut PgConnection,
    rows: &HashMap<Uuid, Held>,
) -> Result<HashMap<Uuid, Vec<(Uuid, Place)>>, StoreError> {
    let awaited: Vec<Uuid> =
        rows.iter().filter(|(_, held)| held.state == RowState::Awaited).map(|(id, _)| *id).collect();
    let mut waiting: HashMap<Uuid, Vec<_>> = HashMap::new();
    if awaited.is_empty() {
        return Ok(waiting);
    }
    let rows = sqlx::query!(
        r#"SELECT id, site, thread, path, waits_for AS "waits_for!" FROM comments
           WHERE waits_for = ANY($1) ORDER BY id FOR UPDATE"#,
        &awaited
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

async fn rows(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Held>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, state, site, thread, thread_url, thread_title, thread_published_at, thread_closed, parent,
             author_name, author_url, html, submitted_at, fingerprint, revision, origin_partition, origin_offset, announced_at,
             errors
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
                revision: held.revision,
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

async fn rescreenings(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<(Uuid, i32), Effect>, StoreError> {
    let rows = sqlx::query!("SELECT id, revision, effect FROM rescreenings WHERE id = ANY($1)", ids)
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    rows.into_iter().map(|row| Ok(((row.id, row.revision), Effect::from_code(row.effect)?))).collect()
}
