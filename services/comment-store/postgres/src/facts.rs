//! What the validator and the filter ask: about a whole batch at once, in its order.
//!
//! Each look-up stops at its first row. Without that the planner may join a batch to the whole table, or hash a whole
//! index, as soon as it takes that to be cheaper: every batch then costs more with every comment that is stored.

use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    Answered, Facts, FactsQuery, StoreError, lower_case,
    row::{RowState, known_origin},
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::store_error;

pub(crate) async fn facts(pool: &PgPool, queries: &[FactsQuery]) -> Result<Vec<Facts>, StoreError> {
    let ids: Vec<Uuid> = queries.iter().map(|query| query.id).collect();
    let sites: Vec<&str> = queries.iter().map(|query| query.site.as_str()).collect();
    let parents: Vec<Option<Uuid>> = queries.iter().map(|query| query.parent).collect();
    let fingerprints: Vec<&[u8]> = queries.iter().map(|query| query.fingerprint.as_slice()).collect();
    let emails: Vec<_> = queries.iter().map(|query| lower_case(&query.email)).collect();
    let emails: Vec<&str> = emails.iter().map(AsRef::as_ref).collect();
    let ips: Vec<&str> = queries.iter().map(|query| query.ip.as_str()).collect();
    let times: Vec<_> = queries.iter().map(|query| query.submitted_at).collect();
    let rows = sqlx::query!(
        r#"SELECT own.origin_partition AS "origin_partition?", own.origin_offset AS "origin_offset?",
               parent.thread AS "parent_thread?", parent.state AS "parent_state?",
               parent.site = q.site AS "parent_is_here?", copy.id AS "copy?",
               GREATEST(
                   (SELECT c.submitted_at FROM comments c
                    WHERE c.site = q.site AND c.author_email = q.email AND c.author_email <> '' AND c.state BETWEEN 1 AND 4
                        AND c.submitted_at <= q.submitted_at AND c.id <> q.id
                    ORDER BY c.submitted_at DESC LIMIT 1),
                   (SELECT c.submitted_at FROM comments c
                    WHERE c.site = q.site AND c.client_ip = q.ip AND c.client_ip <> '' AND c.state BETWEEN 1 AND 4
                        AND c.submitted_at <= q.submitted_at AND c.id <> q.id
                    ORDER BY c.submitted_at DESC LIMIT 1)) AS last_comment_at
           FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::bytea[], $5::text[], $6::text[], $7::timestamptz[])
               WITH ORDINALITY AS q (id, site, parent, fingerprint, email, ip, submitted_at, place)
           LEFT JOIN LATERAL (SELECT * FROM comments c WHERE c.id = q.id AND c.state > 0 LIMIT 1) own ON true
           LEFT JOIN LATERAL (SELECT * FROM comments c WHERE c.id = q.parent AND c.state > 0 LIMIT 1) parent ON true
           LEFT JOIN LATERAL (
               SELECT c.id FROM comments c
               WHERE c.fingerprint = q.fingerprint AND c.state BETWEEN 1 AND 3 AND c.id <> q.id LIMIT 1) copy ON true
           ORDER BY q.place"#,
        &ids,
        &sites as &[&str],
        &parents as &[Option<Uuid>],
        &fingerprints as &[&[u8]],
        &emails as &[&str],
        &ips as &[&str],
        &times
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|row| {
            Ok(Facts {
                known: row.origin_partition.zip(row.origin_offset).map(known_origin),
                parent: match (row.parent_thread, row.parent_state, row.parent_is_here) {
                    (Some(thread), Some(state), Some(true)) => Some(Answered::of(RowState::from_code(state)?, thread)),
                    (Some(_), ..) => Some(Answered::Never),
                    (None, ..) => None,
                },
                duplicate_of: row.copy,
                last_comment_at: row.last_comment_at,
            })
        })
        .collect()
}

pub(crate) async fn previously_approved(
    pool: &PgPool,
    authors: &[(String, String, String)],
) -> Result<Vec<bool>, StoreError> {
    let sites: Vec<&str> = authors.iter().map(|(site, ..)| site.as_str()).collect();
    let names: Vec<&str> = authors.iter().map(|(_, name, _)| name.as_str()).collect();
    let emails: Vec<_> = authors.iter().map(|(.., email)| lower_case(email)).collect();
    let emails: Vec<&str> = emails.iter().map(AsRef::as_ref).collect();
    let rows = sqlx::query!(
        r#"SELECT (SELECT true FROM comments c
                   WHERE c.site = q.site AND c.author_email = q.email AND c.author_name = q.name AND c.state = 1
                   LIMIT 1) IS NOT NULL AS "approved!"
           FROM UNNEST($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS q (site, name, email, place)
           ORDER BY q.place"#,
        &sites as &[&str],
        &names as &[&str],
        &emails as &[&str]
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    Ok(rows.into_iter().map(|row| row.approved).collect())
}

pub(crate) async fn approved_before(
    pool: &PgPool,
    authors: &[(String, String, String, DateTime<Utc>)],
) -> Result<Vec<bool>, StoreError> {
    let sites: Vec<&str> = authors.iter().map(|(site, ..)| site.as_str()).collect();
    let names: Vec<&str> = authors.iter().map(|(_, name, ..)| name.as_str()).collect();
    let emails: Vec<_> = authors.iter().map(|(.., email, _)| lower_case(email)).collect();
    let emails: Vec<&str> = emails.iter().map(AsRef::as_ref).collect();
    let times: Vec<_> = authors.iter().map(|(.., at)| *at).collect();
    let rows = sqlx::query!(
        r#"SELECT (SELECT true FROM comments c
                   WHERE c.site = q.site AND c.author_email = q.email AND c.author_name = q.name AND c.submitted_at < q.before
                       AND c.state = 1
                   LIMIT 1) IS NOT NULL AS "approved!"
           FROM UNNEST($1::text[], $2::text[], $3::text[], $4::timestamptz[])
               WITH ORDINALITY AS q (site, name, email, before, place)
           ORDER BY q.place"#,
        &sites as &[&str],
        &names as &[&str],
        &emails as &[&str],
        &times
    )
    .fetch_all(pool)
    .await
    .map_err(store_error)?;
    Ok(rows.into_iter().map(|row| row.approved).collect())
}
