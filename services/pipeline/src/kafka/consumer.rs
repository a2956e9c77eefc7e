mod places;

use std::{
    mem,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use opentelemetry::metrics::Counter;
use rdkafka::{
    Offset,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use rejoinder_proto::Topic;

use super::{
    access::Access,
    again::Again,
    errors,
    events::{MemberEvents, Move},
    lag::Offsets,
    records,
    settings::{self, KafkaSettings},
    topics,
    transactions::{Failure, Transactions},
};
use crate::{BatchLimits, Consumer, Delivered, LogError, Progress, Record, moment, telemetry};

/// After so long without a record the brokers are asked whether they are there.
const SILENCE: Duration = Duration::from_secs(5);
/// So long records may wait in our partitions while none comes, before we join anew. librdkafka was seen to fall silent for good
/// after the loss of a broker, with all partitions assigned and no error.
const STALL: Duration = Duration::from_secs(30);
/// How long leaving may take before the process goes on without it.
const LEAVE: Duration = Duration::from_secs(10);

/// A member of a group, with its transactions. Poll and commit run on the same thread, so partitions are never taken
/// away while a transaction is open.
pub struct KafkaConsumer {
    settings: KafkaSettings,
    access: Access,
    group: String,
    instance: String,
    topics: Vec<Topic>,
    consumer: BaseConsumer<MemberEvents>,
    transactions: Transactions,
    subscribed: bool,
    paused: bool,
    again: Again,
    offsets: Offsets,
    /// When the brokers were last known to be there; `None` when that is in doubt.
    heard: Option<Instant>,
    /// Since when records wait, as far as is known, and none has come.
    waiting: Option<Instant>,
    rejoins: Counter<u64>,
}

impl KafkaConsumer {
    /// Joins with the first poll: nothing here needs a broker.
    pub fn new(access: Access, group: &str, instance: &str, topics: &[Topic]) -> Result<Self, LogError> {
        let settings = &access.settings;
        let events = MemberEvents::new(format!("{group}-{instance}"));
        let consumer =
            settings.member(group, instance).create_with_context(events).map_err(|error| settings::refused(&error))?;
        Ok(Self {
            settings: settings.clone(),
            group: group.to_owned(),
            instance: instance.to_owned(),
            topics: topics.to_vec(),
            consumer,
            transactions: Transactions::new(settings, group, instance)?,
            access,
            subscribed: false,
            paused: false,
            again: Again::default(),
            offsets: Offsets::default(),
            heard: None,
            waiting: None,
            rejoins: telemetry::counter(
                "rejoinder.rejoins",
                "times that a member fell silent, and joined its group anew",
            ),
        })
    }

    /// Leaves, and joins again with new clients, when a file of the settings has changed: librdkafka reads them but once. No
    /// transaction is open then, and what was handed out without a commit is read again from the committed offsets.
    fn renew(&mut self) {
        let renewed = self
            .access
            .renewed(|settings| Self::new(Access::new(settings)?, &self.group, &self.instance, &self.topics));
        if let Some((_, renewed)) = renewed {
            Box::new(mem::replace(self, renewed)).leave();
        }
    }

    /// The same where records have waited for too long.
    fn rejoin(&mut self) -> Result<(), LogError> {
        if self.waiting.is_none_or(|since| since.elapsed() < STALL) {
            return Ok(());
        }
        tracing::warn!(group = self.group, "records wait and none comes, joining anew");
        self.rejoins.add(1, &[telemetry::label("group", self.group.clone())]);
        let anew = Self::new(self.access.clone(), &self.group, &self.instance, &self.topics)?;
        Box::new(mem::replace(self, anew)).leave();
        Ok(())
    }

    /// Everything that must be so before a record is taken. The order counts: a new producer settles the transaction
    /// that is in doubt, then the committed offsets are true, then reading goes on from there.
    fn prepare(&mut self) -> Result<(), LogError> {
        if !self.subscribed {
            self.ask()?;
        }
        self.transactions.prepare()?;
        if !self.subscribed {
            let names: Vec<String> = self.topics.iter().map(|topic| self.settings.topic(*topic)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.consumer.subscribe(&names).map_err(unavailable)?;
            self.subscribed = true;
        }
        self.resolve_unknown()?;
        if self.paused {
            self.consumer.assignment().and_then(|mine| self.consumer.resume(&mine)).map_err(unavailable)?;
            self.paused = false;
        }
        self.seek()
    }

    /// The error with the reason why the brokers do not let us in, where that is so.
    fn because(&self, error: LogError) -> LogError {
        match (error, self.consumer.context().locked_out()) {
            (LogError::Unavailable(_), Some(reason)) => LogError::Unavailable(reason),
            (error, _) => error,
        }
    }

    /// Whether the brokers answer and have our topics.
    fn ask(&mut self) -> Result<(), LogError> {
        topics::present(self.consumer.client(), &self.settings, &self.topics)?;
        self.consumer.context().let_in();
        self.heard = Some(Instant::now());
        Ok(())
    }

    /// Serves librdkafka without taking a record: one that comes is read again.
    fn poll_once(&mut self, time: Duration) -> Result<(), LogError> {
        let taken = self.take(time)?;
        self.follow_moves(&mut Vec::new());
        if let Some(delivered) = taken {
            let position = delivered.position;
            self.again.put_back(position);
            if self.paused {
                // It was assigned since the pause began.
                let alone = self.list([((position.topic, position.partition), Offset::Invalid)].into_iter());
                alone.and_then(|alone| self.consumer.pause(&alone)).map_err(unavailable)?;
            }
        }
        Ok(())
    }

    /// The next record; `None` when there is none in time or something else happened.
    fn take(&mut self, time: Duration) -> Result<Option<Delivered>, LogError> {
        match self.consumer.poll(time) {
            None => Ok(None),
            Some(Ok(message)) => {
                self.waiting = None;
                if moment::here("fetch.stuck") {
                    self.consumer.assignment().and_then(|mine| self.consumer.pause(&mine)).map_err(unavailable)?;
                }
                Ok(records::delivered(&self.settings, &message))
            }
            Some(Err(error)) => {
                let facts = errors::facts(&error);
                if facts.fatal || errors::is_refusal(facts.code) {
                    return Err(LogError::Fatal(error.to_string()));
                }
                // Most of them pass by themselves. Ask, rather than guess.
                tracing::debug!(%error, "poll");
                self.heard = None;
                Ok(None)
            }
        }
    }

    /// Notes which partitions came. Drops what is known of those that went, and their records from the batch: who has them
    /// now reads them again.
    fn follow_moves(&mut self, batch: &mut Vec<Delivered>) {
        for ((name, number), moved) in self.consumer.context().take_moves() {
            let Some(partition) = self.settings.partition_of(&name, number) else { continue };
            match moved {
                Move::Came => self.again.come(partition),
                Move::Went => {
                    batch.retain(|each| (each.position.topic, each.position.partition) != partition);
                    self.again.lose(partition);
                    self.offsets.forget(partition);
                }
            }
        }
    }

    fn gather(&mut self, limits: BatchLimits) -> Result<Vec<Delivered>, LogError> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut until = Instant::now() + limits.wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let taken = self.take(left)?;
            self.follow_moves(&mut batch);
            match taken.filter(|delivered| self.is_in_turn(delivered.position)) {
                Some(delivered) => {
                    if batch.is_empty() {
                        until = Instant::now() + limits.linger;
                    }
                    bytes += delivered.record.size();
                    batch.push(delivered);
                    if batch.len() >= limits.records || bytes >= limits.bytes {
                        return Ok(batch);
                    }
                }
                None if left.is_zero() => return Ok(batch),
                None => {}
            }
        }
    }

    fn hand_out(&mut self, batch: &[Delivered]) {
        for Delivered { position, .. } in batch {
            self.offsets.handed_out.insert((position.topic, position.partition), position.offset + 1);
        }
    }
}

impl Consumer for KafkaConsumer {
    fn poll(&mut self, limits: BatchLimits) -> Result<Vec<Delivered>, LogError> {
        self.renew();
        self.prepare().map_err(|error| self.because(error))?;
        let batch = self.gather(limits)?;
        self.again.gathered();
        if batch.is_empty() {
            self.rejoin()?;
            if self.heard.is_none_or(|at| at.elapsed() > SILENCE) {
                self.ask().map_err(|error| self.because(error))?;
            }
        } else {
            self.heard = Some(Instant::now());
            self.hand_out(&batch);
        }
        Ok(batch)
    }

    fn poll_ahead(&mut self, limits: BatchLimits) -> Result<Vec<Delivered>, LogError> {
        let batch = self.gather(BatchLimits { wait: Duration::ZERO, linger: Duration::ZERO, ..limits })?;
        self.hand_out(&batch);
        Ok(batch)
    }

    fn commit(&mut self, outputs: Vec<Record>, progress: &Progress) -> Result<(), LogError> {
        // What waited while the stage was at work has not waited for us.
        self.waiting = None;
        if self.again.takes_back(progress) {
            return Err(LogError::Replay("a partition of the batch was taken away".to_owned()));
        }
        let next = progress.iter().map(|(topic, number, span)| ((topic, number), Offset::Offset(span.next)));
        let offsets = self.list(next).map_err(|error| LogError::Fatal(error.to_string()))?;
        let Some(group) = self.consumer.group_metadata() else {
            return Err(LogError::Fatal("the consumer has no group".to_owned()));
        };
        match self.transactions.commit(outputs, &offsets, &group) {
            Ok(()) => {
                for (topic, number, span) in progress.iter() {
                    self.offsets.committed.insert((topic, number), span.next);
                }
                Ok(())
            }
            Err(Failure::Aborted(error)) => {
                self.again.rewind(progress.iter());
                Err(error)
            }
            Err(Failure::Unknown(reason)) => {
                self.again.doubt(progress.iter().map(|(topic, partition, _)| (topic, partition)));
                Err(LogError::Replay(format!("it is not known whether the transaction committed: {reason}")))
            }
            Err(Failure::Fatal(reason)) => Err(LogError::Fatal(reason)),
        }
    }

    fn rewind(&mut self, progress: &Progress) -> Result<(), LogError> {
        self.again.rewind(progress.iter());
        Ok(())
    }

    fn idle(&mut self, time: Duration) -> Result<(), LogError> {
        let until = Instant::now() + time;
        self.waiting = None;
        if self.subscribed && !self.paused {
            self.consumer.assignment().and_then(|mine| self.consumer.pause(&mine)).map_err(unavailable)?;
            self.paused = true;
        }
        loop {
            self.poll_once(until.saturating_duration_since(Instant::now()))?;
            if Instant::now() >= until {
                return Ok(());
            }
        }
    }

    fn lag(&mut self) -> Vec<(Topic, i32, i64)> {
        if !self.subscribed || !self.again.unknown().is_empty() {
            return Vec::new();
        }
        let lags = self.offsets.lag(&self.consumer, &self.settings);
        // What is not known may wait as well.
        let waits = lags.as_ref().map_or(true, |lags| lags.iter().any(|(.., lag)| *lag > 0));
        self.waiting = self.waiting.or_else(|| Some(Instant::now())).filter(|_| waits);
        lags.unwrap_or_else(|error| {
            tracing::debug!(%error, "the lag is not known");
            Vec::new()
        })
    }

    fn system(&self) -> &'static str {
        "kafka"
    }

    fn leave(self: Box<Self>) {
        // Leaving can hang when a broker is away: then the process ends without it, and the session times out.
        let (done, left) = mpsc::channel();
        thread::spawn(move || {
            drop(self);
            let _ = done.send(());
        });
        if left.recv_timeout(LEAVE).is_err() {
            tracing::warn!("could not leave the group in time; its session will time out");
        }
    }
}

fn unavailable(error: KafkaError) -> LogError {
    LogError::Unavailable(error.to_string())
}
