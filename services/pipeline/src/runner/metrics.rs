//! What an operator sees of a runner: OpenTelemetry's metrics for messaging clients, and what they do not have.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram},
};
use rejoinder_proto::{Topic, millis, now};

use crate::{
    Delivered, Record,
    telemetry::{self, label},
};

/// How often the lag is read: it may ask the broker.
const LAG_EVERY: Duration = Duration::from_secs(5);

pub struct Metrics {
    system: KeyValue,
    stage: KeyValue,
    group: KeyValue,
    consumed: Counter<u64>,
    sent: Counter<u64>,
    dead: Counter<u64>,
    replays: Counter<u64>,
    batch: Histogram<f64>,
    lag: Gauge<i64>,
    transaction: Histogram<f64>,
    hop: Histogram<f64>,
    client_consumed: Counter<u64>,
    client_sent: Counter<u64>,
    operation: Histogram<f64>,
    process: Histogram<f64>,
    lag_read: Option<Instant>,
    lag_of: BTreeSet<(Topic, i32)>,
}

impl Metrics {
    pub fn new(system: &'static str, stage: &'static str) -> Self {
        let metrics = Self {
            system: label("messaging.system", system),
            stage: label("stage", stage),
            group: label("messaging.consumer.group.name", format!("rejoinder-{stage}")),
            consumed: telemetry::counter("rejoinder.consumed", "records committed as consumed"),
            sent: telemetry::counter("rejoinder.sent", "records committed as written"),
            dead: telemetry::counter("rejoinder.dead_letters", "records committed to the dead letters, by reason"),
            replays: telemetry::counter("rejoinder.replays", "batches that were aborted and came again"),
            batch: telemetry::sizes("rejoinder.batch_size", "records in a committed batch"),
            lag: telemetry::gauge("rejoinder.lag", "records not yet committed, by partition"),
            transaction: telemetry::seconds("rejoinder.transaction", "time from the end of poll to the commit"),
            hop: telemetry::ages(
                "rejoinder.hop.age",
                "time from a record's append to the commit of what follows from it",
            ),
            client_consumed: telemetry::counter("messaging.client.consumed.messages", "records handed to the stage"),
            client_sent: telemetry::counter(
                "messaging.client.sent.messages",
                "records given to the log in a transaction",
            ),
            operation: telemetry::seconds("messaging.client.operation.duration", "time that a commit takes"),
            process: telemetry::seconds("messaging.process.duration", "time that the stage takes for a batch"),
            lag_read: None,
            lag_of: BTreeSet::new(),
        };
        // What rises from nothing to one shows no rise: it begins at zero.
        let labels = std::slice::from_ref(&metrics.stage);
        for counter in [&metrics.consumed, &metrics.sent, &metrics.dead, &metrics.replays] {
            counter.add(0, labels);
        }
        metrics
    }

    /// The stage is done with a batch.
    pub fn processed(&self, batch: &[Delivered], took: Duration) {
        let labels = |topic: Option<Topic>| {
            let name = label("messaging.operation.name", "process");
            let of = topic.map(|topic| label("messaging.destination.name", topic.name()));
            [self.system.clone(), self.group.clone(), name].into_iter().chain(of).collect::<Vec<_>>()
        };
        let by_topic = count(batch.iter().map(|delivered| delivered.position.topic));
        for (topic, number) in &by_topic {
            self.client_consumed.add(*number, &labels(Some(*topic)));
        }
        let only = if by_topic.len() == 1 { by_topic.keys().next().copied() } else { None };
        self.process.record(took.as_secs_f64(), &labels(only));
    }

    /// Counts what is about to be sent, by topic.
    pub fn sending(&self, records: &[Record]) -> BTreeMap<Topic, u64> {
        count(records.iter().map(|record| record.topic))
    }

    /// The log has answered.
    pub fn committing(&self, took: Duration, well: bool) {
        let failed = (!well).then(|| label("error.type", "not_committed"));
        let labels = [self.system.clone(), self.group.clone(), label("messaging.operation.name", "commit")];
        let labels: Vec<_> = labels.into_iter().chain(failed).collect();
        self.operation.record(took.as_secs_f64(), &labels);
    }

    /// All of it has happened. `dead` has the reason of each record that died.
    pub fn committed(
        &self,
        batch: &[Delivered],
        sent: &BTreeMap<Topic, u64>,
        dead: &[Option<&'static str>],
        took: Duration,
    ) {
        let labels = std::slice::from_ref(&self.stage);
        self.consumed.add(batch.len() as u64, labels);
        self.batch.record(batch.len() as f64, labels);
        self.transaction.record(took.as_secs_f64(), labels);
        self.sent.add(sent.values().sum(), labels);
        for (topic, number) in sent {
            let labels = [
                self.system.clone(),
                label("messaging.operation.name", "send"),
                label("messaging.destination.name", topic.name()),
            ];
            self.client_sent.add(*number, &labels);
        }
        for (reason, number) in count(dead.iter().flatten().copied()) {
            self.dead.add(number, &[self.stage.clone(), label("reason", reason)]);
        }
        let now = millis(Some(&now()));
        for delivered in batch {
            self.hop.record((now - millis(Some(&delivered.appended_at))).max(0) as f64 / 1000.0, labels);
        }
    }

    pub fn replayed(&self) {
        self.replays.add(1, std::slice::from_ref(&self.stage));
    }

    /// Whether it is time to read the lag again.
    pub fn lag_is_due(&self) -> bool {
        self.lag_read.is_none_or(|at| at.elapsed() >= LAG_EVERY)
    }

    pub fn lag(&mut self, read: impl FnOnce() -> Vec<(Topic, i32, i64)>) {
        if !self.lag_is_due() {
            return;
        }
        self.lag_read = Some(Instant::now());
        let lags = read();
        if lags.is_empty() {
            return;
        }
        let mine = lags.iter().map(|(topic, partition, _)| (*topic, *partition)).collect();
        // A partition that another member has now would keep its last lag here for ever.
        let lost = self.lag_of.difference(&mine).map(|(topic, partition)| (*topic, *partition, 0));
        for (topic, partition, lag) in lost.chain(lags) {
            let labels = [self.stage.clone(), label("topic", topic.name()), label("partition", i64::from(partition))];
            self.lag.record(lag, &labels);
        }
        self.lag_of = mine;
    }
}

fn count<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metrics of all tests of this crate are one text.
    fn shown(start: &str) -> Vec<String> {
        telemetry::render().lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
    }

    #[test]
    fn what_is_counted_begins_at_zero() {
        let _metrics = Metrics::new("none", "nobody");
        for name in ["consumed", "sent", "dead_letters", "replays"] {
            let lines = shown(&format!("rejoinder_{name}_total{{stage=\"nobody\""));
            assert!(lines.iter().any(|line| line.ends_with(" 0")), "{name}: {lines:?}");
        }
    }

    #[test]
    fn a_partition_that_went_to_another_has_no_lag_here() {
        let mut metrics = Metrics::new("none", "loser");
        let mut read = |lags: &[(Topic, i32, i64)]| {
            metrics.lag_read = None;
            metrics.lag(|| lags.to_vec());
            let lines = shown("rejoinder_lag").into_iter().filter(|line| line.contains("stage=\"loser\""));
            lines.map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(read(&[(Topic::Submitted, 0, 7), (Topic::Submitted, 1, 9)]), ["7", "9"]);
        assert_eq!(read(&[(Topic::Submitted, 1, 8)]), ["0", "8"]);
        assert_eq!(read(&[]), ["0", "8"], "when nothing is known, nothing changes");
    }
}
