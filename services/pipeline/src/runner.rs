//! Runs a stage: one thread, one batch, one transaction. Where a stage allows it, the next batch is judged meanwhile.

mod batch;
mod breaker;
mod metrics;
mod pace;

use std::{
    panic::resume_unwind,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

pub use self::breaker::{BreakerSettings, Trip};
use self::{
    batch::{Judged, Output, Polled},
    breaker::Breaker,
    metrics::Metrics,
    pace::Pace,
};
use crate::{
    Consumer, Delivered, LogError, Progress, Record, Stage, Transient,
    health::{Health, State},
    moment,
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
        let mut ahead = None;
        loop {
            let judged = match ahead.take() {
                Some(judged) => judged,
                None if self.context.stop.is_cancelled() => return Ok(()),
                None => match self.poll()? {
                    Some(polled) => Judged::of(self.stage, polled, self.context),
                    None => continue,
                },
            };
            ahead = self.transact(judged)?;
        }
    }

    fn poll(&mut self) -> Result<Option<Polled>, RunError> {
        let limits = self.pace.limits(self.context.settings.max_bytes);
        let began = SystemTime::now();
        let batch = match self.consumer.poll(limits) {
            Ok(batch) => batch,
            Err(error) => {
                self.recover(error)?;
                return Ok(None);
            }
        };
        self.metrics.lag(|| self.consumer.lag());
        let polled = self.polled(batch, began);
        if polled.is_none() {
            self.context.health.set(S::NAME, State::Ready);
        }
        Ok(polled)
    }

    fn polled(&mut self, batch: Vec<Delivered>, began: SystemTime) -> Option<Polled> {
        let polled = Polled::new(batch, self.consumer.system(), began)?;
        self.pace.observe(polled.batch.len());
        Some(polled)
    }

    /// The next batch, where there is a backlog and the stage may be asked of it before the one in hand is committed.
    fn poll_ahead(&mut self) -> Result<Option<Polled>, LogError> {
        // A whole poll comes at least as often as the lag is read: only there are clients renewed.
        if !S::AHEAD || !self.pace.is_behind() || self.metrics.lag_is_due() || self.context.stop.is_cancelled() {
            return Ok(None);
        }
        let limits = self.pace.limits(self.context.settings.max_bytes);
        let began = SystemTime::now();
        let batch = self.consumer.poll_ahead(limits)?;
        Ok(self.polled(batch, began))
    }

    /// Commits a batch. Whatever fails short of an error to end on, the batch comes again. Gives the next batch where the
    /// stage was asked of it meanwhile.
    fn transact(&mut self, judged: Judged<S>) -> Result<Option<Judged<S>>, RunError> {
        let Judged { batch, progress, spans, started, took, received, unusable, outcomes } = judged;
        let _said_here = spans.whole().enter();
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(transient) => {
                spans.fail("transient");
                return self.hold(&transient, &progress).map(|()| None);
            }
        };
        if outcomes.len() != received.len() {
            return Err(RunError::Contract { stage: S::NAME, inputs: received.len(), outcomes: outcomes.len() });
        }
        self.metrics.processed(&batch, took);
        let output = Output::of(S::NAME, &batch, &unusable, &outcomes, &spans);
        let mut breaker = self.breaker.clone();
        if let Some(trip) = breaker.observe(&output.died()) {
            return Err(RunError::Breaker { stage: S::NAME, trip });
        }
        if moment::here("stage.done") {
            return Err(RunError::Log { stage: S::NAME, source: LogError::Fatal("a fail point says so".into()) });
        }
        let next = match self.poll_ahead() {
            Ok(next) => next,
            Err(error) => {
                spans.fail("not_committed");
                self.rewind(&progress)?;
                return self.recover(error).map(|()| None);
            }
        };
        let sent = self.metrics.sending(&output.records);
        let (committing, began) = (spans.committing(), Instant::now());
        let (result, ahead) = self.commit(output.records, &progress, next);
        self.metrics.committing(began.elapsed(), result.is_ok());
        match result {
            Ok(()) => {
                self.breaker = breaker;
                self.backoff = None;
                self.context.health.set(S::NAME, State::Ready);
                self.stage.committed(&received, &outcomes);
                self.metrics.committed(&batch, &sent, &output.dead, started.elapsed());
                Ok(ahead)
            }
            Err(error) => {
                committing.iter().chain(&output.sending).for_each(|span| span.fail("not_committed"));
                spans.fail("not_committed");
                if let Some(ahead) = ahead {
                    ahead.spans.fail("not_committed");
                    self.rewind(&ahead.progress)?;
                }
                self.recover(error).map(|()| None)
            }
        }
    }

    /// Commits a batch, and asks the stage of the next one meanwhile.
    fn commit(
        &mut self,
        records: Vec<Record>,
        progress: &Progress,
        mut next: Option<Polled>,
    ) -> (Result<(), LogError>, Option<Judged<S>>) {
        let Self { stage, consumer, context, .. } = self;
        if next.is_none() {
            return (consumer.commit(records, progress), None);
        }
        let (result, judged) = thread::scope(|scope| {
            let judge = || next.take().map(|next| Judged::of(*stage, next, context));
            let judging = thread::Builder::new().name(S::NAME.to_owned()).spawn_scoped(scope, judge);
            let result = consumer.commit(records, progress);
            (result, judging.map(|judging| judging.join().unwrap_or_else(|panic| resume_unwind(panic))))
        });
        let judged = judged.unwrap_or_else(|error| {
            tracing::warn!(stage = S::NAME, %error, "no thread to judge the next batch on meanwhile");
            next.map(|next| Judged::of(*stage, next, context))
        });
        (result, judged)
    }

    fn hold(&mut self, transient: &Transient, progress: &Progress) -> Result<(), RunError> {
        tracing::warn!(stage = S::NAME, dependency = transient.dependency, error = %transient.source, "holding the batch");
        self.rewind(progress)?;
        self.wait(transient.dependency)
    }

    fn rewind(&mut self, progress: &Progress) -> Result<(), RunError> {
        self.consumer.rewind(progress).or_else(|error| self.recover(error))
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
