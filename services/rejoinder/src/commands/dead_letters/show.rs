//! One dead letter with everything in it.

use std::{
    fmt::Write as _,
    io::{self, Write},
    str,
};

use anyhow::{Result, anyhow};
use rejoinder_pipeline::Records;
use rejoinder_proto::{Format, Topic, headers::Headers, v1};
use serde::Serialize;

use super::{
    letters::{self, status},
    time,
};
use crate::cli::values::Place;

/// `rejoinder dead-letters show`
pub fn run(log: &dyn Records, place: Place) -> Result<()> {
    let letter = letters::one(log, place)?;
    let letter =
        letter.ok_or_else(|| anyhow!("there is no dead letter at {place}; see `rejoinder dead-letters list`"))?;
    let marks = letters::marks(log)?;
    let mark = marks.get(&place);
    let v1::DeadLetter {
        id,
        stage,
        topic,
        partition,
        offset,
        reason,
        message,
        key,
        headers,
        payload,
        appended_at,
        attempt,
    } = &letter.letter;
    let mut out = io::stdout().lock();
    let mut line = |name: &str, value: &str| writeln!(out, "{name:<9} {value}");
    line("letter", &place.to_string())?;
    line("status", status(mark))?;
    if let Some(mark) = mark {
        line("settled", &time(mark.settled_at.as_ref()))?;
        if !mark.reason.is_empty() {
            line("because", &text(mark.reason.as_bytes()))?;
        }
    }
    line("died", &time(Some(&letter.died_at)))?;
    line("id", &text(id.as_bytes()))?;
    line("stage", stage)?;
    line("record", &format!("{topic} {partition}:{offset}, appended {}", time(appended_at.as_ref())))?;
    line("attempt", &attempt.to_string())?;
    line("reason", reason)?;
    line("message", &text(message.as_bytes()))?;
    line("key", &text(key))?;
    for header in headers {
        line("header", &format!("{}: {}", text(header.name.as_bytes()), text(&header.value)))?;
    }
    let headers: Headers = headers.iter().map(|header| (&header.name, &header.value)).collect();
    match payload {
        None => line("payload", "none (a tombstone)")?,
        Some(payload) => {
            let (how, shown) = shown(topic, &headers, payload);
            line("payload", &format!("{} bytes, {how}", payload.len()))?;
            writeln!(out, "{shown}")?;
        }
    }
    Ok(())
}

/// How a payload is shown, and the payload: as JSON where it can be read, else as text, else in hexadecimal.
fn shown(topic: &str, headers: &Headers, payload: &[u8]) -> (&'static str, String) {
    let message = match Format::from_headers(headers) {
        Ok(Format::Json) => serde_json::from_slice::<serde_json::Value>(payload).ok().and_then(|json| pretty(&json)),
        Ok(Format::Protobuf) => topic.parse().ok().and_then(|topic| protobuf(topic, payload)),
        Err(_) => None,
    };
    match (message, str::from_utf8(payload)) {
        (Some(json), _) => ("as JSON", json),
        (None, Ok(_)) => ("as text", text(payload)),
        (None, Err(_)) => ("in hexadecimal", hex(payload)),
    }
}

fn protobuf(topic: Topic, payload: &[u8]) -> Option<String> {
    match topic {
        Topic::Submitted => json::<v1::CommentSubmitted>(payload),
        Topic::Validated => json::<v1::CommentValidated>(payload),
        Topic::Rejected => json::<v1::CommentRejected>(payload),
        Topic::Screened => json::<v1::CommentScreened>(payload),
        Topic::Moderated => json::<v1::CommentModerated>(payload),
        Topic::Published => json::<v1::CommentPublished>(payload),
        Topic::DeadLetter => json::<v1::DeadLetter>(payload),
        Topic::DeadLetterSettled => json::<v1::DeadLetterSettled>(payload),
    }
}

fn json<M: rejoinder_proto::Message>(payload: &[u8]) -> Option<String> {
    M::decode(payload).ok().and_then(|message| pretty(&message))
}

fn pretty(value: &impl Serialize) -> Option<String> {
    serde_json::to_string_pretty(value).ok()
}

/// Bytes as text that can do a terminal no harm.
fn text(bytes: &[u8]) -> String {
    let Ok(text) = str::from_utf8(bytes) else { return hex(bytes) };
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use rejoinder_proto::Event;

    use super::*;

    #[test]
    fn a_payload_is_shown_as_well_as_it_can_be_read() {
        let event = v1::CommentPublished { id: "7".into(), html: "<p>سلام</p>".into(), ..Default::default() };
        let bytes = Event::encode(&event);
        let (how, json) = shown("comments.published", &Headers::new(), &bytes);
        assert!(how == "as JSON" && json.contains("سلام"), "{how} {json}");
        let headers = Headers::new().with("content-type", "application/json");
        assert_eq!(shown("comments.submitted", &headers, b"{\"nope\":1}"), ("as JSON", "{\n  \"nope\": 1\n}".into()));
        assert_eq!(shown("comments.submitted", &headers, b"{\x1b[2J"), ("as text", "{\\u{1b}[2J".into()));
        assert_eq!(shown("comments.submitted", &headers, b"\xff\x00"), ("in hexadecimal", "0xff00".into()));
        assert_eq!(shown("comments.none", &Headers::new(), b"\xff"), ("in hexadecimal", "0xff".into()));
    }
}
