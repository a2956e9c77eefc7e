//! A record's headers: content type, CloudEvents attributes, trace context, and the attempt of a replayed one. The input
//! has a line per header, `name: value`; what follows the first empty line is the payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rejoinder_pipeline::{Delivered, Position, Reason, Record, replayed, to_dead_letter};
use rejoinder_proto::{
    Event, Format, Topic, from_millis,
    headers::{Headers, name},
    trace, v1,
};

fuzz_target!(|data: &[u8]| {
    let (headers, payload) = read(data);
    format_is_known(&headers);
    trace_goes_on(&headers);
    let _ = v1::CommentSubmitted::decode(Topic::Submitted, &headers, payload);
    dies_and_comes_back(headers, payload);
});

fn read(data: &[u8]) -> (Headers, Option<&[u8]>) {
    let mut rest = data;
    let mut headers = Headers::new();
    while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..at], &rest[at + 1..]);
        rest = after;
        if line.is_empty() {
            return (headers, Some(rest));
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        headers.push(String::from_utf8_lossy(&line[..colon]), value.strip_prefix(b" ").unwrap_or(value));
    }
    (headers, None)
}

fn format_is_known(headers: &Headers) {
    match (Format::from_headers(headers), headers.get(name::CONTENT_TYPE)) {
        (Ok(Format::Protobuf), None) => {}
        (Ok(format), Some(value)) => {
            let word = if format == Format::Json { "json" } else { "protobuf" };
            assert!(String::from_utf8_lossy(value).to_ascii_lowercase().contains(word));
        }
        (Err(error), Some(_)) => assert!(error.to_string().len() < 1_000),
        (answer, None) => panic!("{answer:?} without a content type"),
    }
}

/// A hop keeps the trace and gives a parent that the next hop takes.
fn trace_goes_on(headers: &Headers) {
    let Some(parent) = headers.text(trace::TRACEPARENT) else { return };
    let Some(next) = trace::next_hop(parent) else { return };
    assert_eq!(next.len(), 55);
    assert_eq!(next[3..35], parent[3..35], "the trace's id stays");
    assert_eq!(next[53..55], parent[53..55], "the flags stay");
    assert!(trace::next_hop(&next).is_some(), "{next}");
}

/// A record that cannot be used comes back whole from its dead letter, with its attempt counted.
fn dies_and_comes_back(headers: Headers, payload: Option<&[u8]>) {
    let record = Record {
        topic: Topic::Submitted,
        key: headers.get("key").unwrap_or_default().to_vec(),
        headers,
        payload: payload.map(<[u8]>::to_vec),
    };
    let delivered = Delivered {
        position: Position { topic: Topic::Submitted, partition: 1, offset: 2 },
        appended_at: from_millis(3),
        record: record.clone(),
    };
    let dead = to_dead_letter("validator", &delivered, &Reason::impossible("no reason"), &trace::new_traceparent());
    let letter = v1::DeadLetter::decode(dead.topic, &dead.headers, dead.payload.as_deref()).expect("a dead letter");
    let back = replayed(&letter).expect("a topic of ours");
    assert_eq!((back.topic, back.key, back.payload), (record.topic, record.key, record.payload));
    let others = |headers: &Headers| -> Headers {
        let kept = headers.iter().filter(|(header, _)| *header != name::ATTEMPT && *header != name::STAGE);
        kept.map(|(header, value)| (header.to_owned(), value.to_vec())).collect()
    };
    assert_eq!(others(&back.headers), others(&record.headers));
    let attempt = |headers: &Headers| headers.text(name::ATTEMPT).and_then(|text| text.parse::<i32>().ok());
    let before = attempt(&record.headers).unwrap_or(0);
    assert_eq!(attempt(&back.headers), Some(before.saturating_add(1)));
}
