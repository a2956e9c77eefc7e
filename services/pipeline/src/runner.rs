//! Runs a stage: one thread, one batch, one transaction.

mod breaker;
mod metrics;
mod pace;

use std::{
    any::Any,
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use rejoinder_proto::{Event, Topic, trace::TraceContext};
use tokio::{runtime::Handle, time::timeout};
use tokio_util::sync::CancellationToken;

pub use self::breaker::{BreakerSettings, Trip};
use self::{breaker::Breaker, metrics::Metrics, pace::Pace};
use crate::{
    Consumer, Delivered, LogError, Outcome, Progress, Reason, Received, Record, Stage, Transient,
    health::{Health, State},
    is_for, moment,
    spans::{BatchSpans, Span},
    to_dead_letter,
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
    let metrics = Metrics::new(consumer.system(), S::NAME);
    let mut runner = Runner {
        stage,
        consumer,
        context,
        pace: Pace::new(context.settings.max_records),
        breaker: Breaker::new(context.settings.breaker),
        backoff: None,
        metrics,
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
            let polled = SystemTime::now();
            let batch = match self.consumer.poll(limits) {
                Ok(batch) => batch,
                Err(error) => {
                    self.recover(error)?;
                    continue;
                }
            };
            self.metrics.lag(|| self.consumer.lag());
            if batch.is_empty() {
                self.context.health.set(S::NAME, State::Ready);
                continue;
            }
            self.pace.observe(batch.len());
            self.transact(&batch, polled)?;
        }
        Ok(())
    }

    /// One batch: decode, process, commit. Whatever fails short of an error to end on, the batch comes again.
    fn transact(&mut self, batch: &[Delivered], polled: SystemTime) -> Result<(), RunError> {
        let started = Instant::now();
        let progress = Progress::of(batch.iter().map(|delivered| delivered.position));
        let batch = &*meant_for(S::NAME, batch);
        let spans = BatchSpans::start(self.consumer.system(), S::NAME, batch, polled);
        let _said_here = spans.whole().enter();
        let places = spans.each().iter().map(Span::place);
        let decoded: Vec<_> = batch.iter().zip(places).map(|(delivered, place)| decode(delivered, place)).collect();
        let (received, unusable): (Vec<_>, Vec<_>) = split(decoded);
        let outcomes = match self.process(&received) {
            Ok(outcomes) => outcomes,
            Err(transient) => {
                spans.fail("transient");
                return self.hold(&transient, &progress);
            }
        };
        if outcomes.len() != received.len() {
            return Err(RunError::Contract { stage: S::NAME, inputs: received.len(), outcomes: outcomes.len() });
        }
        self.metrics.processed(batch, started.elapsed());
        let output = assemble(S::NAME, batch, &outcomes, unusable, &spans);
        let mut breaker = self.breaker.clone();
        if let Some(trip) = breaker.observe(&output.died()) {
            return Err(RunError::Breaker { stage: S::NAME, trip });
        }
        if moment::here("stage.done") {
            return Err(RunError::Log { stage: S::NAME, source: LogError::Fatal("a fail point says so".into()) });
        }
        let sent = self.metrics.sending(&output.records);
        let (committing, began) = (spans.committing(), Instant::now());
        let result = self.consumer.commit(output.records, &progress);
        self.metrics.committing(began.elapsed(), result.is_ok());
        match result {
            Ok(()) => {
                self.breaker = breaker;
                self.backoff = None;
                self.context.health.set(S::NAME, State::Ready);
                self.stage.committed(&received, &outcomes);
                self.metrics.committed(batch, &sent, &output.dead, started.elapsed());
                Ok(())
            }
            Err(error) => {
                committing.iter().chain(&output.sending).for_each(|span| span.fail("not_committed"));
                spans.fail("not_committed");
                self.recover(error)
            }
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
                self.metrics.replayed();
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

fn decode<E: Event>(delivered: &Delivered, trace: Option<TraceContext>) -> Result<Received<E>, Reason> {
    let Delivered { position, record, .. } = delivered;
    E::decode(position.topic, &record.headers, record.payload.as_deref())
        .map(|event| Received { event, position: *position, trace })
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

/// What a batch comes to.
struct Output {
    /// In the order of their inputs.
    records: Vec<Record>,
    /// The spans of the records, which end with the transaction.
    sending: Vec<Span>,
    /// For each input, why it died if it did.
    dead: Vec<Option<&'static str>>,
}

impl Output {
    fn died(&self) -> Vec<bool> {
        self.dead.iter().map(Option::is_some).collect()
    }
}

fn assemble<O: Event>(
    stage: &str,
    batch: &[Delivered],
    outcomes: &[Outcome<O>],
    unusable: Vec<Option<Reason>>,
    spans: &BatchSpans,
) -> Output {
    let source = format!("/rejoinder/{stage}");
    let mut outcomes = outcomes.iter();
    let mut output = Output { records: Vec::with_capacity(batch.len()), sending: Vec::new(), dead: Vec::new() };
    for (index, (delivered, unusable)) in batch.iter().zip(unusable).enumerate() {
        let outcome = if unusable.is_some() { None } else { outcomes.next() };
        let reason = match (&unusable, outcome) {
            (Some(reason), _) | (None, Some(Outcome::Reject(reason))) => Some(reason),
            _ => None,
        };
        output.dead.push(reason.map(|reason| reason.code));
        if let Some(Outcome::Emit(events)) = outcome {
            for event in events {
                let span = spans.sending(index, event.topic(), event.id());
                output.records.push(Record::of(event, &source, &span.traceparent()));
                if span.is_recording() {
                    for (key, value) in event.facts() {
                        spans.each()[index].set(key, value.clone());
                        span.set(key, value);
                    }
                    output.sending.push(span);
                }
            }
        }
        if let Some(reason) = reason {
            let process = spans.each().get(index).cloned().unwrap_or_default();
            let _said_here = process.enter();
            tracing::warn!(
                stage, reason = reason.code, detail = reason.message, topic = %delivered.position.topic,
                partition = delivered.position.partition, offset = delivered.position.offset, "dead letter"
            );
            process.fail(reason.code);
            let span = spans.sending(index, Topic::DeadLetter, "");
            output.records.push(to_dead_letter(stage, delivered, reason, &span.traceparent()));
            output.sending.push(span);
        }
    }
    output
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    // A panic's text may quote the comment: only its kind is kept.
    let kind = if panic.is::<&str>() || panic.is::<String>() { "with a message" } else { "without a message" };
    format!("the stage panicked {kind} on this record; see the worker's standard error")
}
