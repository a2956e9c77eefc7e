//! Waiting for a dependency that is out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use rejoinder_pipeline::health::{Health, State};

const PART: &str = "mail";
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// Says in the process's health whether mail can be sent, and until when to wait if not.
pub(super) struct Hold {
    health: Arc<Health>,
    out: Option<Out>,
    backoff: ExponentialBackoff,
}

struct Out {
    dependency: &'static str,
    since: Instant,
    until: Instant,
}

impl Hold {
    pub(super) fn new(health: Arc<Health>) -> Self {
        health.set(PART, State::Starting);
        Self { health, out: None, backoff: backoff() }
    }

    /// The dependency that is waited for.
    pub(super) fn dependency(&self) -> Option<&'static str> {
        self.out.as_ref().map(|out| out.dependency)
    }

    /// When to try again.
    pub(super) fn until(&self) -> Option<Instant> {
        self.out.as_ref().map(|out| out.until)
    }

    /// `dependency` failed something that began at `began`. What began before the last failure is news of the same one.
    pub(super) fn failed(&mut self, dependency: &'static str, began: Instant, error: &dyn std::fmt::Display) {
        if self.out.as_ref().is_some_and(|out| out.dependency == dependency && began < out.since) {
            return;
        }
        let delay = self.backoff.next().unwrap_or(LONGEST);
        tracing::warn!(dependency, %error, again_ms = delay.as_millis() as u64, "mail waits, nothing is lost");
        let since = Instant::now();
        self.out = Some(Out { dependency, since, until: since + delay });
        self.health.set(PART, State::Waiting { dependency: dependency.to_owned() });
    }

    /// `dependency` answers again; whether it works will show, so the next wait is no shorter.
    pub(super) fn answers(&mut self, dependency: &'static str) {
        if self.out.as_ref().is_none_or(|out| out.dependency == dependency) {
            self.out = None;
            self.health.set(PART, State::Ready);
        }
    }

    /// `dependency` did what it is for.
    pub(super) fn works(&mut self, dependency: &'static str) {
        self.answers(dependency);
        if self.out.is_none() {
            self.backoff = backoff();
        }
    }

    pub(super) fn stopped(&self) {
        self.health.set(PART, State::Stopped);
    }
}

fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter()
        .build()
}
