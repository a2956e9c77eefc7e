//! The log, as a publisher writes it and a site reads it.

use std::collections::HashMap;

use futures::{StreamExt, stream};
use rejoinder_pipeline::{Log, Position, Publisher, Range, Record};
use rejoinder_proto::{Event, Topic, from_millis, headers::Headers, v1};
use uuid::Uuid;

/// When these comments were submitted, all in one millisecond.
pub const INSTANT: i64 = 1_760_000_000_000;

/// Comment `number` on a thread, in its author's own words.
pub fn said(thread: &str, number: usize) -> v1::CommentSubmitted {
    v1::CommentSubmitted {
        id: Uuid::now_v7().to_string(),
        site: "news".into(),
        thread: Some(v1::Thread { id: thread.into(), ..Default::default() }),
        author: Some(v1::Author {
            name: format!("Reader {number}"),
            email: format!("r{number}@example.org"),
            ..Default::default()
        }),
        body: format!("On {thread}, {number}."),
        submitted_at: Some(from_millis(INSTANT)),
        ..Default::default()
    }
}

/// The same as an answer.
pub fn answer(parent: &v1::CommentSubmitted, number: usize) -> v1::CommentSubmitted {
    let thread = parent.thread.clone().unwrap_or_default().id;
    v1::CommentSubmitted { parent_id: parent.id.clone(), ..said(&thread, number) }
}

/// Appends a comment, and says where it stands now.
pub async fn append(publisher: &dyn Publisher, event: &v1::CommentSubmitted) -> Position {
    let record = Record::of(event, "/test", &rejoinder_proto::trace::new_traceparent());
    publisher.append(record).await.expect("appended")
}

/// Appends comments one after the other, without waiting for each.
pub async fn append_all(publisher: &dyn Publisher, events: &[v1::CommentSubmitted]) -> Vec<Position> {
    stream::iter(events).map(|event| append(publisher, event)).buffered(500).collect().await
}

/// A topic's committed events, partition after partition in their order.
pub fn committed<E: Event>(log: &dyn Log, topic: Topic) -> Vec<E> {
    let mut reader = log.read(topic, &Range::default()).expect("a reader");
    let mut events: HashMap<i32, Vec<E>> = HashMap::new();
    while let Some(records) = reader.next().expect("records") {
        for delivered in records {
            let (headers, payload): (&Headers, _) = (&delivered.record.headers, delivered.record.payload.as_deref());
            let event = E::decode(topic, headers, payload).expect("one of our events");
            events.entry(delivered.position.partition).or_default().push(event);
        }
    }
    events.into_values().flatten().collect()
}

/// Ids by thread, in the order of the events.
pub fn by_thread<E: Event>(events: &[E]) -> HashMap<String, Vec<String>> {
    let mut threads: HashMap<String, Vec<String>> = HashMap::new();
    for event in events {
        threads.entry(event.key()).or_default().push(event.id().to_owned());
    }
    threads
}

/// Ids as a page shows them whose comments came in this order: each with its answers below it.
pub fn drawn(events: &[v1::CommentSubmitted]) -> Vec<String> {
    let mut answers: HashMap<&str, Vec<&str>> = HashMap::new();
    for event in events {
        answers.entry(&event.parent_id).or_default().push(&event.id);
    }
    let mut drawn = Vec::new();
    let mut open: Vec<&str> = answers.remove("").unwrap_or_default().into_iter().rev().collect();
    while let Some(id) = open.pop() {
        drawn.push(id.to_owned());
        open.extend(answers.remove(id).into_iter().flatten().rev());
    }
    drawn
}
