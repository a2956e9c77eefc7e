//! A member of a group without transactions, for comparison: outputs are delivered, then offsets are committed, and a
//! crash between the two does everything twice. Nothing ships with it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use async_trait::async_trait;
use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    message::{DeliveryResult, Header, Headers as _, OwnedHeaders},
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
};
use rejoinder_pipeline::{
    BatchLimits, Consumer, Delivered, Follower, Log, LogError, Position, Progress, Publisher, Range, Reader, Record,
    Records, Transactor, Unavailable, log::Start,
};
use rejoinder_proto::{Topic, from_millis};

/// A log whose members use no transactions.
pub struct PlainLog {
    pub brokers: String,
    pub prefix: String,
}

impl Log for PlainLog {
    fn join(&self, group: &str, _: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, LogError> {
        let names: Vec<String> = topics.iter().map(|topic| format!("{}{topic}", self.prefix)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("compression.type", "lz4").set("linger.ms", "1");
        let producer = config.create_with_context(Delivery::default()).map_err(fatal)?;
        config.set("group.id", format!("{}{group}", self.prefix)).set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "100");
        let consumer: BaseConsumer = config.create().map_err(fatal)?;
        consumer.subscribe(&names).map_err(fatal)?;
        Ok(Box::new(Plain { prefix: self.prefix.clone(), consumer, producer }))
    }

    fn publisher(&self) -> Result<Arc<dyn Publisher>, LogError> {
        Ok(Arc::new(Nobody))
    }

    fn transactor(&self, _: &str) -> Result<Box<dyn Transactor>, LogError> {
        Err(copies())
    }
}

impl Records for PlainLog {
    fn read(&self, _: Topic, _: &Range) -> Result<Box<dyn Reader>, LogError> {
        Err(copies())
    }

    fn follow(&self, _: Topic, _: &Start) -> Result<Box<dyn Follower>, LogError> {
        Err(copies())
    }

    fn partitions(&self, _: Topic) -> Result<i32, LogError> {
        Err(copies())
    }

    fn committed(&self, _: &str) -> Result<BTreeMap<(Topic, i32), i64>, LogError> {
        Err(copies())
    }
}

fn copies() -> LogError {
    LogError::Fatal("it only copies".into())
}

struct Nobody;

#[async_trait]
impl Publisher for Nobody {
    async fn append(&self, _: Record) -> Result<Position, Unavailable> {
        Err(Unavailable::Log("it only copies".into()))
    }
}

struct Plain {
    prefix: String,
    consumer: BaseConsumer,
    producer: ThreadedProducer<Delivery>,
}

#[derive(Default)]
struct Delivery(AtomicUsize);

impl ClientContext for Delivery {}

impl ProducerContext for Delivery {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Consumer for Plain {
    fn poll(&mut self, limits: BatchLimits) -> Result<Vec<Delivered>, LogError> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut until = Instant::now() + limits.wait;
        while batch.len() < limits.records && bytes < limits.bytes {
            let left = until.saturating_duration_since(Instant::now());
            match self.consumer.poll(left) {
                Some(Ok(message)) => {
                    if batch.is_empty() {
                        until = Instant::now() + limits.linger;
                    }
                    let Some(delivered) = self.delivered(&message) else { continue };
                    bytes += delivered.record.size();
                    batch.push(delivered);
                }
                Some(Err(error)) => return Err(LogError::Unavailable(error.to_string())),
                None if left.is_zero() => break,
                None => {}
            }
        }
        Ok(batch)
    }

    fn commit(&mut self, outputs: Vec<Record>, progress: &Progress) -> Result<(), LogError> {
        let wanted = self.producer.context().0.load(Ordering::Relaxed) + outputs.len();
        for output in outputs {
            let topic = format!("{}{}", self.prefix, output.topic);
            let headers = output
                .headers
                .iter()
                .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
            let payload = output.payload.unwrap_or_default();
            let record = BaseRecord::to(&topic).key(&output.key).payload(&payload).headers(headers);
            self.producer.send(record).map_err(|(error, _)| fatal(error))?;
        }
        while self.producer.context().0.load(Ordering::Relaxed) < wanted {
            self.producer.poll(Duration::from_micros(200));
        }
        let mut offsets = TopicPartitionList::new();
        for (topic, partition, span) in progress.iter() {
            let name = format!("{}{topic}", self.prefix);
            offsets.add_partition_offset(&name, partition, Offset::Offset(span.next)).map_err(fatal)?;
        }
        self.consumer.commit(&offsets, CommitMode::Async).map_err(fatal)
    }

    fn rewind(&mut self, _: &Progress) -> Result<(), LogError> {
        Ok(())
    }

    fn idle(&mut self, time: Duration) -> Result<(), LogError> {
        std::thread::sleep(time);
        Ok(())
    }

    fn lag(&mut self) -> Vec<(Topic, i32, i64)> {
        Vec::new()
    }

    fn leave(self: Box<Self>) {}
}

impl Plain {
    fn delivered(&self, message: &impl Message) -> Option<Delivered> {
        let topic = message.topic().strip_prefix(&self.prefix)?.parse().ok()?;
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let headers = headers.map(|header| (header.key, header.value.unwrap_or_default()));
        Some(Delivered {
            position: Position { topic, partition: message.partition(), offset: message.offset() },
            appended_at: from_millis(message.timestamp().to_millis().unwrap_or(0)),
            record: Record {
                topic,
                key: message.key().unwrap_or_default().to_vec(),
                headers: headers.collect(),
                payload: message.payload().map(<[u8]>::to_vec),
            },
        })
    }
}

fn fatal(error: impl ToString) -> LogError {
    LogError::Fatal(error.to_string())
}
