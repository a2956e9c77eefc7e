use std::{
    mem,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, FutureRecord, Producer},
};

use super::{
    access::Access,
    errors,
    events::Reports,
    records,
    settings::{self, KafkaSettings},
};
use crate::{LogError, Position, Publisher, Record, Unavailable, log::MAX_PAYLOAD_BYTES};

/// How long a producer that is replaced may take for what it has taken; above the time that a record has.
const FLUSH: Duration = Duration::from_secs(10);

/// Appends single records with acks=all.
pub struct KafkaPublisher {
    settings: KafkaSettings,
    current: Mutex<Current>,
}

struct Current {
    access: Access,
    producer: FutureProducer<Reports>,
}

impl KafkaPublisher {
    /// Connects in the background.
    pub fn new(access: Access) -> Result<Self, LogError> {
        let producer = producer(&access.settings).map_err(|error| settings::refused(&error))?;
        Ok(Self { settings: access.settings.clone(), current: Mutex::new(Current { access, producer }) })
    }

    /// A handle to the producer; a new producer when the old one has failed for good, which idempotence may demand, or
    /// when the files that it was made of have changed.
    fn producer(&self) -> Result<FutureProducer<Reports>, KafkaError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = current.producer.client().fatal_error() {
            tracing::error!(?code, reason, "the producer failed for good; starting another");
            current.producer = producer(&current.access.settings)?;
        }
        let renewed = current.access.renewed(|settings| producer(settings).map_err(|error| settings::refused(&error)));
        if let Some((access, producer)) = renewed {
            let old = mem::replace(&mut *current, Current { access, producer }).producer;
            // Others may wait for what it has taken.
            thread::spawn(move || old.flush(FLUSH));
        }
        Ok(current.producer.clone())
    }
}

#[async_trait]
impl Publisher for KafkaPublisher {
    fn system(&self) -> &'static str {
        "kafka"
    }

    async fn append(&self, record: Record) -> Result<Position, Unavailable> {
        let bytes = record.payload.as_ref().map_or(0, Vec::len);
        if bytes > MAX_PAYLOAD_BYTES {
            return Err(Unavailable::TooLarge { bytes });
        }
        let topic = self.settings.topic(record.topic);
        let mut message = FutureRecord::to(&topic).key(&record.key).headers(records::headers(&record.headers));
        if let Some(payload) = &record.payload {
            message = message.payload(payload);
        }
        let refused = |error: &KafkaError| refusal(error, &topic, bytes);
        let sent = self.producer().map_err(|error| refused(&error))?.send_result(message);
        let delivery = match sent {
            Ok(delivery) => delivery,
            Err((error, _)) => return Err(refused(&error)),
        };
        match delivery.await {
            Ok(Ok(at)) => Ok(Position { topic: record.topic, partition: at.partition, offset: at.offset }),
            Ok(Err((error, _))) => Err(refused(&error)),
            Err(_) => Err(Unavailable::Log("the producer was closed".to_owned())),
        }
    }
}

fn producer(settings: &KafkaSettings) -> Result<FutureProducer<Reports>, KafkaError> {
    settings.publisher().create_with_context(Reports::new("publisher"))
}

fn refusal(error: &KafkaError, topic: &str, bytes: usize) -> Unavailable {
    let code = errors::facts(error).code;
    if matches!(code, RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize) {
        Unavailable::TooLarge { bytes }
    } else if errors::is_missing_topic(code) {
        Unavailable::Log(errors::missing(&[topic.to_owned()]))
    } else {
        Unavailable::Log(error.to_string())
    }
}
