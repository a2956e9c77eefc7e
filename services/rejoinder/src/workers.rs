//! Stages on their threads, watched until one ends or the process is told to stop.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use rejoinder_pipeline::{
    Consumer, Log, LogError, Stage,
    health::{Health, State},
    runner::{self, Context, RunError},
};
use tokio::{
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Deployment};

/// How long a worker waits before it asks for the log again.
const REJOIN: Duration = Duration::from_millis(500);
/// How long a process of all workers waits before it starts one anew that the log has refused.
const RESTART: Duration = Duration::from_secs(1);

/// The workers of one process. Dropping it does not stop them: [`Workers::run`] does.
pub struct Workers {
    context: Context,
    log: Arc<dyn Log>,
    instance: String,
    runners: usize,
    /// Whether a worker that the log refuses is started anew here; else the process ends, for its supervisor to restart.
    restart: bool,
    threads: Vec<JoinHandle<()>>,
    ended: mpsc::UnboundedSender<anyhow::Error>,
    endings: mpsc::UnboundedReceiver<anyhow::Error>,
    terminated: Signal,
    interrupted: Signal,
}

impl Workers {
    /// None yet. From here on SIGTERM and SIGINT no longer end the process: [`Workers::run`] sees them.
    pub fn new(config: &Config, log: Arc<dyn Log>, health: Arc<Health>) -> Result<Self> {
        let (ended, endings) = mpsc::unbounded_channel();
        let context = Context {
            settings: config.runner_settings(),
            health,
            runtime: Handle::current(),
            stop: CancellationToken::new(),
        };
        let (instance, runners) = (config.instance(), config.pipeline.runners.max(1));
        let listen = |kind| signal(kind).context("cannot listen for signals");
        let (terminated, interrupted) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let restart = config.deployment == Deployment::Embedded;
        let threads = Vec::new();
        Ok(Self { context, log, instance, runners, restart, threads, ended, endings, terminated, interrupted })
    }

    /// Cancelled when the workers are to stop.
    pub fn stop(&self) -> CancellationToken {
        self.context.stop.clone()
    }

    /// Starts a stage's runners, each on a thread of its own and with a stage of its own.
    pub fn start<S: Stage + 'static>(&mut self, make: impl Fn() -> Result<S> + Send + Sync + 'static) -> Result<()> {
        let make = Arc::new(make);
        for index in 0..self.runners {
            let (stage, make) = (make()?, Arc::clone(&make));
            let instance = format!("{}-{}-{index}", self.instance, S::NAME);
            let (context, log, ended) = (self.context.clone(), Arc::clone(&self.log), self.ended.clone());
            let restart = self.restart;
            let thread = thread::Builder::new().name(S::NAME.into()).spawn(move || {
                let mut result = work(stage, log.as_ref(), &instance, &context);
                while let Err(error) = result {
                    if !restart || !is_refusal(&error) {
                        // Nobody listens only when the process is ending anyway.
                        let _ = ended.send(error);
                        return;
                    }
                    tracing::error!(stage = S::NAME, error = format!("{error:#}"), "starting the worker anew");
                    context.health.set(S::NAME, State::Waiting { dependency: "log".into() });
                    thread::sleep(RESTART);
                    result = make().and_then(|stage| work(stage, log.as_ref(), &instance, &context));
                }
            });
            self.threads.push(thread.with_context(|| format!("cannot start a thread for {}", S::NAME))?);
        }
        Ok(())
    }

    /// Starts a task that ends when the workers stop, and stops them when it fails.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = Result<()>> + Send + 'static) {
        let (ended, stop) = (self.ended.clone(), self.stop());
        tokio::spawn(async move {
            let failure = match task.await {
                Ok(()) if stop.is_cancelled() => return,
                Ok(()) => anyhow!("{name} ended by itself"),
                Err(error) => error.context(name),
            };
            let _ = ended.send(failure);
        });
    }

    /// Runs until SIGTERM, SIGINT or a failure; then every batch in hand is finished, and the groups are left.
    pub async fn run(mut self) -> Result<()> {
        let result = tokio::select! {
            _ = self.terminated.recv() => Ok(()),
            _ = self.interrupted.recv() => Ok(()),
            Some(error) = self.endings.recv() => Err(error),
        };
        tracing::info!("stopping");
        self.finish().await;
        result
    }

    /// Stops the workers and waits for them; fails when one had failed before.
    pub async fn end(mut self) -> Result<()> {
        let failed = self.endings.try_recv();
        self.finish().await;
        failed.map_or(Ok(()), Err)
    }

    /// The first failure, or the wish to stop.
    pub async fn broken(&mut self) -> anyhow::Error {
        tokio::select! {
            _ = self.terminated.recv() => anyhow!("told to stop"),
            _ = self.interrupted.recv() => anyhow!("told to stop"),
            Some(error) = self.endings.recv() => error,
        }
    }

    async fn finish(&mut self) {
        self.context.stop.cancel();
        let threads = std::mem::take(&mut self.threads);
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().filter_map(|thread| thread.join().err()).count());
        match joined.await {
            Ok(0) => {}
            Ok(panicked) => tracing::error!(panicked, "worker threads panicked"),
            Err(error) => tracing::error!(%error, "the worker threads could not be joined"),
        }
    }
}

/// Joins the group, as often as the log is away, and runs the stage.
fn work<S: Stage>(mut stage: S, log: &dyn Log, instance: &str, context: &Context) -> Result<()> {
    use rejoinder_proto::Event;

    let group = format!("rejoinder-{}", S::NAME);
    match join(log, &group, instance, S::In::TOPICS, S::NAME, context)? {
        Some(consumer) => Ok(runner::run(&mut stage, consumer, context)?),
        None => Ok(()),
    }
}

/// Whether the log refused a running worker: a new one may do better.
pub fn is_refusal(error: &anyhow::Error) -> bool {
    error.downcast_ref::<RunError>().is_some_and(|error| matches!(error, RunError::Log { .. }))
}

/// `None` when the process was told to stop first.
fn join(
    log: &dyn Log,
    group: &str,
    instance: &str,
    topics: &[rejoinder_proto::Topic],
    stage: &str,
    context: &Context,
) -> Result<Option<Box<dyn Consumer>>> {
    context.health.set(stage, State::Starting);
    while !context.stop.is_cancelled() {
        match log.join(group, instance, topics) {
            Ok(consumer) => return Ok(Some(consumer)),
            Err(LogError::Fatal(detail)) => return Err(LogError::Fatal(detail)).with_context(|| stage.to_owned()),
            Err(error) => {
                tracing::warn!(stage, %error, "cannot join yet");
                context.health.set(stage, State::Waiting { dependency: "log".into() });
                thread::sleep(REJOIN);
            }
        }
    }
    Ok(None)
}
