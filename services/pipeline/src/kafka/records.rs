//! Between our records and librdkafka's messages.

use rdkafka::{
    Message,
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
};
use rejoinder_proto::{from_millis, headers::Headers};

use super::settings::KafkaSettings;
use crate::{Delivered, Position, Record};

/// A message as the pipeline sees it; `None` when it is on no topic of ours.
pub fn delivered(settings: &KafkaSettings, message: &BorrowedMessage<'_>) -> Option<Delivered> {
    let mut delivered = bare(settings, message)?;
    delivered.record.headers = message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter())
        .map(|header| (header.key, header.value.unwrap_or_default()))
        .collect();
    Some(delivered)
}

/// The same without its headers, which librdkafka reads only when they are asked for.
pub fn bare(settings: &KafkaSettings, message: &BorrowedMessage<'_>) -> Option<Delivered> {
    let topic = settings.topic_of(message.topic())?;
    Some(Delivered {
        position: Position { topic, partition: message.partition(), offset: message.offset() },
        appended_at: from_millis(message.timestamp().to_millis().unwrap_or(0)),
        record: Record {
            topic,
            key: message.key().unwrap_or_default().to_vec(),
            headers: Headers::new(),
            payload: message.payload().map(<[u8]>::to_vec),
        },
    })
}

/// Headers on their way out.
pub fn headers(headers: &Headers) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |owned, (key, value)| {
        owned.insert(Header { key, value: Some(value) })
    })
}
