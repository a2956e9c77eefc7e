//! A line of a JSON Lines file as a submitted event, the same event every time.

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, NaiveDateTime, Utc};
use rejoinder_proto::{from_millis, json_detail, v1};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// Rows without a date get one within the ten years from here, by their hash: 2005-01-01.
const EPOCH_MILLIS: i64 = 1_104_537_600_000;
const TEN_YEARS_MILLIS: u64 = 10 * 365 * 24 * 3600 * 1000;

/// The API's fields, or a corpus's `{id, text, author, date}` with its label and source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Option<String>,
    site: Option<String>,
    thread: Option<String>,
    thread_title: Option<String>,
    thread_url: Option<String>,
    parent: Option<String>,
    #[serde(alias = "author")]
    name: Option<String>,
    email: Option<String>,
    url: Option<String>,
    #[serde(alias = "text")]
    body: Option<String>,
    #[serde(alias = "submitted_at")]
    date: Option<String>,
    #[serde(rename = "label")]
    _label: Option<String>,
    #[serde(rename = "source")]
    _source: Option<String>,
}

/// Where rows go that do not say.
pub struct Defaults<'a> {
    pub site: &'a str,
    pub thread: &'a str,
}

/// Reads one line. Errors name the field and what is allowed.
pub fn event(line: &str, defaults: &Defaults<'_>) -> Result<v1::CommentSubmitted> {
    let row: Row = serde_json::from_str(line).map_err(|error| anyhow!("not a row: {}", json_detail(&error)))?;
    let Some(body) = row.body else { bail!("the row has neither `body` nor `text`") };
    let site = row.site.unwrap_or_else(|| defaults.site.to_owned());
    let thread = row.thread.unwrap_or_else(|| defaults.thread.to_owned());
    // Serialised as a list, so that no two rows give the same bytes.
    let identity = serde_json::to_vec(&(&site, &thread, &row.id, &row.parent, &row.name, &row.email, &body, &row.date))
        .context("the row cannot be written again")?;
    let hash: [u8; 32] = Sha256::digest(identity).into();
    let submitted = match &row.date {
        Some(date) => parse_date(date)?,
        None => EPOCH_MILLIS + (first_u64(&hash) % TEN_YEARS_MILLIS) as i64,
    };
    let id = match row.id.as_deref().and_then(|id| Uuid::parse_str(id).ok()).filter(|id| id.get_version_num() == 7) {
        Some(id) => id,
        None => derived_id(submitted, &hash),
    };
    let name = row.name.unwrap_or_else(|| "Anonymous".to_owned());
    let email = row.email.unwrap_or_else(|| stand_in_address(&name, &hash));
    Ok(v1::CommentSubmitted {
        id: id.to_string(),
        site,
        thread: Some(v1::Thread {
            id: thread,
            url: row.thread_url.unwrap_or_default(),
            title: row.thread_title.unwrap_or_default(),
            ..Default::default()
        }),
        parent_id: row.parent.unwrap_or_default(),
        author: Some(v1::Author { name, email, url: row.url.unwrap_or_default() }),
        body,
        client: None,
        submitted_at: Some(from_millis(submitted)),
    })
}

/// A UUIDv7 of the row's own time and hash.
fn derived_id(millis: i64, hash: &[u8; 32]) -> Uuid {
    let mut random = [0; 10];
    random.copy_from_slice(&hash[8..18]);
    Builder::from_unix_timestamp_millis(millis.max(0).unsigned_abs(), &random).into_uuid()
}

/// An address that reaches nobody (RFC 2606), one per author, or per row where there is no author.
fn stand_in_address(name: &str, hash: &[u8; 32]) -> String {
    let digest: [u8; 32] = if name == "Anonymous" { *hash } else { Sha256::digest(name).into() };
    format!("reader-{:016x}@corpus.invalid", first_u64(&digest))
}

fn first_u64(hash: &[u8; 32]) -> u64 {
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn parse_date(date: &str) -> Result<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(date) {
        return Ok(time.timestamp_millis());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(date, format) {
            return Ok(time.and_utc().timestamp_millis());
        }
    }
    if let Ok(day) = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d") {
        let midnight: DateTime<Utc> = day.and_time(chrono::NaiveTime::MIN).and_utc();
        return Ok(midnight.timestamp_millis());
    }
    bail!("`date` is not a date; write it as 2026-01-31T12:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Defaults<'_> = Defaults { site: "news", thread: "t" };

    #[test]
    fn a_corpus_row_is_the_same_event_every_time() {
        let line = r#"{"id": "c:1", "text": "hi", "author": "a_1", "date": "2013-11-08T17:34:21", "label": "spam", "source": "c"}"#;
        let first = event(line, &DEFAULTS).expect("a row");
        assert_eq!(first, event(line, &DEFAULTS).expect("a row"));
        assert_eq!(Uuid::parse_str(&first.id).map(|id| id.get_version_num()), Ok(7));
        assert_eq!(first.submitted_at, Some(from_millis(1_383_932_061_000)));
        let other = event(&line.replace("c:1", "c:2"), &DEFAULTS).expect("a row");
        assert_ne!(first.id, other.id);
        assert_eq!(first.author.map(|a| a.email), other.author.map(|a| a.email), "one author, one address");
    }

    #[test]
    fn an_api_row_keeps_its_fields() {
        let line =
            r#"{"thread":"x","parent":"p","name":"N","email":"n@example.org","url":"https://example.org","body":"b"}"#;
        let event = event(line, &DEFAULTS).expect("a row");
        assert_eq!(event.thread.map(|t| t.id), Some("x".into()));
        assert_eq!(event.author.map(|a| a.email), Some("n@example.org".into()));
        assert_eq!((event.parent_id.as_str(), event.site.as_str()), ("p", "news"));
    }

    #[test]
    fn a_bad_row_names_the_field() {
        for (line, part) in [
            ("{", "not a row"),
            (r#"{"name":"x"}"#, "`body`"),
            (r#"{"body":"x","date":"yesterday"}"#, "`date`"),
            (r#"{"body":"x","bodyy":"y"}"#, "bodyy"),
        ] {
            let error = format!("{:#}", event(line, &DEFAULTS).expect_err(line));
            assert!(error.contains(part), "{error}");
        }
        let quoted =
            format!("{:#}", event(r#"{"body":{"secret":1},"name":["secret"]}"#, &DEFAULTS).expect_err("a row"));
        assert!(!quoted.contains("secret"), "{quoted}");
    }
}
