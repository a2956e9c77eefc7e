//! Single records: order, size, durability, reading.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use rejoinder_pipeline::{Range, Record, Unavailable, log::MAX_PAYLOAD_BYTES};
use rejoinder_proto::{Topic, headers::Headers};
use rstest::rstest;

use crate::fixture::{Transport, gather, number, numbered, numbers, passed_on, progress, record, some};

#[rstest]
fn a_key_keeps_its_order_and_its_partition(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(600, 10));
    let mut consumer = fixture.join("order", "0");
    let mut last: HashMap<Vec<u8>, (i32, usize)> = HashMap::new();
    let mut seen = 0;
    while seen < 600 {
        let batch = some(&mut *consumer, 37);
        for each in &batch {
            let (partition, number) = (each.position.partition, number(&each.record));
            if let Some((before, previous)) = last.insert(each.record.key.clone(), (partition, number)) {
                assert_eq!((partition, number), (before, previous + 10));
            }
        }
        seen += batch.len();
        consumer.commit(batch.iter().map(passed_on).collect(), &progress(&batch)).expect("a commit");
    }
    assert_eq!(last.len(), 10);
    let mut outputs: HashMap<Vec<u8>, usize> = HashMap::new();
    for each in fixture.read(Topic::Validated) {
        let number = number(&each.record);
        if let Some(previous) = outputs.insert(each.record.key, number) {
            assert_eq!(number, previous + 10);
        }
    }
    consumer.leave();
}

#[rstest]
fn an_acknowledged_record_stands_where_it_was_said_to(
    #[values(Transport::Sqlite, Transport::Kafka)] transport: Transport,
) {
    let Some(fixture) = transport.open() else { return };
    let headers = Headers::new().with("ce_id", "1").with("odd", vec![0xff, 0]).with("empty", "").with("odd", "again");
    let sent = [
        Record { headers, ..record("k", vec![0, 159, 146, 150]) },
        Record { payload: None, ..record("k", "") },
        Record { payload: Some(Vec::new()), ..record("", "") },
    ];
    let positions: Vec<_> = sent.iter().map(|record| fixture.append(vec![record.clone()])[0]).collect();
    let read = fixture.read(Topic::Submitted);
    assert_eq!(read.len(), sent.len());
    for (record, position) in sent.iter().zip(positions) {
        let found = read.iter().find(|each| each.position == position).expect("the record stands there");
        assert_eq!(&found.record, record);
        assert!(found.appended_at.seconds > 1_600_000_000);
    }
}

#[rstest]
fn a_megabyte_passes_and_more_is_refused(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    // Noise, which no compression makes smaller.
    let large: Vec<u8> = (0..MAX_PAYLOAD_BYTES).map(|_| rand::random()).collect();
    for n in 0..12 {
        fixture.append(vec![record(&format!("k{n}"), large.clone())]);
    }
    let mut consumer = fixture.join("large", "0");
    let mut passed = 0;
    while passed < 12 {
        let batch = some(&mut *consumer, 100);
        assert!(batch.iter().all(|each| each.record.payload.as_ref() == Some(&large)));
        passed += batch.len();
        consumer.commit(batch.iter().map(passed_on).collect(), &progress(&batch)).expect("a commit");
    }
    let read = fixture.read(Topic::Validated);
    assert_eq!(read.len(), 12);
    assert!(read.iter().all(|each| each.record.payload.as_ref() == Some(&large)));
    let publisher = fixture.log().publisher().expect("a publisher");
    let refused = block_on(publisher.append(record("k", vec![0; MAX_PAYLOAD_BYTES + 1])));
    assert!(matches!(refused, Err(Unavailable::TooLarge { bytes }) if bytes == MAX_PAYLOAD_BYTES + 1), "{refused:?}");
    consumer.leave();
}

#[rstest]
fn a_batch_stops_at_its_limit_of_bytes(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append((0..20).map(|n| record(&n.to_string(), vec![0; 100_000])).collect());
    let mut consumer = fixture.join("bytes", "0");
    let mut seen = 0;
    while seen < 20 {
        let mut limits = crate::fixture::limits(100);
        limits.bytes = 250_000;
        let batch = consumer.poll(limits).expect("a poll");
        assert!(batch.len() <= 3, "{} records", batch.len());
        seen += batch.len();
    }
    consumer.leave();
}

#[rstest]
fn everything_is_there_after_a_restart(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(mut fixture) = transport.open() else { return };
    fixture.append(numbered(100, 7));
    let mut consumer = fixture.join("restart", "0");
    let first = gather(&mut *consumer, 40);
    consumer.commit(first.iter().map(passed_on).collect(), &progress(&first)).expect("a commit");
    drop(consumer);
    fixture.reopen();
    assert_eq!(fixture.read(Topic::Submitted).len(), 100);
    assert_eq!(numbers(&fixture.read(Topic::Validated)), numbers(&first));
    let mut consumer = fixture.join("restart", "0");
    let mut all = gather(&mut *consumer, 60);
    consumer.commit(Vec::new(), &progress(&all)).expect("a commit");
    all.extend(first);
    assert_eq!(numbers(&all), (0..100).collect::<Vec<_>>());
    consumer.leave();
}

#[rstest]
fn a_reader_ends_where_the_topic_ended_when_it_began(
    #[values(Transport::Sqlite, Transport::Kafka)] transport: Transport,
) {
    let Some(fixture) = transport.open() else { return };
    assert!(fixture.read(Topic::Submitted).is_empty());
    fixture.append(numbered(50, 5));
    let mut reader = fixture.log().read(Topic::Submitted, &Range::default()).expect("a reader");
    fixture.append(numbered(50, 5));
    let mut seen = 0;
    while let Some(records) = reader.next().expect("the topic can be read") {
        seen += records.len();
    }
    assert_eq!(seen, 50);
    assert_eq!(fixture.read(Topic::Submitted).len(), 100);
}

#[rstest]
fn one_record_alone_is_there_at_once(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    let mut consumer = fixture.join("alone", "0");
    fixture.append(numbered(1, 1));
    let batch = some(&mut *consumer, 10);
    consumer.commit(Vec::new(), &progress(&batch)).expect("a commit");
    let mut quickest = Duration::MAX;
    for _ in 0..10 {
        let started = Instant::now();
        fixture.append(numbered(1, 1));
        let batch = some(&mut *consumer, 10);
        consumer.commit(batch.iter().map(passed_on).collect(), &progress(&batch)).expect("a commit");
        quickest = quickest.min(started.elapsed());
    }
    // What waits by design waits every time; a busy machine does not.
    assert!(quickest < Duration::from_millis(250), "{quickest:?}");
    consumer.leave();
}
