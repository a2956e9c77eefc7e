//! What can be seen from the outside: topics under read_committed, the database, the offsets of the groups.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use prost::Message as _;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::Headers,
};
use rejoinder_proto::v1;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::model::{Observed, Row, Seen};

const ANSWER: Duration = Duration::from_secs(60);
const SILENCE: u32 = 600;

/// The groups, each with the topics that it reads.
pub const GROUPS: [(&str, &[&str]); 4] = [
    ("validator", &["comments.submitted"]),
    ("spam-filter", &["comments.validated"]),
    ("comment-store", &["comments.screened", "comments.moderated", "comments.rejected"]),
    ("notifier", &["comments.screened", "comments.moderated"]),
];

fn client(brokers: &str, group: &str, isolation: &str) -> Result<BaseConsumer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "50")
        .create()?)
}

fn is_away(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure))
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let found = metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id());
    let found: Vec<i32> = found.collect();
    if found.is_empty() { bail!("{topic} is not there") } else { Ok(found) }
}

/// Every committed record of a topic.
pub fn topic(brokers: &str, topic: &str) -> Result<Vec<Seen>> {
    let consumer = client(brokers, "faults-reader", "read_committed")?;
    let mut left = partitions(&consumer, topic)?;
    let mut all = TopicPartitionList::new();
    for partition in &left {
        all.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let (mut seen, mut silent) = (Vec::new(), 0);
    while !left.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            None => silent += 1,
            Some(Err(KafkaError::PartitionEOF(partition))) => left.retain(|each| *each != partition),
            // The broker comes back, or the silence says that it does not.
            Some(Err(error)) if is_away(&error) => silent += 1,
            Some(Err(error)) => bail!("{topic}: {error}"),
            Some(Ok(message)) => {
                silent = 0;
                let header = |name: &str| {
                    let found = message.headers()?.iter().find(|header| header.key == name)?;
                    String::from_utf8(found.value?.to_vec()).ok()
                };
                seen.push(Seen {
                    id: header("ce_id").and_then(|id| id.parse().ok()).unwrap_or_default(),
                    key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
                    partition: message.partition(),
                    offset: message.offset(),
                    detail: detail(topic, message.payload().unwrap_or_default()),
                });
            }
        }
        if silent > SILENCE {
            bail!("{topic} says nothing");
        }
    }
    Ok(seen)
}

/// Follows a topic from its beginning until `stopped`, and notes when each comment's first record could be read, in
/// milliseconds since 1970. Blocks.
pub fn arrivals(brokers: &str, topic: &str, stopped: impl Fn() -> bool) -> Result<HashMap<Uuid, i64>> {
    let consumer = client(brokers, "faults-follower", "read_committed")?;
    let mut all = TopicPartitionList::new();
    for partition in partitions(&consumer, topic)? {
        all.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let mut arrivals = HashMap::new();
    while !stopped() {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            let header = message.headers().and_then(|headers| headers.iter().find(|header| header.key == "ce_id"));
            let id = header.and_then(|header| Uuid::try_parse(std::str::from_utf8(header.value?).ok()?).ok());
            arrivals.entry(id.unwrap_or_default()).or_insert_with(|| Utc::now().timestamp_millis());
        }
    }
    Ok(arrivals)
}

/// What tells two records of a topic about one comment apart.
pub fn detail(topic: &str, payload: &[u8]) -> String {
    if topic.ends_with("comments.published") {
        let event = v1::CommentPublished::decode(payload).unwrap_or_default();
        let at = event.changed_at.unwrap_or_default();
        format!("{:?} at {}.{:09}", event.visibility(), at.seconds, at.nanos)
    } else if topic.ends_with("comments.dead-letter") {
        v1::DeadLetter::decode(payload).unwrap_or_default().stage
    } else if topic.ends_with("comments.screened") {
        match v1::CommentScreened::decode(payload).unwrap_or_default().revision {
            0 => String::new(),
            revision => format!("revision {revision}"),
        }
    } else {
        String::new()
    }
}

/// The rows of `comments`.
pub async fn rows(url: &str) -> Result<Vec<Row>> {
    type Columns = (Uuid, i16, String, Option<Uuid>, Vec<u8>, DateTime<Utc>, i32, i64);
    let mut connection = PgConnection::connect(url).await?;
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT id, state, thread, parent, path, submitted_at, origin_partition, origin_offset FROM comments",
    )
    .fetch_all(&mut connection)
    .await?;
    let row = |(id, state, thread, parent, path, at, partition, offset): Columns| Row {
        id,
        state,
        thread,
        parent,
        path,
        submitted_at: at.timestamp_millis(),
        origin: (partition, offset),
    };
    Ok(rows.into_iter().map(row).collect())
}

/// How many mails are still owed.
pub async fn owed(url: &str) -> Result<i64> {
    let mut connection = PgConnection::connect(url).await?;
    let query = "SELECT count(*) FROM notifier_outbox WHERE status = 'pending'";
    Ok(sqlx::query_scalar(query).fetch_one(&mut connection).await?)
}

/// Whether every group has committed past every record of its topics.
pub fn is_drained(brokers: &str, prefix: &str) -> Result<bool> {
    let mut last: BTreeMap<(&str, i32), i64> = BTreeMap::new();
    for name in
        ["comments.submitted", "comments.validated", "comments.screened", "comments.moderated", "comments.rejected"]
    {
        for seen in topic(brokers, &format!("{prefix}{name}"))? {
            let offset = last.entry((name, seen.partition)).or_insert(0);
            *offset = seen.offset.max(*offset);
        }
    }
    for (group, topics) in GROUPS {
        let consumer = client(brokers, &format!("{prefix}rejoinder-{group}"), "read_committed")?;
        let mut asked = TopicPartitionList::new();
        let mine: Vec<_> = last.iter().filter(|((topic, _), _)| topics.contains(topic)).collect();
        for ((topic, partition), _) in &mine {
            asked.add_partition(&format!("{prefix}{topic}"), *partition);
        }
        let committed = consumer.committed_offsets(asked, ANSWER)?;
        for ((topic, partition), last) in mine {
            let found = committed.find_partition(&format!("{prefix}{topic}"), *partition);
            let next = match found.context("no answer for a partition")?.offset() {
                Offset::Offset(next) => next,
                _ => 0,
            };
            if next <= *last {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Partitions whose last stable offset lies before their end: a transaction is open there.
pub fn open(brokers: &str, prefix: &str) -> Result<Vec<String>> {
    let committed = client(brokers, "faults-reader", "read_committed")?;
    let all = client(brokers, "faults-reader", "read_uncommitted")?;
    let mut open = Vec::new();
    for topic in rejoinder_proto::Topic::ALL {
        let name = format!("{prefix}{topic}");
        for partition in partitions(&all, &name)? {
            let (_, stable) = committed.fetch_watermarks(&name, partition, ANSWER)?;
            let (_, end) = all.fetch_watermarks(&name, partition, ANSWER)?;
            if stable < end {
                open.push(format!("{topic}-{partition}"));
            }
        }
    }
    Ok(open)
}

/// Everything on Kafka and PostgreSQL; the mails come from the server that took them.
pub async fn everything(brokers: &str, prefix: &str, database: &str) -> Result<Observed> {
    let of = |name: &str| topic(brokers, &format!("{prefix}comments.{name}"));
    Ok(Observed {
        submitted: of("submitted")?,
        validated: of("validated")?,
        rejected: of("rejected")?,
        screened: of("screened")?,
        published: of("published")?,
        dead: of("dead-letter")?,
        rows: rows(database).await?,
        mails: Vec::new(),
        open: open(brokers, prefix)?,
    })
}
