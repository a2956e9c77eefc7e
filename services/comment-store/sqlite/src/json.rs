//! Batches as JSON text: SQLite's way to take many rows in one statement (`json_each`). Bytes travel as hexadecimal.

use chrono::{DateTime, Utc};
use rejoinder_comment_store::{StoreError, row::Row};
use serde::Serialize;

/// Lower-case hexadecimal, for `unhex`.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.as_ref().len() * 2);
    for byte in bytes.as_ref() {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// A list as JSON.
pub(crate) fn list<T: Serialize>(items: impl IntoIterator<Item = T>) -> Result<String, StoreError> {
    let items: Vec<T> = items.into_iter().collect();
    serde_json::to_string(&items).map_err(|error| StoreError::Refused(error.to_string()))
}

/// Microseconds since 1970, as the file keeps times.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// The time of so many microseconds since 1970.
pub(crate) fn time(micros: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| crate::error::out_of_range("of a time"))
}

/// A row as `write::insert` reads it.
#[derive(Serialize)]
pub(crate) struct JsonRow<'a> {
    id: String,
    state: i16,
    site: &'a str,
    thread: &'a str,
    thread_url: &'a str,
    thread_title: &'a str,
    thread_published_at: Option<i64>,
    thread_closed: i32,
    parent: Option<String>,
    path: String,
    author_name: &'a str,
    author_email: &'a str,
    author_url: &'a str,
    body: &'a str,
    html: &'a str,
    client_ip: &'a str,
    client_user_agent: &'a str,
    client_referrer: &'a str,
    honeypot_filled: i32,
    form_seconds: Option<f64>,
    submitted_at: i64,
    fingerprint: String,
    origin_partition: i32,
    origin_offset: i64,
    verdict: i16,
    signals: String,
    score: f64,
    policy_version: &'a str,
    model_version: &'a str,
    announced_at: Option<i64>,
    errors: String,
}

impl<'a> From<&'a Row<'a>> for JsonRow<'a> {
    fn from(row: &'a Row<'a>) -> Self {
        Self {
            id: hex(row.id),
            state: row.state.code(),
            site: row.site,
            thread: row.thread,
            thread_url: row.thread_url,
            thread_title: row.thread_title,
            thread_published_at: row.thread_published_at.map(micros),
            thread_closed: row.thread_closed.into(),
            parent: row.parent.map(hex),
            path: hex(&row.path),
            author_name: row.author_name,
            author_email: &row.author_email,
            author_url: row.author_url,
            body: row.body,
            html: row.html,
            client_ip: row.client_ip,
            client_user_agent: row.client_user_agent,
            client_referrer: row.client_referrer,
            honeypot_filled: row.honeypot_filled.into(),
            form_seconds: row.form_seconds,
            submitted_at: micros(row.submitted_at),
            fingerprint: hex(row.fingerprint),
            origin_partition: row.origin.0,
            origin_offset: row.origin.1,
            verdict: row.verdict,
            signals: hex(&row.signals),
            score: row.score,
            policy_version: row.policy_version,
            model_version: row.model_version,
            announced_at: row.announced_at.map(micros),
            errors: hex(&row.errors),
        }
    }
}
