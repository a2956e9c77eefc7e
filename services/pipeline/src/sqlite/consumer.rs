use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rejoinder_proto::Topic;
use rusqlite::Connection;

use super::{Durability, Ends, SqliteLog, group::Group, lock, schema};
use crate::{BatchLimits, Consumer, Delivered, LogError, Progress, Record};

/// The next offset to read, by partition.
type Positions = BTreeMap<(Topic, i32), i64>;

pub struct SqliteConsumer {
    log: SqliteLog,
    reader: Connection,
    group_name: String,
    group: Arc<Mutex<Group>>,
    instance: String,
    number: u64,
    generation: u64,
    positions: Positions,
    /// Where the next poll begins, so that a busy partition does not starve the others.
    turn: usize,
}

impl SqliteConsumer {
    pub fn join(
        log: SqliteLog,
        group_name: &str,
        group: Arc<Mutex<Group>>,
        instance: &str,
        topics: &[Topic],
    ) -> Result<Self, LogError> {
        let reader = log.0.view.connect()?;
        let number = lock(&group).join(instance, topics, log.0.partitions);
        let (group_name, instance) = (group_name.to_owned(), instance.to_owned());
        Ok(Self {
            log,
            reader,
            group_name,
            group,
            instance,
            number,
            generation: 0,
            positions: Positions::new(),
            turn: 0,
        })
    }

    /// Takes up a new assignment where there is one: kept partitions go on, new ones start at what is committed, and so
    /// do those that were another member's in between.
    fn follow_group(&mut self) -> Result<(), LogError> {
        // The committed offsets are read under the group's lock: the former owner can no longer move them.
        let group = lock(&self.group);
        if !group.has(&self.instance, self.number) {
            return Err(fenced(&self.instance));
        }
        if group.generation() == self.generation {
            return Ok(());
        }
        let mut positions = Positions::new();
        for ((topic, partition), since) in group.assignment(self.number) {
            let next = match self.positions.get(&(topic, partition)) {
                Some(next) if since <= self.generation => *next,
                _ => schema::committed(&self.reader, &self.group_name, topic, partition).map_err(unavailable)?,
            };
            positions.insert((topic, partition), next);
        }
        self.positions = positions;
        self.generation = group.generation();
        Ok(())
    }

    /// Reads what is there, up to the limits.
    fn take(&mut self, batch: &mut Vec<Delivered>, bytes: &mut usize, limits: BatchLimits) -> Result<(), LogError> {
        let ends = lock(&self.log.0.ends).clone();
        let waiting: Vec<_> = self.positions.iter().filter(|(p, next)| ends.get(*p) > Some(*next)).collect();
        let waiting: Vec<_> = waiting.into_iter().map(|(partition, next)| (*partition, *next)).collect();
        self.turn = self.turn.wrapping_add(1);
        for index in 0..waiting.len() {
            let ((topic, partition), mut from) = waiting[(index + self.turn) % waiting.len()];
            // In chunks, so that a limit in bytes is met without reading a partition's whole backlog.
            while batch.len() < limits.records && *bytes < limits.bytes {
                let limit = (limits.records - batch.len()).min(256);
                let chunk = schema::select(&self.reader, topic, partition, from, limit).map_err(unavailable)?;
                let whole = chunk.len() == limit;
                for delivered in chunk {
                    if *bytes >= limits.bytes {
                        break;
                    }
                    from = delivered.position.offset + 1;
                    *bytes += delivered.record.size();
                    batch.push(delivered);
                }
                self.positions.insert((topic, partition), from);
                if !whole {
                    break;
                }
            }
        }
        Ok(())
    }

    fn wait_for_more(&self, until: Instant) {
        let more = |ends: &Ends| self.positions.iter().any(|(partition, next)| ends.get(partition) > Some(next));
        self.log.0.wait(until, more);
    }
}

impl Consumer for SqliteConsumer {
    fn poll(&mut self, limits: BatchLimits) -> Result<Vec<Delivered>, LogError> {
        self.follow_group()?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        self.wait_for_more(Instant::now() + limits.wait);
        self.take(&mut batch, &mut bytes, limits)?;
        let until = Instant::now() + limits.linger;
        while !batch.is_empty() && batch.len() < limits.records && bytes < limits.bytes && Instant::now() < until {
            self.wait_for_more(until);
            self.take(&mut batch, &mut bytes, limits)?;
        }
        Ok(batch)
    }

    fn commit(&mut self, outputs: Vec<Record>, progress: &Progress) -> Result<(), LogError> {
        let group = lock(&self.group);
        if !group.has(&self.instance, self.number) {
            return Err(fenced(&self.instance));
        }
        let held = |topic, partition| group.held_since((topic, partition), self.number, self.generation);
        if !progress.iter().all(|(topic, partition, _)| held(topic, partition)) {
            drop(group);
            self.rewind(progress)?;
            return Err(LogError::Replay("a partition of the batch has had another reader".into()));
        }
        // The group stays locked over the commit: nobody can take a partition over between the check and the commit.
        let result = self.log.0.append(&outputs, Some((&self.group_name, progress)), Durability::Ordered);
        drop(group);
        if let Err(error) = result {
            self.rewind(progress)?;
            return Err(unavailable(error));
        }
        Ok(())
    }

    fn rewind(&mut self, progress: &Progress) -> Result<(), LogError> {
        for (topic, partition, span) in progress.iter() {
            if let Some(next) = self.positions.get_mut(&(topic, partition)) {
                *next = span.first;
            }
        }
        Ok(())
    }

    fn idle(&mut self, time: Duration) -> Result<(), LogError> {
        std::thread::sleep(time);
        Ok(())
    }

    fn lag(&mut self) -> Vec<(Topic, i32, i64)> {
        let ends = lock(&self.log.0.ends);
        let lag = |(&(topic, partition), next): (&(Topic, i32), &i64)| {
            (topic, partition, ends.get(&(topic, partition)).map_or(0, |end| end - next))
        };
        self.positions.iter().map(lag).collect()
    }

    fn leave(self: Box<Self>) {
        lock(&self.group).leave(&self.instance, self.number, self.log.0.partitions);
    }
}

impl Drop for SqliteConsumer {
    fn drop(&mut self) {
        lock(&self.group).leave(&self.instance, self.number, self.log.0.partitions);
    }
}

fn fenced(instance: &str) -> LogError {
    LogError::Fatal(format!("another member of the group has joined as {instance}"))
}

fn unavailable(error: rusqlite::Error) -> LogError {
    LogError::Unavailable(error.to_string())
}
