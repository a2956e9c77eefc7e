//! What tools do: read a part of a topic, ask how far a group is, append several records together.

use std::{collections::BTreeMap, time::Duration};

use rejoinder_pipeline::{LogError, Range, Record, Records, log::Start, sqlite::SqliteView};
use rejoinder_proto::{Topic, from_millis, millis, now};
use rstest::rstest;

use crate::fixture::{PARTITIONS, Transport, eventually, gather, numbered, numbers, passed_on, progress, record, some};

fn offsets(fixture: &crate::fixture::Fixture, range: &Range) -> Vec<(i32, i64)> {
    fixture
        .read_within(Topic::Submitted, range)
        .iter()
        .map(|each| (each.position.partition, each.position.offset))
        .collect()
}

#[rstest]
fn a_range_of_offsets_is_read_and_no_more(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    let positions = fixture.append(numbered(60, 1));
    let partition = positions[0].partition;
    assert_eq!(fixture.log().partitions(Topic::Submitted).expect("a number"), PARTITIONS);
    let range = Range { first: Some(20), end: Some(25), ..Range::of_partition(partition) };
    assert_eq!(offsets(&fixture, &range), (20..25).map(|offset| (partition, offset)).collect::<Vec<_>>());
    let rest = Range { first: Some(58), ..Range::of_partition(partition) };
    assert_eq!(offsets(&fixture, &rest), [(partition, 58), (partition, 59)]);
    let beyond = Range { first: Some(60), end: Some(90), ..Range::of_partition(partition) };
    assert!(offsets(&fixture, &beyond).is_empty());
    assert_eq!(offsets(&fixture, &Range::of_partition(partition)).len(), 60);
    assert!(offsets(&fixture, &Range::of_partition((partition + 1) % PARTITIONS)).is_empty(), "another partition");
}

#[rstest]
fn a_range_of_times_is_read_and_no_more(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(30, 5));
    let first: Vec<_> = fixture.read(Topic::Submitted);
    let last = first.iter().map(|each| millis(Some(&each.appended_at))).max().expect("records");
    // The log's clock counts milliseconds.
    eventually("the clock moves on", || millis(Some(&now())) > last + 1);
    fixture.append(numbered(20, 5));
    let since = Some(from_millis(last + 1));
    let later = fixture.read_within(Topic::Submitted, &Range { from: since, ..Range::default() });
    assert_eq!(numbers(&later), (0..20).collect::<Vec<_>>());
    let earlier = fixture.read_within(Topic::Submitted, &Range { to: since, ..Range::default() });
    assert_eq!(numbers(&earlier), (0..30).collect::<Vec<_>>());
    let tomorrow = Some(from_millis(last + 86_400_000));
    assert!(fixture.read_within(Topic::Submitted, &Range { from: tomorrow, ..Range::default() }).is_empty());
}

#[rstest]
fn a_follower_reads_what_is_there_and_what_comes(#[values(Transport::Sqlite, Transport::Kafka)] transport: Transport) {
    let Some(fixture) = transport.open() else { return };
    fixture.append(numbered(40, 9));
    let last =
        fixture.read(Topic::Submitted).iter().map(|each| millis(Some(&each.appended_at))).max().expect("records");
    eventually("the clock moves on", || millis(Some(&now())) > last + 1);
    let start = |from, newest| Start { from: from_millis(from), newest };
    let follow = |start: &Start| fixture.log().follow(Topic::Submitted, start).expect("it can be followed");
    let (mut all, mut later) = (follow(&start(0, u64::MAX)), follow(&start(last + 1, u64::MAX)));
    let mut seen = Vec::new();
    eventually("what is there", || {
        seen.extend(all.poll(Duration::from_millis(100)).expect("an answer"));
        numbers(&seen).len() == 40
    });
    assert_eq!(numbers(&seen), (0..40).collect::<Vec<_>>());
    assert!(later.poll(Duration::from_millis(50)).expect("an answer").is_empty(), "all of it is older");

    let positions = fixture.append((40..60).map(|n| record("one key", n.to_string())).collect());
    for follower in [&mut all, &mut later] {
        let mut came = Vec::new();
        eventually("what comes", || {
            came.extend(follower.poll(Duration::from_millis(100)).expect("an answer"));
            came.len() == 20
        });
        let found: Vec<_> = came.iter().map(|each| each.position).collect();
        assert_eq!(found, positions, "in order");
        assert!(came.iter().all(|each| each.record.headers.is_empty()), "they are not read");
    }
    let mut newest = follow(&start(0, 5));
    let mut few = Vec::new();
    eventually("the newest", || {
        few.extend(newest.poll(Duration::from_millis(100)).expect("an answer"));
        numbers(&few).ends_with(&[55, 56, 57, 58, 59])
    });
    assert!(few.iter().filter(|each| each.position.partition == positions[0].partition).count() == 5, "{few:?}");
}

#[rstest]
fn how_far_a_group_is_can_be_asked_without_joining(
    #[values(Transport::Sqlite, Transport::Kafka)] transport: Transport,
) {
    let Some(fixture) = transport.open() else { return };
    let positions = fixture.append(numbered(40, 9));
    assert!(fixture.log().committed("asked").expect("an answer").is_empty());
    let mut consumer = fixture.join("asked", "0");
    let part = some(&mut *consumer, 10);
    consumer.commit(part.iter().map(passed_on).collect(), &progress(&part)).expect("a commit");
    let committed = fixture.log().committed("asked").expect("an answer");
    let expected: BTreeMap<_, _> =
        progress(&part).iter().map(|(topic, number, span)| ((topic, number), span.next)).collect();
    assert_eq!(committed, expected);
    let rest = gather(&mut *consumer, 40 - part.len());
    consumer.commit(Vec::new(), &progress(&rest)).expect("a commit");
    let mut ends = BTreeMap::new();
    for position in positions {
        ends.insert((position.topic, position.partition), position.offset + 1);
    }
    assert_eq!(fixture.log().committed("asked").expect("an answer"), ends);
    assert!(fixture.log().committed("another").expect("an answer").is_empty());
    consumer.leave();
}

#[rstest]
fn a_transactor_appends_all_and_fences_the_one_before(
    #[values(Transport::Sqlite, Transport::Kafka)] transport: Transport,
) {
    let Some(fixture) = transport.open() else { return };
    let both = |number: &str| {
        let one = record(number, number);
        vec![one.clone(), Record { topic: Topic::DeadLetterSettled, ..one }]
    };
    let mut first = fixture.log().transactor("tool").expect("the name is free");
    first.append(both("0")).expect("appended");
    let mut other = fixture.log().transactor("another tool").expect("another name");
    first.append(both("1")).expect("another name fences nobody");
    let mut second = fixture.log().transactor("tool").expect("the later one begins");
    assert_eq!(numbers(&fixture.read(Topic::Submitted)), [0, 1], "what the first did can be read");
    let fenced = first.append(both("2"));
    assert!(matches!(fenced, Err(LogError::Fatal(_))), "{fenced:?}");
    second.append(both("3")).expect("appended");
    other.append(both("4")).expect("appended");
    for topic in [Topic::Submitted, Topic::DeadLetterSettled] {
        eventually("both topics have all of it", || numbers(&fixture.read(topic)) == [0, 1, 3, 4]);
    }
}

#[test]
fn another_process_may_look_at_the_file_while_it_is_written() {
    let Some(fixture) = Transport::Sqlite.open() else { return };
    let path = fixture.path().expect("a file");
    let view = SqliteView::open(&path).expect("it can be looked at");
    fixture.append(numbered(700, 9));
    let mut reader = view.read(Topic::Submitted, &Range::default()).expect("a reader");
    fixture.append(numbered(5, 9));
    let mut seen = 0;
    while let Some(records) = reader.next().expect("the topic can be read") {
        seen += records.len();
    }
    assert_eq!(seen, 700, "up to the end that it had");
    let mut consumer = fixture.join("group", "0");
    let batch = gather(&mut *consumer, 705);
    consumer.commit(Vec::new(), &progress(&batch)).expect("a commit");
    let next: i64 = view.committed("group").expect("offsets").values().sum();
    assert_eq!(next, 705);
    let none = SqliteView::open(&path.with_file_name("none")).expect_err("there is none").to_string();
    assert!(none.contains("data_dir"), "{none}");
    let partition = view.read(Topic::Submitted, &Range::of_partition(99)).map(|_| ()).expect_err("no such").to_string();
    assert!(partition.contains("no partition 99"), "{partition}");
}
