//! What readers and moderators are shown. No query for readers touches an address or an IP.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    Cursor, Decision, Fate, Page, PublicComment, StoreError, StoredComment, Tally,
    row::{RowState, errors_from, signals_from},
    tree,
};
use rejoinder_proto::v1;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::store_error;

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
    submitted_at: DateTime<Utc>,
}

impl From<Public> for PublicComment {
    fn from(row: Public) -> Self {
        Self {
            id: row.id,
            thread: row.thread,
            thread_title: row.thread_title,
            thread_url: row.thread_url,
            parent: row.parent,
            depth: tree::depth(&row.path),
            author_name: row.author_name,
            author_url: row.author_url,
            html: row.html,
            submitted_at: row.submitted_at,
        }
    }
}

pub(crate) async fn thread(
    pool: &PgPool,
    site: &str,
    thread: &str,
    cursor: Option<&Cursor>,
    limit: u32,
) -> Result<Page, StoreError> {
    let limit = limit.max(1) as usize;
    // Every path comes after the empty one.
    let (path, id) = cursor.map_or((&[][..], Uuid::nil()), |cursor| (&cursor.path, cursor.id));
    let mut rows = sqlx::query_as!(
        Public,
        "SELECT id, thread, thread_title, thread_url, parent, path, author_name, author_url, html, submitted_at
         FROM comments WHERE site = $1 AND thread = $2 AND state = 1 AND (path, id) > ($3, $4)
         ORDER BY path, id LIMIT $5",
        site,
        thread,
        path,
        id,
        limit as i64 + 1
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| Cursor { path: last.path.clone(), id: last.id });
    Ok(Page { comments: rows.into_iter().map(Into::into).collect(), next })
}

pub(crate) async fn recent(pool: &PgPool, site: &str, limit: u32) -> Result<Vec<PublicComment>, StoreError> {
    let rows = sqlx::query_as!(
        Public,
        "SELECT id, thread, thread_title, thread_url, parent, path, author_name, author_url, html, submitted_at
         FROM comments WHERE site = $1 AND state = 1 ORDER BY submitted_at DESC, id DESC LIMIT $2",
        site,
        i64::from(limit)
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub(crate) async fn counts(pool: &PgPool, site: &str, threads: &[String]) -> Result<Vec<u64>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT thread, count(*) AS "count!" FROM comments
           WHERE site = $1 AND thread = ANY($2) AND state = 1 GROUP BY thread"#,
        site,
        threads
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    let counts: HashMap<String, i64> = rows.into_iter().map(|row| (row.thread, row.count)).collect();
    Ok(threads.iter().map(|thread| counts.get(thread).map_or(0, |count| count.unsigned_abs())).collect())
}

pub(crate) async fn fates(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Option<Fate>>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT c.id, c.state, c.site, c.thread, c.thread_title, c.thread_url, c.parent, c.path, c.author_name,
               c.author_url, c.body, c.html, c.submitted_at, c.verdict, c.signals, c.score, c.policy_version,
               c.model_version, c.revision, c.campaign, c.errors,
               d.action AS "action?", d.moderator AS "moderator?", d.decided_at AS "decided_at?"
           FROM comments c
           LEFT JOIN LATERAL (
               SELECT action, moderator, decided_at FROM decisions WHERE decisions.id = c.id
               ORDER BY decided_at DESC, action DESC, moderator DESC LIMIT 1) d ON true
           WHERE c.id = ANY($1) AND c.state > 0"#,
        ids
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    let mut fates = HashMap::with_capacity(rows.len());
    for row in rows {
        let decision = match (row.action, row.moderator, row.decided_at) {
            (Some(action), Some(moderator), Some(at)) => {
                Some(Decision { action: v1::Action::try_from(i32::from(action)).unwrap_or_default(), moderator, at })
            }
            _ => None,
        };
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
                public: public.into(),
                site: row.site,
                state,
                text: row.body,
                verdict: v1::Verdict::try_from(i32::from(row.verdict)).unwrap_or_default(),
                signals: signals_from(&row.signals)?,
                score: row.score,
                policy_version: row.policy_version,
                model_version: row.model_version,
                revision: row.revision,
                campaign: row.campaign,
                decision,
            })),
        };
        fates.insert(row.id, fate);
    }
    // The same id may be asked for twice.
    Ok(ids.iter().map(|id| fates.get(id).cloned()).collect())
}

/// The decision in force of each id.
pub(crate) async fn latest_decisions(pool: &PgPool, ids: &[Uuid]) -> Result<HashMap<Uuid, Decision>, StoreError> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (id) id, action, moderator, decided_at FROM decisions WHERE id = ANY($1)
         ORDER BY id, decided_at DESC, action DESC, moderator DESC",
        ids
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    let decision = |action: i16| v1::Action::try_from(i32::from(action)).unwrap_or_default();
    let rows = rows.into_iter();
    Ok(rows
        .map(|row| (row.id, Decision { action: decision(row.action), moderator: row.moderator, at: row.decided_at }))
        .collect())
}

pub(crate) async fn tally(pool: &PgPool, ids: &[Uuid]) -> Result<Tally, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT state, count(*) AS "count!" FROM comments WHERE id = ANY($1) AND state > 0 GROUP BY state"#,
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
