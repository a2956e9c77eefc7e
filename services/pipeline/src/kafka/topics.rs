use std::{
    collections::BTreeMap,
    fmt, thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use rdkafka::{
    ClientContext,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::{Client, DefaultClientContext},
    error::{IsError, RDKafkaErrorCode},
    metadata::MetadataTopic,
};
use rejoinder_kafka_acls::Acl;
use rejoinder_proto::Topic;

use super::{
    errors,
    settings::{self, KafkaSettings, MAX_RECORD_BYTES},
};
use crate::LogError;

/// How long the cluster may take to make topics.
const MAKE: Duration = Duration::from_secs(30);

/// What a topic is like in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicState {
    /// As the settings say.
    Right,
    /// Not there; `rejoinder topics create` makes it.
    Missing,
    /// Another number of partitions than the settings say.
    Partitions {
        /// As many as it has.
        found: usize,
    },
    /// Another number of copies than the settings say.
    Replication {
        /// As many as its partitions have at least.
        found: usize,
    },
}

impl fmt::Display for TopicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicState::Right => f.write_str("right"),
            TopicState::Missing => f.write_str("missing; make it with `rejoinder topics create`"),
            TopicState::Partitions { found } => write!(f, "has {found} partitions, other than kafka.partitions"),
            TopicState::Replication { found } => write!(f, "has {found} copies, other than kafka.replication_factor"),
        }
    }
}

/// Makes the topics that are missing, and gives those. Returns when the brokers know them.
pub fn create(settings: &KafkaSettings) -> Result<Vec<Topic>, LogError> {
    let admin: AdminClient<DefaultClientContext> =
        settings.client().create().map_err(|error| settings::refused(&error))?;
    let names: Vec<String> = Topic::ALL.iter().map(|topic| settings.topic(*topic)).collect();
    let largest = MAX_RECORD_BYTES.to_string();
    let wanted: Vec<NewTopic<'_>> = names
        .iter()
        .zip(Topic::ALL)
        .map(|(name, topic)| {
            let copies = TopicReplication::Fixed(settings.replication_factor);
            let new = NewTopic::new(name, settings.partitions, copies).set("max.message.bytes", &largest);
            match topic {
                // They wait for a person, who may be longer about it than a cluster keeps records.
                Topic::DeadLetter | Topic::DeadLetterSettled => new.set("retention.ms", "-1"),
                _ => new,
            }
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(MAKE)).request_timeout(Some(MAKE));
    let results = block_on(admin.create_topics(&wanted, &options))
        .map_err(|error| LogError::Unavailable(format!("the topics could not be made: {error}")))?;
    let mut made = Vec::new();
    for result in results {
        match result {
            Ok(name) => made.extend(settings.topic_of(&name)),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(LogError::Fatal(format!("topic {name} could not be made: {code}"))),
        }
    }
    // The controller has made them; the brokers hear of it a moment later.
    let until = Instant::now() + MAKE;
    while check(settings)?.values().any(|state| *state == TopicState::Missing) {
        if Instant::now() > until {
            return Err(LogError::Unavailable(format!("the brokers do not know the new topics after {MAKE:?}")));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(made)
}

/// Grants all of them.
pub fn create_acls(settings: &KafkaSettings, acls: &[Acl]) -> Result<(), LogError> {
    let admin: AdminClient<DefaultClientContext> =
        settings.client().create().map_err(|error| settings::refused(&error))?;
    rejoinder_kafka_acls::create(admin.inner(), acls, MAKE).map_err(|error| LogError::Unavailable(error.to_string()))
}

/// What each topic is like.
pub fn check(settings: &KafkaSettings) -> Result<BTreeMap<Topic, TopicState>, LogError> {
    let admin: AdminClient<DefaultClientContext> =
        settings.client().create().map_err(|error| settings::refused(&error))?;
    Topic::ALL.iter().map(|topic| Ok((*topic, state(admin.inner(), settings, *topic)?))).collect()
}

/// How many partitions a topic has.
pub fn partitions(settings: &KafkaSettings, topic: Topic) -> Result<i32, LogError> {
    let admin: AdminClient<DefaultClientContext> =
        settings.client().create().map_err(|error| settings::refused(&error))?;
    match state(admin.inner(), settings, topic)? {
        TopicState::Missing => Err(LogError::Unavailable(errors::missing(&[settings.topic(topic)]))),
        TopicState::Partitions { found } => Ok(i32::try_from(found).unwrap_or(i32::MAX)),
        TopicState::Right | TopicState::Replication { .. } => Ok(settings.partitions),
    }
}

/// Whether the brokers answer and have these topics. The error says which they have not.
pub fn present<C: ClientContext>(
    client: &Client<C>,
    settings: &KafkaSettings,
    topics: &[Topic],
) -> Result<(), LogError> {
    let mut missing = Vec::new();
    for topic in topics {
        if state(client, settings, *topic)? == TopicState::Missing {
            missing.push(settings.topic(*topic));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(LogError::Unavailable(errors::missing(&missing))) }
}

fn state<C: ClientContext>(client: &Client<C>, settings: &KafkaSettings, topic: Topic) -> Result<TopicState, LogError> {
    let name = settings.topic(topic);
    let metadata = client
        .fetch_metadata(Some(&name), KafkaSettings::ANSWER)
        .map_err(|error| LogError::Unavailable(format!("{} does not answer: {error}", settings.brokers)))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == name) else {
        return Ok(TopicState::Missing);
    };
    match found.error().filter(|code| code.is_error()).map(RDKafkaErrorCode::from) {
        Some(code) if errors::is_missing_topic(code) => Ok(TopicState::Missing),
        Some(code) if errors::is_refusal(code) => Err(LogError::Fatal(format!("{name}: {code}"))),
        Some(code) => Err(LogError::Unavailable(format!("{name}: {code}"))),
        None => Ok(compare(found, settings)),
    }
}

fn compare(found: &MetadataTopic, settings: &KafkaSettings) -> TopicState {
    let partitions = found.partitions().len();
    let copies = found.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
    if partitions == 0 {
        TopicState::Missing
    } else if usize::try_from(settings.partitions) != Ok(partitions) {
        TopicState::Partitions { found: partitions }
    } else if usize::try_from(settings.replication_factor) != Ok(copies) {
        TopicState::Replication { found: copies }
    } else {
        TopicState::Right
    }
}
