//! What librdkafka is told: a configuration for each kind of client.

use std::time::Duration;

use rdkafka::ClientConfig;

use super::{KafkaSettings, MAX_RECORD_BYTES};
use crate::LogError;

/// The group that readers without a group name, since librdkafka wants one; they never join it.
pub const READER_GROUP: &str = "rejoinder-reader";

impl KafkaSettings {
    /// A client that only asks.
    pub(in crate::kafka) fn client(&self) -> ClientConfig {
        self.finish(self.base())
    }

    /// A member of a group. Its queues are bounded so that a worker stays small: what is fetched ahead is a batch or two.
    pub(in crate::kafka) fn member(&self, group: &str, instance: &str) -> ClientConfig {
        let mut config = self.fetching(&format!("{}{group}", self.prefix));
        config
            .set("client.id", format!("rejoinder-{group}-{instance}"))
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", self.session_timeout_ms.to_string())
            // Members hear of a rebalance with their next heartbeat, and until all have heard, nobody has the partitions of
            // one that left.
            .set("heartbeat.interval.ms", (self.session_timeout_ms / 4).clamp(1, 500).to_string())
            .set("statistics.interval.ms", "5000");
        if let Some(id) = &self.group_instance_id {
            config.set("group.instance.id", format!("{}{id}-{instance}", self.prefix));
        }
        self.finish(config)
    }

    /// A reader in no group; librdkafka wants a group's name even so.
    pub(in crate::kafka) fn reader(&self) -> ClientConfig {
        let mut config = self.fetching(&format!("{}{READER_GROUP}", self.prefix));
        config.set("enable.partition.eof", "true");
        self.finish(config)
    }

    /// A client that asks about a group and never joins it.
    pub(in crate::kafka) fn observer(&self, group: &str) -> ClientConfig {
        self.finish(self.fetching(&format!("{}{group}", self.prefix)))
    }

    /// The producer of a group member's transactions.
    pub(in crate::kafka) fn transactional(&self, group: &str, instance: &str) -> ClientConfig {
        let mut config = self.producing();
        config
            .set("client.id", format!("rejoinder-{group}-{instance}"))
            .set("transactional.id", format!("{}{group}-{instance}", self.prefix))
            .set("transaction.timeout.ms", self.transaction_timeout_ms.to_string())
            // Requests and deliveries are given up before Kafka gives up the transaction.
            .set("socket.timeout.ms", self.transaction_timeout_ms.min(10_000).to_string())
            .set("message.timeout.ms", (self.transaction_timeout_ms * 2 / 3).to_string());
        self.finish(config)
    }

    /// The producer of single records: a publisher waits for each, so it is told soon when the log is away.
    pub(in crate::kafka) fn publisher(&self) -> ClientConfig {
        let mut config = self.producing();
        config.set("client.id", "rejoinder-publisher").set("message.timeout.ms", "5000");
        self.finish(config)
    }

    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            // A broker that swallows requests is noticed within 10 s, and one that is back within 2 s.
            .set("socket.timeout.ms", "10000")
            .set("socket.connection.setup.timeout.ms", "5000")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.max.ms", "2000")
            // A topic that is missing is told from one that is new before a publisher's patience ends.
            .set("topic.metadata.propagation.max.ms", "2000")
            .set("log.connection.close", "false");
        config
    }

    fn fetching(&self, group: &str) -> ClientConfig {
        let mut config = self.base();
        config
            .set("group.id", group)
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "500")
            // Sizes on the wire, so compressed: some times as much in memory. A longer record still comes through alone.
            .set("message.max.bytes", "1048576")
            .set("fetch.max.bytes", "1048576")
            .set("max.partition.fetch.bytes", "524288")
            .set("queued.min.messages", "10000")
            .set("queued.max.messages.kbytes", "4096")
            // A full queue is looked at again at once; the default of 1 s would starve a fast worker.
            .set("fetch.queue.backoff.ms", "2")
            .set("fetch.error.backoff.ms", "100");
        config
    }

    fn producing(&self) -> ClientConfig {
        let mut config = self.base();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // As Java's clients pick partitions, so that their records of a thread meet ours.
            .set("partitioner", "murmur2_random")
            .set("compression.type", "lz4")
            .set("linger.ms", "1")
            .set("message.max.bytes", MAX_RECORD_BYTES.to_string())
            .set("queue.buffering.max.kbytes", "8192");
        config
    }

    fn finish(&self, mut config: ClientConfig) -> ClientConfig {
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
    }

    /// How long to wait for an answer when asking a broker something small.
    pub(in crate::kafka) const ANSWER: Duration = Duration::from_secs(2);
}

/// The error of a configuration that librdkafka does not take: it names the key, never the value.
pub(in crate::kafka) fn refused(error: &rdkafka::error::KafkaError) -> LogError {
    let detail = match error {
        rdkafka::error::KafkaError::ClientConfig(_, description, key, _) => {
            format!("kafka.properties.{key:?} is not accepted: {description}")
        }
        other => other.to_string(),
    };
    LogError::Fatal(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> KafkaSettings {
        KafkaSettings { properties: [(key.to_owned(), value.to_owned())].into(), ..KafkaSettings::default() }
    }

    #[test]
    fn properties_pass_through_and_come_last() {
        let settings = with("linger.ms", "7");
        assert_eq!(settings.check(), Ok(()));
        assert_eq!(settings.publisher().get("linger.ms"), Some("7"));
        assert_eq!(settings.member("g", "0").get("linger.ms"), Some("7"));
    }

    #[test]
    fn no_password_is_shown() {
        let settings = with("sasl.password", "opensesame");
        assert!(!format!("{settings:?}").contains("opensesame"));
        assert!(!serde_json::to_string(&settings).expect("settings serialise").contains("opensesame"));
        let error = settings_error(&with("ssl.unheard.of", "opensesame"));
        assert!(error.contains("ssl.unheard.of") && !error.contains("opensesame"), "{error}");
    }

    fn settings_error(settings: &KafkaSettings) -> String {
        refused(&settings.client().create_native_config().err().expect("an unknown key")).to_string()
    }

    #[test]
    fn a_prefix_stands_before_the_names_of_groups_and_transactions() {
        let settings = KafkaSettings { prefix: "blue.".into(), ..KafkaSettings::default() };
        assert_eq!(settings.member("validator", "a").get("group.id"), Some("blue.validator"));
        assert_eq!(settings.transactional("validator", "a").get("transactional.id"), Some("blue.validator-a"));
    }
}
