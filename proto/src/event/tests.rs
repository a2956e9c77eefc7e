use super::*;
use crate::{from_millis, v1};

const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

fn submitted() -> v1::CommentSubmitted {
    v1::CommentSubmitted {
        id: ID.into(),
        site: "news".into(),
        thread: Some(v1::Thread { id: "a".into(), ..Default::default() }),
        body: "hello سلام".into(),
        submitted_at: Some(from_millis(1_700_000_000_123)),
        ..Default::default()
    }
}

fn decode(headers: &Headers, payload: Option<&[u8]>) -> Result<v1::CommentSubmitted, DecodeError> {
    <v1::CommentSubmitted as Event>::decode(Topic::Submitted, headers, payload)
}

#[test]
fn both_formats_give_the_same_event() {
    let event = submitted();
    let json = serde_json::to_vec(&event).expect("serialises");
    let headers = Headers::new().with("content-type", "application/json; charset=utf-8");
    assert_eq!(decode(&headers, Some(&json)), Ok(event.clone()));
    let headers = event.headers("/test", "00-x");
    assert_eq!(decode(&headers, Some(&Event::encode(&event))), Ok(event.clone()));
    assert_eq!(headers.text("ce_id"), Some(ID));
    assert_eq!(headers.text("ce_type"), Some("rejoinder.v1.CommentSubmitted"));
    assert_eq!(headers.text("ce_time"), Some("2023-11-14T22:13:20.123000Z"));
    assert_eq!(Event::key(&event), "news/a");
}

#[test]
fn the_id_may_come_from_the_header_alone() {
    let event = v1::CommentSubmitted { id: String::new(), ..submitted() };
    let headers = Headers::new().with("ce_id", ID);
    assert_eq!(decode(&headers, Some(&Event::encode(&event))).map(|e| e.id), Ok(ID.to_owned()));
}

#[test]
fn what_is_not_the_event_says_why() {
    let bytes = Event::encode(&submitted());
    let none = Headers::new();
    let reason =
        |headers: &Headers, payload: Option<&[u8]>| decode(headers, payload).map_err(|e| (e.reason(), e.to_string()));
    let cases: [(&str, &str, Headers, Option<&[u8]>); 8] = [
        ("tombstone", "tombstone", none.clone(), None),
        ("empty", "empty", none.clone(), Some(b"")),
        ("undecodable", "not a rejoinder.v1.CommentSubmitted", none.clone(), Some(&bytes[..bytes.len() - 3])),
        ("undecodable", "content-type", Headers::new().with("content-type", "text/xml"), Some(&bytes)),
        (
            "undecodable",
            "unknown field",
            Headers::new().with("content-type", "application/json"),
            Some(br#"{"nope":1}"#),
        ),
        (
            "undecodable",
            "line 1 column",
            Headers::new().with("content-type", "application/json"),
            Some(br#"{"site":7}"#),
        ),
        ("unknown_schema", "ce_type", Headers::new().with("ce_type", "other.v1.Thing"), Some(&bytes)),
        ("impossible", "differs", Headers::new().with("ce_id", "0190163d-8694-739b-aea5-966c26f8ad92"), Some(&bytes)),
    ];
    for (word, part, headers, payload) in &cases {
        let error = reason(headers, *payload).expect_err(part);
        assert_eq!(error.0, *word);
        assert!(error.1.contains(part), "{error:?} has no {part}");
    }
    let without_id = Event::encode(&v1::CommentSubmitted { id: String::new(), ..submitted() });
    assert!(matches!(decode(&Headers::new(), Some(&without_id)), Err(DecodeError::Id(_))));
    let old = Event::encode(&v1::CommentSubmitted { id: "6ba7b810-9dad-11d1-80b4-00c04fd430c8".into(), ..submitted() });
    assert_eq!(decode(&Headers::new(), Some(&old)), Err(DecodeError::Id("is a UUID of version 1, not 7".into())));
}

#[test]
fn an_error_never_quotes_the_comment() {
    let headers = Headers::new().with("content-type", "application/json");
    for payload in [r#"{"body":"secret", "submittedAt":"secret words"}"#, r#"{"author":"secret"}"#, r#""secret"#] {
        let error = decode(&headers, Some(payload.as_bytes())).expect_err(payload).to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn an_error_does_not_grow_with_the_payload() {
    let headers = Headers::new().with("content-type", "application/json");
    let payload = format!("{{\"{}\": 1}}", "é".repeat(400_000));
    let error = decode(&headers, Some(payload.as_bytes())).expect_err("an unknown field").to_string();
    assert!(error.contains("unknown field `é") && error.len() < 1_000, "{} bytes", error.len());
}

#[test]
fn the_table_of_topics_is_whole() {
    for topic in Topic::ALL {
        assert_eq!(topic.name().parse::<Topic>().ok(), Some(topic));
    }
    assert!("comments.other".parse::<Topic>().is_err());
}
