//! Apache Kafka: one thread, one batch, one transaction.
//!
//! A group member polls a batch, and commits its outputs together with its offsets in one transaction, which the
//! group's generation guards (KIP-447). Members read committed records only, by the classic protocol with
//! cooperative-sticky assignment. What librdkafka does on its own threads, [`events`] notes; what an error means,
//! [`errors`] decides.

mod access;
mod again;
mod consumer;
mod errors;
mod events;
mod follower;
mod lag;
mod publisher;
mod reader;
mod records;
mod settings;
mod topics;
mod transactions;
mod transactor;

use std::{collections::BTreeMap, sync::Arc};

use rejoinder_proto::Topic;

use self::{
    access::Access, consumer::KafkaConsumer, follower::KafkaFollower, publisher::KafkaPublisher, reader::KafkaReader,
    transactor::KafkaTransactor,
};
pub use rejoinder_kafka_acls::{Acl, Operation, Resource};

pub use self::{
    settings::{KafkaSettings, MAX_RECORD_BYTES, READER_GROUP},
    topics::TopicState,
    transactor::TOOLS,
};
use crate::{Consumer, Follower, Log, LogError, Publisher, Range, Reader, Records, Transactor, log::Start};

/// A Kafka cluster as the log. Clones share the settings; every consumer and publisher has its own connections.
#[derive(Clone, Debug)]
pub struct KafkaLog(Arc<KafkaSettings>);

impl KafkaLog {
    /// Checks the settings; no broker is needed yet. The error names the setting and the fix.
    pub fn new(settings: KafkaSettings) -> Result<Self, LogError> {
        settings.check().map_err(LogError::Fatal)?;
        let log = Self(Arc::new(settings));
        log.settings()?.client().create_native_config().map_err(|error| settings::refused(&error))?;
        Ok(log)
    }

    /// The settings with what their files hold now.
    fn settings(&self) -> Result<KafkaSettings, LogError> {
        Ok(Access::new(&self.0)?.settings)
    }

    /// Makes the topics that are missing, with `max.message.bytes` at [`MAX_RECORD_BYTES`] and dead letters kept for
    /// ever, and gives those. Topics that
    /// exist are left alone. Blocks for up to half a minute.
    pub fn create_topics(&self) -> Result<Vec<Topic>, LogError> {
        topics::create(&self.settings()?)
    }

    /// Grants all of them; one that is granted already stays so. Names are the cluster's, with the prefix. Blocks for up to half a
    /// minute.
    pub fn create_acls(&self, acls: &[Acl]) -> Result<(), LogError> {
        topics::create_acls(&self.settings()?, acls)
    }

    /// What each topic is like in the cluster. Blocks.
    pub fn check_topics(&self) -> Result<BTreeMap<Topic, TopicState>, LogError> {
        topics::check(&self.settings()?)
    }
}

impl Log for KafkaLog {
    fn join(&self, group: &str, instance: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, LogError> {
        Ok(Box::new(KafkaConsumer::new(Access::new(&self.0)?, group, instance, topics)?))
    }

    fn publisher(&self) -> Result<Arc<dyn Publisher>, LogError> {
        Ok(Arc::new(KafkaPublisher::new(Access::new(&self.0)?)?))
    }

    fn transactor(&self, name: &str) -> Result<Box<dyn Transactor>, LogError> {
        Ok(Box::new(KafkaTransactor::begin(&self.settings()?, name)?))
    }
}

impl Records for KafkaLog {
    fn read(&self, topic: Topic, range: &Range) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(KafkaReader::new(&self.settings()?, topic, range)?))
    }

    fn follow(&self, topic: Topic, start: &Start) -> Result<Box<dyn Follower>, LogError> {
        Ok(Box::new(KafkaFollower::new(Access::new(&self.0)?, topic, start)?))
    }

    fn partitions(&self, topic: Topic) -> Result<i32, LogError> {
        topics::partitions(&self.settings()?, topic)
    }

    fn committed(&self, group: &str) -> Result<BTreeMap<(Topic, i32), i64>, LogError> {
        lag::committed(&self.settings()?, group)
    }
}
