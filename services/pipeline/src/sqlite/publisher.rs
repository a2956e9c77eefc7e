use std::{
    sync::{Arc, Weak},
    thread,
};

use async_trait::async_trait;
use rejoinder_proto::Topic;
use tokio::sync::{mpsc, oneshot};

use super::{Durability, Shared};
use crate::{LogError, Position, Publisher, Record, Unavailable, log::MAX_PAYLOAD_BYTES};

/// Appends that wait for one fsync together, and at most this many wait in memory.
const GROUP: usize = 4096;

type Answer = oneshot::Sender<Result<Position, Unavailable>>;

/// Groups the appends that wait into one transaction: the disk is asked once for all of them.
pub struct SqlitePublisher {
    queue: mpsc::Sender<(Record, Answer)>,
}

impl SqlitePublisher {
    pub fn start(shared: &Arc<Shared>) -> Result<Self, LogError> {
        let (queue, waiting) = mpsc::channel(GROUP);
        // Weak, so that dropping the log ends the thread rather than the thread keeping the log.
        let shared = Arc::downgrade(shared);
        thread::Builder::new()
            .name("log-publisher".into())
            .spawn(move || write(&shared, waiting))
            .map_err(|error| LogError::Unavailable(error.to_string()))?;
        Ok(Self { queue })
    }
}

#[async_trait]
impl Publisher for SqlitePublisher {
    async fn append(&self, record: Record) -> Result<Position, Unavailable> {
        let bytes = record.payload.as_ref().map_or(0, Vec::len);
        if bytes > MAX_PAYLOAD_BYTES {
            return Err(Unavailable::TooLarge { bytes });
        }
        let closed = || Unavailable::Log("the log is closed".into());
        let (answer, answered) = oneshot::channel();
        self.queue.send((record, answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

fn write(shared: &Weak<Shared>, mut waiting: mpsc::Receiver<(Record, Answer)>) {
    while let Some(first) = waiting.blocking_recv() {
        let (mut records, mut answers) = (vec![first.0], vec![first.1]);
        while records.len() < GROUP
            && let Ok((record, answer)) = waiting.try_recv()
        {
            records.push(record);
            answers.push(answer);
        }
        let Some(shared) = shared.upgrade() else { return };
        let topics: Vec<Topic> = records.iter().map(|record| record.topic).collect();
        match shared.append(&records, None, Durability::Disk) {
            Ok(places) => {
                for ((answer, topic), (partition, offset)) in answers.into_iter().zip(topics).zip(places) {
                    // Whoever asked may have gone; the record is in the log all the same.
                    let _ = answer.send(Ok(Position { topic, partition, offset }));
                }
            }
            Err(error) => {
                tracing::error!(%error, records = records.len(), "the log did not take an append");
                for answer in answers {
                    let _ = answer.send(Err(Unavailable::Log(error.to_string())));
                }
            }
        }
    }
}
