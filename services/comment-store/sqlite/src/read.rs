//! What readers and moderators are shown. No query for readers touches an address or an IP.

use std::collections::HashMap;

use rejoinder_comment_store::{
    Cursor, Decision, Fate, Page, PublicComment, StoreError, StoredComment, Tally,
    row::{RowState, errors_from, signals_from},
    tree,
};
use rejoinder_proto::v1;
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::{
    error::store_error,
    json::{hex, list, time},
};

/// A row with what readers may see.
struct Public {
    id: Uuid,
    thread: String,
    thread_title: String,
    thread_url: String,
    parent: Option<Uuid>,
    path: Vec<u8>,
    author_name: String,
    author_url: String,
    html: String,
    submitted_at: i64,
}

impl TryFrom<Public> for PublicComment {
    type Error = StoreError;

    fn try_from(row: Public) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            thread: row.thread,
            thread_title: row.thread_title,
            thread_url: row.thread_url,
            parent: row.parent,
            depth: tree::depth(&row.path),
            author_name: row.author_name,
            author_url: row.author_url,
            html: row.html,
            submitted_at: time(row.submitted_at)?,
        })
    }
}

pub(crate) async fn thread(
    pool: &SqlitePool,
    site: &str,
    thread: &str,
    cursor: Option<&Cursor>,
    limit: u32,
) -> Result<Page, StoreError> {
    let limit = limit.max(1) as usize;
    let fetch = limit as i64 + 1;
    // Every path comes after the empty one.
    let (path, id) = cursor.map_or((&[][..], Uuid::nil()), |cursor| (&cursor.path, cursor.id));
    let mut rows = sqlx::query_as!(
        Public,
        r#"SELECT id AS "id: Uuid", thread, thread_title, thread_url, parent AS "parent: Uuid", path, author_name,
               author_url, html, submitted_at
           FROM comments WHERE site = ?1 AND thread = ?2 AND state = 1 AND (path, id) > (?3, ?4)
           ORDER BY path, id LIMIT ?5"#,
        site,
        thread,
        path,
        id,
        fetch
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| Cursor { path: last.path.clone(), id: last.id });
    Ok(Page { comments: rows.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?, next })
}

pub(crate) async fn recent(pool: &SqlitePool, site: &str, limit: u32) -> Result<Vec<PublicComment>, StoreError> {
    let rows = sqlx::query_as!(
        Public,
        r#"SELECT id AS "id: Uuid", thread, thread_title, thread_url, parent AS "parent: Uuid", path, author_name,
               author_url, html, submitted_at
           FROM comments WHERE site = ?1 AND state = 1 AND state BETWEEN 1 AND 4
           ORDER BY submitted_at DESC, id DESC LIMIT ?2"#,
        site,
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub(crate) async fn counts(pool: &SqlitePool, site: &str, threads: &[String]) -> Result<Vec<u64>, StoreError> {
    let wanted = list(threads)?;
    let rows = sqlx::query!(
        r#"SELECT thread, count(*) AS "count: i64" FROM comments
           WHERE site = ?1 AND thread IN (SELECT value FROM json_each(?2)) AND state = 1 GROUP BY thread"#,
        site,
        wanted
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    let counts: HashMap<String, i64> = rows.into_iter().map(|row| (row.thread, row.count)).collect();
    Ok(threads.iter().map(|thread| counts.get(thread).map_or(0, |count| count.unsigned_abs())).collect())
}

pub(crate) async fn fates(pool: &SqlitePool, ids: &[Uuid]) -> Result<Vec<Option<Fate>>, StoreError> {
    let wanted = list(ids.iter().map(hex))?;
    let rows = sqlx::query!(
        r#"SELECT c.id AS "id: Uuid", c.state AS "state: i16", c.site, c.thread, c.thread_title, c.thread_url,
               c.parent AS "parent: Uuid", c.path, c.author_name, c.author_url, c.body, c.html, c.submitted_at,
               c.verdict AS "verdict: i32", c.signals, c.score, c.policy_version,
               c.model_version, c.revision AS "revision: i32", c.campaign, c.errors
           FROM comments c WHERE c.id IN (SELECT unhex(value) FROM json_each(?1)) AND c.state > 0"#,
        wanted
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    let mut decisions = latest_decisions(pool, &wanted).await?;
    let mut fates = HashMap::with_capacity(rows.len());
    for row in rows {
        let public = Public {
            id: row.id,
            thread: row.thread,
            thread_title: row.thread_title,
            thread_url: row.thread_url,
            parent: row.parent,
            path: row.path,
            author_name: row.author_name,
            author_url: row.author_url,
            html: row.html,
            submitted_at: row.submitted_at,
        };
        let fate = match RowState::from_code(row.state)? {
            RowState::Awaited => continue,
            RowState::Rejected => Fate::Rejected(errors_from(&row.errors)?),
            RowState::Stored(state) => Fate::Stored(Box::new(StoredComment {
                public: public.try_into()?,
                site: row.site,
                state,
                text: row.body,
                verdict: v1::Verdict::try_from(row.verdict).unwrap_or_default(),
                signals: signals_from(&row.signals)?,
                score: row.score,
                policy_version: row.policy_version,
                model_version: row.model_version,
                revision: row.revision,
                campaign: row.campaign,
                decision: decisions.remove(&row.id),
            })),
        };
        fates.insert(row.id, fate);
    }
    // The same id may be asked for twice.
    Ok(ids.iter().map(|id| fates.get(id).cloned()).collect())
}

/// The decision in force of each id.
pub(crate) async fn latest_decisions(pool: &SqlitePool, ids: &str) -> Result<HashMap<Uuid, Decision>, StoreError> {
    // In the order of the key, so that the last of an id stays in the map.
    let rows = sqlx::query!(
        r#"SELECT id AS "id: Uuid", decided_at, action AS "action: i32", moderator FROM decisions
           WHERE id IN (SELECT unhex(value) FROM json_each(?1)) ORDER BY id, decided_at, action, moderator"#,
        ids
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|row| {
            let action = v1::Action::try_from(row.action).unwrap_or_default();
            Ok((row.id, Decision { action, moderator: row.moderator, at: time(row.decided_at)? }))
        })
        .collect()
}

pub(crate) async fn tally(pool: &SqlitePool, ids: &[Uuid]) -> Result<Tally, StoreError> {
    let ids = list(ids.iter().map(hex))?;
    let rows = sqlx::query!(
        r#"SELECT state AS "state: i16", count(*) AS "count: i64" FROM comments
           WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND state > 0 GROUP BY state"#,
        ids
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    let mut tally = Tally::default();
    for row in rows {
        tally.add(RowState::from_code(row.state)?, row.count.unsigned_abs());
    }
    Ok(tally)
}
