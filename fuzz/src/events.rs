//! What must hold of every record that a stage reads, in either format.

use std::fmt::Debug;

use rejoinder_comment_store::Change;
use rejoinder_pipeline::replayed;
use rejoinder_proto::{
    Event, Format, Message, Topic,
    headers::{Headers, name},
    v1,
};
use rejoinder_validator::{Policy, check_fields};
use uuid::Uuid;

/// No error of a record that cannot be read is longer: it goes into the dead letter twice, and into the log.
const MAX_ERROR_BYTES: usize = 1_000;

/// Reads a payload as the message of the topic that the first byte picks, and follows it into the stage that reads it.
pub fn check(data: &[u8], format: Format) {
    let Some((&pick, payload)) = data.split_first() else { return };
    let mut headers = Headers::new().with(name::CONTENT_TYPE, format.content_type());
    if pick & 0x80 != 0 {
        headers.push(name::CE_ID, "0190163d-8694-739b-aea5-966c26f8ad91");
    }
    match Topic::ALL[usize::from(pick & 0x7f) % Topic::ALL.len()] {
        Topic::Submitted => {
            if let Some(event) = decoded::<v1::CommentSubmitted>(&headers, payload, format) {
                let _ = check_fields(&event, &Policy::default());
            }
        }
        Topic::Validated => {
            decoded::<v1::CommentValidated>(&headers, payload, format);
        }
        Topic::Rejected => {
            let event = decoded::<v1::CommentRejected>(&headers, payload, format);
            stored(event.map(Change::Rejected));
        }
        Topic::Screened => {
            let event = decoded::<v1::CommentScreened>(&headers, payload, format);
            stored(event.map(|event| Change::Screened(Box::new(event))));
        }
        Topic::Moderated => {
            let event = decoded::<v1::CommentModerated>(&headers, payload, format);
            stored(event.map(Change::Moderated));
        }
        Topic::Published => {
            decoded::<v1::CommentPublished>(&headers, payload, format);
        }
        Topic::DeadLetterSettled => {
            decoded::<v1::DeadLetterSettled>(&headers, payload, format);
        }
        Topic::DeadLetter => {
            if let Some(letter) = decoded::<v1::DeadLetter>(&headers, payload, format)
                && let Some(record) = replayed(&letter)
            {
                assert_eq!(record.topic.name(), letter.topic);
                assert_eq!(record.key, letter.key);
                let attempt = record.headers.text(name::ATTEMPT).and_then(|text| text.parse::<i32>().ok());
                assert!(attempt.is_some_and(|attempt| attempt >= letter.attempt), "an attempt is counted up");
            }
        }
    }
}

fn decoded<M: Message + Event + Debug>(headers: &Headers, payload: &[u8], format: Format) -> Option<M> {
    let event = match <M as Event>::decode(M::TOPIC, headers, Some(payload)) {
        Ok(event) => event,
        Err(error) => {
            assert!(["empty", "undecodable", "impossible"].contains(&error.reason()));
            let words = error.to_string();
            assert!(words.len() <= MAX_ERROR_BYTES, "an error of {} bytes", words.len());
            quotes_no_value(&words, payload, format);
            return None;
        }
    };
    let id = Event::id(&event).to_owned();
    // Dead letters are found by topic, partition and offset: their comment's id may be what made them unreadable.
    if !matches!(M::TOPIC, Topic::DeadLetter | Topic::DeadLetterSettled) {
        let uuid = Uuid::parse_str(&id).expect("an id that has been read is a UUID");
        assert_eq!((uuid.get_version_num(), uuid.to_string()), (7, id.clone()));
    }
    again(&event, format);
    Some(event)
}

/// What we write of an event, we read as the same event: bytes are compared, since a NaN is not itself.
fn again<M: Message + Event + Debug>(event: &M, format: Format) {
    let bytes = Event::encode(event);
    let headers = event.headers("/fuzz", "00-x");
    assert_eq!(headers.text(name::CE_ID), Some(Event::id(event)));
    let time = headers.text(name::CE_TIME).expect("a time");
    assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok() || time.starts_with(['+', '-']), "{time}");
    if bytes.is_empty() {
        // A dead letter that says nothing at all; nobody writes one.
        return;
    }
    let read = <M as Event>::decode(M::TOPIC, &headers, Some(&bytes)).expect("what was written");
    assert_eq!(Event::encode(&read), bytes);
    // JSON has no infinities and no NaN, and writes a number of its own for them.
    let finite = !["NaN", "inf"].iter().any(|word| format!("{event:?}").contains(word));
    if format == Format::Json && finite {
        let json = serde_json::to_vec(event).expect("what came as JSON goes as JSON");
        let headers = Headers::new().with(name::CONTENT_TYPE, format.content_type());
        let read = <M as Event>::decode(M::TOPIC, &headers, Some(&json)).expect("what was written");
        assert_eq!(Event::encode(&read), bytes);
    }
}

/// The store takes a change or refuses it with a field's name.
fn stored(change: Option<Change>) {
    let Some(change) = change else { return };
    if let Err(error) = rejoinder_comment_store::parse(&[change]) {
        assert!(error.to_string().len() <= MAX_ERROR_BYTES);
    }
}

/// No text of the payload is in an error, unless it is a member's name.
fn quotes_no_value(error: &str, payload: &[u8], format: Format) {
    if format != Format::Json {
        return;
    }
    let Ok(value) = serde_json::from_slice(payload) else { return };
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    collect(&value, &mut names, &mut texts);
    for text in texts.iter().filter(|text| text.len() >= 24 && !names.iter().any(|name| name.contains(*text))) {
        assert!(!error.contains(text), "an error quotes a value");
    }
}

fn collect<'a>(value: &'a serde_json::Value, names: &mut Vec<&'a str>, texts: &mut Vec<&'a str>) {
    match value {
        serde_json::Value::String(text) => texts.push(text),
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, names, texts)),
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                names.push(name);
                collect(value, names, texts);
            }
        }
        _ => {}
    }
}
