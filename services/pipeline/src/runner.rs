//! Runs a stage: one thread, one batch, one transaction.

mod breaker;
mod pace;

use std::{
    any::Any,
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use rejoinder_proto::{Event, trace};
use tokio::{runtime::Handle, time::timeout};
use tokio_util::sync::CancellationToken;

pub use self::breaker::{BreakerSettings, Trip};
use self::{breaker::Breaker, pace::Pace};
use crate::{
    Consumer, Delivered, LogError, Outcome, Progress, Reason, Received, Record, Stage, Transient,
    health::{Health, State},
    is_for, moment, telemetry, to_dead_letter,
};

/// How a stage is run.
#[derive(Clone, Copy, Debug)]
pub struct RunnerSettings {
    /// At most this many records in one transaction.
    pub max_records: usize,
    /// About this many bytes in one transaction.
    pub max_bytes: usize,
    /// A stage that takes longer has a dependency that hangs. Keep it well below the group's poll interval (5 minutes).
    pub deadline: Duration,
    /// When to stop rather than to dead-letter everything.
    pub breaker: BreakerSettings,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self {
            max_records: 1_000,
            max_bytes: 4 << 20,
            deadline: Duration::from_secs(60),
            breaker: BreakerSettings::default(),
        }
    }
}

/// What a runner needs besides its stage and its consumer.
#[derive(Clone)]
pub struct Context {
    /// Limits.
    pub settings: RunnerSettings,
    /// Where it says whether it can work.
    pub health: Arc<Health>,
    /// Where the stage's futures run; the runner itself blocks its own thread.
    pub runtime: Handle,
    /// Cancelled to stop: the batch in hand is finished, and the group is left.
    pub stop: CancellationToken,
}

/// Why a runner ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log refuses this process; start a new one.
    #[error("{stage} cannot go on")]
    Log {
        /// The stage.
        stage: &'static str,
        /// What the log said.
        source: LogError,
    },
    /// Too much of the input is unusable: a bad deploy, not bad data.
    #[error(
        "{stage}: {trip}; nothing of this batch was committed. Mend the publisher or this worker's version, or raise pipeline.breaker if it is meant"
    )]
    Breaker {
        /// The stage.
        stage: &'static str,
        /// What tripped it.
        trip: Trip,
    },
    /// The stage broke its contract.
    #[error("{stage}: {outcomes} outcomes for {inputs} inputs; this is a bug, and nothing of the batch was committed")]
    Contract {
        /// The stage.
        stage: &'static str,
        /// How many it got.
        inputs: usize,
        /// How many it gave.
        outcomes: usize,
    },
}

/// Runs `stage` on the calling thread until `context.stop`, then leaves the group.
pub fn run<S: Stage>(stage: &mut S, consumer: Box<dyn Consumer>, context: &Context) -> Result<(), RunError> {
    context.health.set(S::NAME, State::Starting);
    let mut runner = Runner {
        stage,
        consumer,
        context,
        pace: Pace::new(context.settings.max_records),
        breaker: Breaker::new(context.settings.breaker),
        backoff: None,
        metrics: Metrics::new(),
    };
    let result = runner.run();
    runner.consumer.leave();
    context.health.set(S::NAME, State::Stopped);
    result
}

struct Runner<'a, S: Stage> {
    stage: &'a mut S,
    consumer: Box<dyn Consumer>,
    context: &'a Context,
    pace: Pace,
    breaker: Breaker,
    backoff: Option<backon::ExponentialBackoff>,
    metrics: Metrics,
}

impl<S: Stage> Runner<'_, S> {
    fn run(&mut self) -> Result<(), RunError> {
        while !self.context.stop.is_cancelled() {
            let limits = self.pace.limits(self.context.settings.max_bytes);
            let batch = match self.consumer.poll(limits) {
                Ok(batch) => batch,
                Err(error) => {
                    self.recover(error)?;
                    continue;
                }
            };
            self.metrics.lag(S::NAME, || self.consumer.lag());
            if batch.is_empty() {
                self.context.health.set(S::NAME, State::Ready);
                continue;
            }
            self.pace.observe(batch.len());
            self.transact(&batch)?;
        }
        Ok(())
    }

    /// One batch: decode, process, commit. Whatever fails short of an error to end on, the batch comes again.
    fn transact(&mut self, batch: &[Delivered]) -> Result<(), RunError> {
        let started = Instant::now();
        let progress = Progress::of(batch.iter().map(|delivered| delivered.position));
        let batch = &*meant_for(S::NAME, batch);
        let decoded: Vec<_> = batch.iter().map(decode::<S::In>).collect();
        let (received, unusable): (Vec<_>, Vec<_>) = split(decoded);
        let outcomes = match self.process(&received) {
            Ok(outcomes) => outcomes,
            Err(transient) => return self.hold(&transient, &progress),
        };
        if outcomes.len() != received.len() {
            return Err(RunError::Contract { stage: S::NAME, inputs: received.len(), outcomes: outcomes.len() });
        }
        let (outputs, dead) = assemble(S::NAME, batch, outcomes, unusable);
        let mut breaker = self.breaker.clone();
        if let Some(trip) = breaker.observe(&dead) {
            return Err(RunError::Breaker { stage: S::NAME, trip });
        }
        let sent = outputs.len();
        if moment::here("stage.done") {
            return Err(RunError::Log { stage: S::NAME, source: LogError::Fatal("a fail point says so".into()) });
        }
        match self.consumer.commit(outputs, &progress) {
            Ok(()) => {
                self.breaker = breaker;
                self.backoff = None;
                self.context.health.set(S::NAME, State::Ready);
                let dead = dead.iter().filter(|dead| **dead).count();
                self.metrics.committed(S::NAME, batch.len(), sent, dead, started.elapsed());
                Ok(())
            }
            Err(error) => self.recover(error),
        }
    }

    /// Calls the stage. A panic is narrowed down to the record that causes it, and only that one is given up.
    fn process(&mut self, batch: &[Received<S::In>]) -> Result<Vec<Outcome<S::Out>>, Transient> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = self.context.settings.deadline;
        let call = AssertUnwindSafe(|| {
            self.context.runtime.block_on(async { timeout(deadline, self.stage.process(batch)).await })
        });
        match catch_unwind(call) {
            Ok(Ok(result)) => result,
            Ok(Err(elapsed)) => Err(Transient::new("stage", elapsed)),
            Err(panic) if batch.len() == 1 => {
                let message = panic_message(panic.as_ref());
                tracing::error!(stage = S::NAME, offset = batch[0].position.offset, "a record makes the stage panic");
                Ok(vec![Outcome::Reject(Reason { code: "panic", message })])
            }
            Err(_) => {
                let mut outcomes = Vec::with_capacity(batch.len());
                for one in batch {
                    outcomes.extend(self.process(std::slice::from_ref(one))?);
                }
                Ok(outcomes)
            }
        }
    }

    fn hold(&mut self, transient: &Transient, progress: &Progress) -> Result<(), RunError> {
        tracing::warn!(stage = S::NAME, dependency = transient.dependency, error = %transient.source, "holding the batch");
        if let Err(error) = self.consumer.rewind(progress) {
            self.recover(error)?;
        }
        self.wait(transient.dependency)
    }

    fn recover(&mut self, error: LogError) -> Result<(), RunError> {
        match error {
            LogError::Replay(detail) => {
                tracing::info!(stage = S::NAME, detail, "the batch comes again");
                self.metrics.replayed(S::NAME);
                Ok(())
            }
            LogError::Unavailable(detail) => {
                tracing::warn!(stage = S::NAME, detail, "the log is away");
                self.wait("log")
            }
            LogError::Fatal(_) => Err(RunError::Log { stage: S::NAME, source: error }),
        }
    }

    /// Waits for a dependency: from 50 ms to 10 s, with jitter so that replicas do not come back as one.
    fn wait(&mut self, dependency: &str) -> Result<(), RunError> {
        self.context.health.set(S::NAME, State::Waiting { dependency: dependency.to_owned() });
        let backoff = self.backoff.get_or_insert_with(|| {
            ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(50))
                .with_max_delay(Duration::from_secs(10))
                .with_jitter()
                .without_max_times()
                .build()
        });
        let until = Instant::now() + backoff.next().unwrap_or(Duration::from_secs(10));
        while !self.context.stop.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.consumer.idle(left.min(Duration::from_millis(100))) {
                Ok(()) | Err(LogError::Replay(_) | LogError::Unavailable(_)) => {}
                Err(source @ LogError::Fatal(_)) => return Err(RunError::Log { stage: S::NAME, source }),
            }
        }
        Ok(())
    }
}

/// The batch without what is meant for another stage, which is passed over.
fn meant_for<'a>(stage: &str, batch: &'a [Delivered]) -> Cow<'a, [Delivered]> {
    if batch.iter().all(|delivered| is_for(stage, &delivered.record)) {
        return Cow::Borrowed(batch);
    }
    batch.iter().filter(|delivered| is_for(stage, &delivered.record)).cloned().collect()
}

fn decode<E: Event>(delivered: &Delivered) -> Result<Received<E>, Reason> {
    let Delivered { position, record, .. } = delivered;
    E::decode(position.topic, &record.headers, record.payload.as_deref())
        .map(|event| Received { event, position: *position })
        .map_err(|error| Reason { code: error.reason(), message: error.to_string() })
}

/// The events, and for each record either nothing (it is among the events) or why it is not.
fn split<E>(decoded: Vec<Result<Received<E>, Reason>>) -> (Vec<Received<E>>, Vec<Option<Reason>>) {
    let mut received = Vec::with_capacity(decoded.len());
    let mut unusable = Vec::with_capacity(decoded.len());
    for record in decoded {
        match record {
            Ok(event) => {
                received.push(event);
                unusable.push(None);
            }
            Err(reason) => unusable.push(Some(reason)),
        }
    }
    (received, unusable)
}

/// The records to write, in the order of their inputs, and for each input whether it died.
fn assemble<O: Event>(
    stage: &str,
    batch: &[Delivered],
    outcomes: Vec<Outcome<O>>,
    unusable: Vec<Option<Reason>>,
) -> (Vec<Record>, Vec<bool>) {
    let source = format!("/rejoinder/{stage}");
    let mut outcomes = outcomes.into_iter();
    let mut outputs = Vec::with_capacity(batch.len());
    let mut dead = Vec::with_capacity(batch.len());
    for (delivered, reason) in batch.iter().zip(unusable) {
        let parent = delivered.record.headers.text(trace::TRACEPARENT);
        let traceparent = parent.and_then(trace::next_hop).unwrap_or_else(trace::new_traceparent);
        let outcome = match reason {
            Some(reason) => Outcome::Reject(reason),
            None => outcomes.next().unwrap_or(Outcome::Emit(Vec::new())),
        };
        dead.push(matches!(outcome, Outcome::Reject(_)));
        match outcome {
            Outcome::Emit(events) => {
                outputs.extend(events.iter().map(|event| Record::of(event, &source, &traceparent)));
            }
            Outcome::Reject(reason) => {
                tracing::warn!(
                    stage, reason = reason.code, detail = reason.message, topic = %delivered.position.topic,
                    partition = delivered.position.partition, offset = delivered.position.offset, "dead letter"
                );
                outputs.push(to_dead_letter(stage, delivered, &reason, &traceparent));
            }
        }
    }
    (outputs, dead)
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    // A panic's text may quote the comment: only its kind is kept.
    let kind = if panic.is::<&str>() || panic.is::<String>() { "with a message" } else { "without a message" };
    format!("the stage panicked {kind} on this record; see the worker's standard error")
}

struct Metrics {
    records: opentelemetry::metrics::Counter<u64>,
    sent: opentelemetry::metrics::Counter<u64>,
    dead: opentelemetry::metrics::Counter<u64>,
    replays: opentelemetry::metrics::Counter<u64>,
    batch: opentelemetry::metrics::Gauge<i64>,
    lag: opentelemetry::metrics::Gauge<i64>,
    seconds: opentelemetry::metrics::Histogram<f64>,
    lag_read: Option<Instant>,
}

impl Metrics {
    fn new() -> Self {
        Self {
            records: telemetry::counter("rejoinder.consumed", "records committed as consumed"),
            sent: telemetry::counter("rejoinder.sent", "records committed as written"),
            dead: telemetry::counter("rejoinder.dead_letters", "records committed to the dead letters"),
            replays: telemetry::counter("rejoinder.replays", "batches that were aborted and came again"),
            batch: telemetry::gauge("rejoinder.batch_size", "records in the last batch"),
            lag: telemetry::gauge("rejoinder.lag", "records not yet committed, by partition"),
            seconds: telemetry::seconds("rejoinder.transaction", "time from the end of poll to the commit"),
            lag_read: None,
        }
    }

    fn committed(&self, stage: &'static str, read: usize, sent: usize, dead: usize, took: Duration) {
        let labels = [telemetry::label("stage", stage)];
        self.records.add(read as u64, &labels);
        self.sent.add(sent as u64, &labels);
        self.dead.add(dead as u64, &labels);
        self.batch.record(read as i64, &labels);
        self.seconds.record(took.as_secs_f64(), &labels);
    }

    fn replayed(&self, stage: &'static str) {
        self.replays.add(1, &[telemetry::label("stage", stage)]);
    }

    /// Reads the lag at most once in five seconds: it may ask the broker.
    fn lag(&mut self, stage: &'static str, read: impl FnOnce() -> Vec<(rejoinder_proto::Topic, i32, i64)>) {
        if self.lag_read.is_some_and(|at| at.elapsed() < Duration::from_secs(5)) {
            return;
        }
        self.lag_read = Some(Instant::now());
        for (topic, partition, lag) in read() {
            let partition = i64::from(partition);
            let labels = [
                telemetry::label("stage", stage),
                telemetry::label("topic", topic.name()),
                telemetry::label("partition", partition),
            ];
            self.lag.record(lag, &labels);
        }
    }
}
