//! What the validator and the filter ask: about a whole batch at once, in its order.

use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    Answered, Facts, FactsQuery, StoreError, lower_case,
    row::{RowState, known_origin},
};
use serde::Serialize;
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::{
    error::{out_of_range, store_error},
    json::{hex, list, micros, time},
};

#[derive(Serialize)]
struct Question<'a> {
    id: String,
    site: &'a str,
    parent: Option<String>,
    fingerprint: String,
    email: String,
    ip: &'a str,
    submitted_at: i64,
}

pub(crate) async fn facts(pool: &SqlitePool, queries: &[FactsQuery]) -> Result<Vec<Facts>, StoreError> {
    let questions = list(queries.iter().map(|query| Question {
        id: hex(query.id),
        site: &query.site,
        parent: query.parent.map(hex),
        fingerprint: hex(&query.fingerprint),
        email: lower_case(&query.email).into_owned(),
        ip: &query.ip,
        submitted_at: micros(query.submitted_at),
    }))?;
    let rows = sqlx::query!(
        r#"WITH q AS MATERIALIZED (
               SELECT key AS place, unhex(value ->> 'id') AS id, value ->> 'site' AS site,
                   unhex(value ->> 'parent') AS parent, unhex(value ->> 'fingerprint') AS fingerprint,
                   value ->> 'email' AS email, value ->> 'ip' AS ip, value ->> 'submitted_at' AS submitted_at
               FROM jsonb_each(?1))
           SELECT own.origin_partition AS "origin_partition?: i64", own.origin_offset AS "origin_offset?: i64",
               parent.thread AS "parent_thread?: String", parent.state AS "parent_state?: i16",
               parent.site = q.site AS "parent_is_here?: bool", copy.id AS "copy?: Uuid",
               (SELECT c.submitted_at FROM comments c
                WHERE c.site = q.site AND c.author_email = q.email AND c.author_email <> '' AND c.state BETWEEN 1 AND 4
                    AND c.submitted_at <= q.submitted_at AND c.id <> q.id
                ORDER BY c.submitted_at DESC LIMIT 1) AS "by_email?: i64",
               (SELECT c.submitted_at FROM comments c
                WHERE c.site = q.site AND c.client_ip = q.ip AND c.client_ip <> '' AND c.state BETWEEN 1 AND 4
                    AND c.submitted_at <= q.submitted_at AND c.id <> q.id
                ORDER BY c.submitted_at DESC LIMIT 1) AS "by_ip?: i64"
           FROM q
           LEFT JOIN comments own ON own.id = q.id AND own.state > 0
           LEFT JOIN comments parent ON parent.id = q.parent AND parent.state > 0
           LEFT JOIN comments copy ON copy.fingerprint = q.fingerprint AND copy.state BETWEEN 1 AND 3 AND copy.id <> q.id
           ORDER BY q.place"#,
        questions
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|row| {
            let known = row.origin_partition.zip(row.origin_offset).map(|(partition, offset)| {
                let partition = i32::try_from(partition).map_err(|_| out_of_range("origin_partition"))?;
                Ok(known_origin((partition, offset)))
            });
            Ok(Facts {
                known: known.transpose()?,
                parent: match (row.parent_thread, row.parent_state, row.parent_is_here) {
                    (Some(thread), Some(state), Some(true)) => Some(Answered::of(RowState::from_code(state)?, thread)),
                    (Some(_), ..) => Some(Answered::Never),
                    (None, ..) => None,
                },
                duplicate_of: row.copy,
                last_comment_at: row.by_email.max(row.by_ip).map(time).transpose()?,
            })
        })
        .collect()
}

pub(crate) async fn previously_approved(
    pool: &SqlitePool,
    authors: &[(String, String, String)],
) -> Result<Vec<bool>, StoreError> {
    let authors = list(authors.iter().map(|(site, name, email)| (site, name, lower_case(email))))?;
    let rows = sqlx::query!(
        r#"SELECT EXISTS (
               SELECT 1 FROM comments c
               WHERE c.site = q.value ->> 0 AND c.author_name = q.value ->> 1 AND c.author_email = q.value ->> 2
                   AND c.state = 1) AS "approved!: bool"
           FROM jsonb_each(?1) AS q ORDER BY q.key"#,
        authors
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    Ok(rows.into_iter().map(|row| row.approved).collect())
}

pub(crate) async fn approved_before(
    pool: &SqlitePool,
    authors: &[(String, String, String, DateTime<Utc>)],
) -> Result<Vec<bool>, StoreError> {
    let authors = authors.iter().map(|(site, name, email, at)| (site, name, lower_case(email), micros(*at)));
    let authors = list(authors)?;
    let rows = sqlx::query!(
        r#"SELECT EXISTS (
               SELECT 1 FROM comments c
               WHERE c.site = q.value ->> 0 AND c.author_name = q.value ->> 1 AND c.author_email = q.value ->> 2
                   AND c.submitted_at < q.value ->> 3 AND c.state = 1) AS "approved!: bool"
           FROM jsonb_each(?1) AS q ORDER BY q.key"#,
        authors
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    Ok(rows.into_iter().map(|row| row.approved).collect())
}
