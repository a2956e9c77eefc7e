#[cfg(feature = "kafka")]
mod clients;

use std::{collections::BTreeMap, fmt, path::PathBuf};

use rejoinder_proto::Topic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(feature = "kafka")]
pub use self::clients::READER_GROUP;
#[cfg(feature = "kafka")]
pub(super) use self::clients::refused;

/// The longest record in bytes that our topics take and our producers send. A dead letter holds a whole record of up to
/// [`MAX_PAYLOAD_BYTES`](crate::log::MAX_PAYLOAD_BYTES) with its headers, so it must be well above that.
pub const MAX_RECORD_BYTES: u32 = 4 << 20;

/// A partition as we name it.
pub(super) type Partition = (Topic, i32);

/// A partition as the cluster names it.
pub(super) type Named = (String, i32);

/// How to reach Apache Kafka, and the names and timings that the workers use there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSettings {
    /// `host:port` of some brokers, separated by commas; the others are learnt from them. The default is what
    /// `make up` starts.
    pub brokers: String,
    /// Stands before every topic, group and transactional id, so that several installations can share a cluster.
    /// Empty by default: most clusters hold one.
    pub prefix: String,
    /// Partitions of each topic that `rejoinder topics create` makes. It bounds how many replicas of a worker can share
    /// the load, and it cannot be changed later without breaking the order within a thread; 12 divides well.
    pub partitions: i32,
    /// Copies of each topic that `rejoinder topics create` makes. 1 for a single broker; use 3 in production, where
    /// an accepted comment must survive the loss of a broker.
    pub replication_factor: i32,
    /// A name that is this replica's own and that it keeps over a restart (a StatefulSet's pod name). With it a replica
    /// that restarts within the session time-out gets its partitions back without a rebalance, and a replica that stops
    /// keeps them until then. Unset by default: partitions then move at once.
    pub group_instance_id: Option<String>,
    /// Milliseconds after which a silent worker is taken for dead and its partitions are given to others. 10 s rides out
    /// a pause of the process, and is soon enough for readers.
    pub session_timeout_ms: u32,
    /// Milliseconds after which Kafka aborts the transaction of a worker that hangs; readers of its partitions wait so
    /// long. A transaction takes milliseconds; 15 s rides out a change of leader.
    pub transaction_timeout_ms: u32,
    /// Further settings of librdkafka, for TLS and SASL above all (`security.protocol`, `ssl.ca.location`,
    /// `sasl.username`, ...). Those that the guarantees rest on are refused.
    #[serde(skip_serializing)] // It may hold passwords.
    pub properties: BTreeMap<String, String>,
    /// Properties whose values stand in files, as secrets are mounted: the property, and the file. When one of them
    /// changes, or a certificate that a property names, every client is made anew.
    pub property_files: BTreeMap<String, PathBuf>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:19092".to_owned(),
            prefix: String::new(),
            partitions: 12,
            replication_factor: 1,
            group_instance_id: None,
            session_timeout_ms: 10_000,
            transaction_timeout_ms: 15_000,
            properties: BTreeMap::new(),
            property_files: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("brokers", &self.brokers)
            .field("prefix", &self.prefix)
            .field("partitions", &self.partitions)
            .field("replication_factor", &self.replication_factor)
            .field("group_instance_id", &self.group_instance_id)
            .field("session_timeout_ms", &self.session_timeout_ms)
            .field("transaction_timeout_ms", &self.transaction_timeout_ms)
            .field("properties", &self.properties.keys()) // The values may be passwords.
            .field("property_files", &self.property_files)
            .finish()
    }
}

/// Properties that are not for the operator to set, each with what to do instead.
const REFUSED: &[(&[&str], &str)] = &[
    (&["bootstrap.servers", "metadata.broker.list"], "set kafka.brokers"),
    (&["group.instance.id"], "set kafka.group_instance_id"),
    (&["session.timeout.ms"], "set kafka.session_timeout_ms"),
    (&["transaction.timeout.ms"], "set kafka.transaction_timeout_ms"),
    (&["group.id", "transactional.id"], "they follow from the worker's name; set kafka.prefix"),
    (
        &[
            "enable.idempotence",
            "acks",
            "request.required.acks",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "retries",
            "message.send.max.retries",
            "message.timeout.ms",
            "delivery.timeout.ms",
        ],
        "an accepted record must be replicated, once and in order",
    ),
    (
        &[
            "isolation.level",
            "enable.auto.commit",
            "auto.commit.enable",
            "enable.auto.offset.store",
            "auto.offset.reset",
            "enable.partition.eof",
        ],
        "exactly-once processing rests on it",
    ),
    (&["group.protocol", "partition.assignment.strategy"], "cooperative-sticky is the one that is tested"),
    (
        &["partitioner", "sticky.partitioning.linger.ms"],
        "a thread keeps its order because every publisher picks partitions alike",
    ),
];

impl KafkaSettings {
    /// What is wrong with them and the fix.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.brokers.trim().is_empty() {
            return Err("kafka.brokers is empty; list at least one host:port".to_owned());
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !self.prefix.chars().all(plain) || self.prefix.len() > 100 {
            return Err(format!(
                "kafka.prefix {:?} must be at most 100 ASCII letters, digits, dots, hyphens and underscores",
                self.prefix
            ));
        }
        if self.partitions < 1 || self.replication_factor < 1 {
            return Err("kafka.partitions and kafka.replication_factor must be at least 1".to_owned());
        }
        if self.transaction_timeout_ms < 1_000 {
            return Err("kafka.transaction_timeout_ms must be at least 1000".to_owned());
        }
        for key in self.properties.keys().chain(self.property_files.keys()) {
            if let Some((_, reason)) = REFUSED.iter().find(|(keys, _)| keys.contains(&key.as_str())) {
                return Err(format!("kafka.properties.{key:?} may not be set here: {reason}"));
            }
        }
        if let Some(key) = self.property_files.keys().find(|key| self.properties.contains_key(*key)) {
            return Err(format!(
                "kafka.property_files.{key:?} stands in kafka.properties as well; leave one of them out"
            ));
        }
        Ok(())
    }

    /// A topic's name in the cluster.
    pub(super) fn topic(&self, topic: Topic) -> String {
        format!("{}{topic}", self.prefix)
    }

    /// The topic of a name in the cluster.
    pub(super) fn topic_of(&self, name: &str) -> Option<Topic> {
        name.strip_prefix(self.prefix.as_str())?.parse().ok()
    }

    /// A partition as the cluster names it.
    pub(super) fn partition(&self, (topic, number): Partition) -> Named {
        (self.topic(topic), number)
    }

    /// The partition of a name in the cluster.
    pub(super) fn partition_of(&self, name: &str, number: i32) -> Option<Partition> {
        self.topic_of(name).map(|topic| (topic, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> KafkaSettings {
        KafkaSettings { properties: [(key.to_owned(), value.to_owned())].into(), ..KafkaSettings::default() }
    }

    #[test]
    fn what_the_guarantees_rest_on_is_refused_by_name() {
        for key in ["enable.idempotence", "isolation.level", "transactional.id", "enable.auto.commit", "acks"] {
            let error = with(key, "x").check().expect_err(key);
            assert!(error.contains(key), "{error}");
            let files = [(key.to_owned(), "x".into())].into();
            let settings = KafkaSettings { property_files: files, ..KafkaSettings::default() };
            assert!(settings.check().expect_err(key).contains(key));
        }
    }

    #[test]
    fn a_prefix_stands_before_every_name() {
        let settings = KafkaSettings { prefix: "blue.".into(), ..KafkaSettings::default() };
        assert_eq!(settings.topic(Topic::Submitted), "blue.comments.submitted");
        assert_eq!(settings.topic_of("blue.comments.submitted"), Some(Topic::Submitted));
        assert_eq!(settings.topic_of("comments.submitted"), None);
        assert!(KafkaSettings { prefix: "a b".into(), ..settings }.check().is_err());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = serde_json::from_str::<KafkaSettings>(r#"{"brokerz": "x"}"#).expect_err("an unknown key");
        assert!(error.to_string().contains("brokerz"), "{error}");
    }
}
