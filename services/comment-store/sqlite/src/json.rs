//! Batches as JSON text: SQLite's way to take many rows in one statement. Bytes travel as hexadecimal. Lists are read by
//! `jsonb_each`, which hands each row on as it parsed it; `json_each` would write it out as text again for every column.

use chrono::{DateTime, Utc};
use rejoinder_comment_store::{StoreError, row::Row};
use serde::{Serialize, Serializer, ser::SerializeTuple};

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

/// A row as `write::insert` reads it: a list of its columns in their order, since SQLite finds a place faster than a name.
pub(crate) struct JsonRow<'a>(pub(crate) &'a Row<'a>);

/// How many columns a row has.
const COLUMNS: usize = 34;

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let mut list = serializer.serialize_tuple(COLUMNS)?;
        list.serialize_element(&hex(row.id))?;
        list.serialize_element(&row.state.code())?;
        list.serialize_element(row.site)?;
        list.serialize_element(row.thread)?;
        list.serialize_element(row.thread_url)?;
        list.serialize_element(row.thread_title)?;
        list.serialize_element(&row.thread_published_at.map(micros))?;
        list.serialize_element(&i32::from(row.thread_closed))?;
        list.serialize_element(&row.parent.map(hex))?;
        list.serialize_element(&hex(&row.path))?;
        list.serialize_element(row.author_name)?;
        list.serialize_element(&row.author_email)?;
        list.serialize_element(row.author_url)?;
        list.serialize_element(row.body)?;
        list.serialize_element(row.html)?;
        list.serialize_element(row.client_ip)?;
        list.serialize_element(row.client_user_agent)?;
        list.serialize_element(row.client_referrer)?;
        list.serialize_element(&i32::from(row.honeypot_filled))?;
        list.serialize_element(&row.form_seconds)?;
        list.serialize_element(&micros(row.submitted_at))?;
        list.serialize_element(&hex(row.fingerprint))?;
        list.serialize_element(&row.origin.0)?;
        list.serialize_element(&row.origin.1)?;
        list.serialize_element(&row.verdict)?;
        list.serialize_element(&hex(&row.signals))?;
        list.serialize_element(&row.score)?;
        list.serialize_element(row.policy_version)?;
        list.serialize_element(row.model_version)?;
        list.serialize_element(&row.announced_at.map(micros))?;
        list.serialize_element(&hex(&row.errors))?;
        list.serialize_element(&row.waits_for.map(hex))?;
        list.serialize_element(&row.revision)?;
        list.serialize_element(row.campaign)?;
        list.end()
    }
}
