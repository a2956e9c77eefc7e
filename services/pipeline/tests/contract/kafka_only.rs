//! What only Kafka can do wrong.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use rejoinder_pipeline::{
    Consumer, Log, LogError, Range, Records,
    kafka::{KafkaLog, KafkaSettings, TopicState},
};
use rejoinder_proto::Topic;

use crate::fixture::{
    PARTITIONS, PATIENCE, Transport, cluster, gather, limits, nothing, numbered, numbers, passed_on, progress, some,
};

/// A transactional producer that is not the crate's own.
fn producer(settings: &KafkaSettings, id: &str) -> ThreadedProducer<DefaultProducerContext> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &settings.brokers)
        .set("transactional.id", format!("{}{id}", settings.prefix))
        .create()
        .expect("a producer");
    producer.init_transactions(Duration::from_secs(10)).expect("a transactional id");
    producer
}

fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    settings: &KafkaSettings,
    numbers: std::ops::Range<usize>,
) {
    let topic = format!("{}{}", settings.prefix, Topic::Submitted);
    for number in numbers {
        let (key, payload) = (format!("key-{}", number % 5), number.to_string());
        producer.send(BaseRecord::to(&topic).key(&key).payload(&payload)).map_err(|(error, _)| error).expect("room");
    }
    producer.flush(Duration::from_secs(10)).expect("deliveries");
}

#[test]
fn an_aborted_record_is_never_seen() {
    let Some(fixture) = Transport::Kafka.open() else { return };
    let settings = fixture.settings().expect("Kafka's");
    let outside = producer(settings, "outside");
    outside.begin_transaction().expect("a transaction");
    send(&outside, settings, 1_000..1_020);
    let mut consumer = fixture.join("committed", "0");
    nothing(&mut *consumer);
    assert!(fixture.read(Topic::Submitted).is_empty());
    outside.abort_transaction(Duration::from_secs(10)).expect("an abort");
    outside.begin_transaction().expect("a transaction");
    send(&outside, settings, 0..20);
    outside.commit_transaction(Duration::from_secs(10)).expect("a commit");
    outside.begin_transaction().expect("a transaction");
    send(&outside, settings, 2_000..2_020);
    // Gone in the midst of a transaction.
    drop(outside);
    let batch = gather(&mut *consumer, 20);
    assert_eq!(numbers(&batch), (0..20).collect::<Vec<_>>());
    assert_eq!(numbers(&fixture.read(Topic::Submitted)), (0..20).collect::<Vec<_>>());
    consumer.commit(Vec::new(), &progress(&batch)).expect("a commit");
    nothing(&mut *consumer);
    consumer.leave();
}

/// Opens a transaction with offsets of a group, as a member does that then dies.
fn undecided(
    settings: &KafkaSettings,
    id: &str,
    group: &str,
    next: impl IntoIterator<Item = (i32, i64)>,
) -> ThreadedProducer<DefaultProducerContext> {
    let dead = producer(settings, id);
    dead.begin_transaction().expect("a transaction");
    let group: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &settings.brokers)
        .set("group.id", format!("{}{group}", settings.prefix))
        .create()
        .expect("a consumer");
    let mut offsets = TopicPartitionList::new();
    let topic = format!("{}{}", settings.prefix, Topic::Submitted);
    for (partition, offset) in next {
        offsets.add_partition_offset(&topic, partition, rdkafka::Offset::Offset(offset)).expect("an offset");
    }
    let metadata = group.group_metadata().expect("a group");
    dead.send_offsets_to_transaction(&offsets, &metadata, Duration::from_secs(10)).expect("offsets");
    dead
}

#[test]
fn a_successor_settles_what_a_dead_member_left_open() {
    let Some(fixture) = Transport::Kafka.open() else { return };
    let settings = fixture.settings().expect("Kafka's");
    fixture.append(numbered(10, 5));
    // A member's own transactional id, offsets and all, and then it dies before the commit.
    drop(undecided(settings, "settled-0", "settled", (0..PARTITIONS).map(|partition| (partition, 1))));
    let started = Instant::now();
    let mut consumer = fixture.join("settled", "0");
    assert_eq!(numbers(&gather(&mut *consumer, 10)), (0..10).collect::<Vec<_>>());
    // Without the successor's claim on the id, the offsets would hang for the transaction's time-out of a minute.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    consumer.leave();
}

#[test]
fn what_waits_for_a_dead_members_offsets_is_not_read_from_the_beginning() {
    let Some(fixture) = Transport::Kafka.open() else { return };
    let settings = fixture.settings().expect("Kafka's");
    fixture.append(numbered(40, 20));
    let mut before = fixture.join("waits", "before");
    let done = gather(&mut *before, 40);
    before.commit(Vec::new(), &progress(&done)).expect("a commit");
    before.leave();
    let next = progress(&done).iter().map(|(_, partition, span)| (partition, span.next)).collect::<Vec<_>>();
    let dead = undecided(settings, "waits-dead", "waits", next);
    let mut first = fixture.join("waits", "first");
    nothing(&mut *first);
    // Partitions move while it still waits.
    let mut second = fixture.join("waits", "second");
    for _ in 0..10 {
        nothing_yet(&mut *first);
        nothing_yet(&mut *second);
    }
    dead.abort_transaction(Duration::from_secs(10)).expect("an abort");
    fixture.append(numbered(80, 20).split_off(40));
    let mut seen = Vec::new();
    let until = Instant::now() + PATIENCE;
    while seen.len() < 40 {
        for member in [&mut first, &mut second] {
            // It waits a little whenever it cannot know yet where to go on.
            seen.extend(member.poll(limits(40)).unwrap_or_default());
        }
        assert!(Instant::now() < until, "{} came", seen.len());
    }
    assert_eq!(numbers(&seen), (40..80).collect::<Vec<_>>());
    first.leave();
    second.leave();
}

/// One poll that brings no record.
fn nothing_yet(member: &mut dyn Consumer) {
    if let Ok(batch) = member.poll(limits(40)) {
        assert!(batch.is_empty(), "read again: {:?}", numbers(&batch));
    }
}

#[test]
fn a_second_process_of_the_same_name_fences_the_first() {
    let Some(fixture) = Transport::Kafka.open() else { return };
    fixture.append(numbered(20, 5));
    let mut zombie = fixture.join("fenced", "0");
    let stale = some(&mut *zombie, 20);
    let mut consumer = fixture.join("fenced", "0");
    let _ = consumer.poll(limits(1)).expect("a poll, which claims the id");
    let error = zombie.commit(stale.iter().map(passed_on).collect(), &progress(&stale)).expect_err("it is fenced");
    assert!(matches!(error, LogError::Fatal(_)), "{error}");
    zombie.leave();
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let batch = some(&mut *consumer, 20);
        consumer.commit(batch.iter().map(passed_on).collect(), &progress(&batch)).expect("a commit");
        seen.extend(batch);
    }
    assert_eq!(numbers(&fixture.read(Topic::Validated)), (0..20).collect::<Vec<_>>());
    consumer.leave();
}

#[test]
fn topics_are_made_once_and_checked() {
    let Some(fixture) = Transport::Kafka.open() else { return };
    let settings = fixture.settings().expect("Kafka's").clone();
    let log = fixture.kafka().expect("Kafka's");
    assert_eq!(log.create_topics().expect("an answer"), []);
    assert!(log.check_topics().expect("an answer").values().all(|state| *state == TopicState::Right));
    let other = KafkaLog::new(KafkaSettings { partitions: 7, ..settings.clone() }).expect("settings");
    let wrong = TopicState::Partitions { found: 4 };
    assert!(other.check_topics().expect("an answer").values().all(|state| *state == wrong));
    let other = KafkaLog::new(KafkaSettings { replication_factor: 3, ..settings }).expect("settings");
    let wrong = TopicState::Replication { found: 1 };
    assert!(other.check_topics().expect("an answer").values().all(|state| *state == wrong));
}

#[test]
fn a_missing_topic_is_named_with_the_command_that_makes_it() {
    let Some(settings) = cluster() else { return };
    let missing = format!("{}comments.submitted", settings.prefix);
    let log = KafkaLog::new(settings).expect("settings");
    assert!(log.check_topics().expect("an answer").values().all(|state| *state == TopicState::Missing));
    let error = log.join("g", "0", &[Topic::Submitted]).expect("no broker is asked yet").poll(limits(1));
    let Err(LogError::Unavailable(detail)) = error else { panic!("{error:?}") };
    assert!(detail.contains(&missing) && detail.contains("rejoinder topics create"), "{detail}");
    let publisher = log.publisher().expect("a publisher");
    let error = futures::executor::block_on(publisher.append(numbered(1, 1).remove(0))).expect_err("no topic");
    assert!(error.to_string().contains("rejoinder topics create"), "{error}");
}

#[test]
fn a_cluster_that_is_away_is_waited_for() {
    // Nothing listens on port 1; this needs no broker.
    let settings = KafkaSettings { brokers: "127.0.0.1:1".into(), ..KafkaSettings::default() };
    let log = KafkaLog::new(settings).expect("settings");
    let mut consumer = log.join("away", "0", &[Topic::Submitted]).expect("no broker is asked yet");
    for _ in 0..2 {
        let started = Instant::now();
        let error = consumer.poll(limits(1)).expect_err("no broker");
        assert!(matches!(error, LogError::Unavailable(_)), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        consumer.idle(Duration::from_millis(50)).expect("waiting");
    }
    assert!(matches!(log.read(Topic::Submitted, &Range::default()).map(|_| ()), Err(LogError::Unavailable(_))));
    let publisher = log.publisher().expect("a publisher");
    let started = Instant::now();
    assert!(futures::executor::block_on(publisher.append(numbered(1, 1).remove(0))).is_err());
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    consumer.leave();
}
