//! Whether a process lives and can work, and the probe pages that say so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use serde::Serialize;

use crate::telemetry;

/// What a part of the process is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Not yet at work.
    Starting,
    /// At work.
    Ready,
    /// Held up by something outside; nothing is lost, and it goes on by itself.
    Waiting {
        /// What it waits for: log, database, smtp, ...
        dependency: String,
    },
    /// Ended.
    Stopped,
}

/// The state of each part of a process. Ready when every part is.
#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<String, State>>);

impl Health {
    /// Nothing registered yet: not ready.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Sets the state of one part; the first call registers it.
    pub fn set(&self, part: &str, state: State) {
        let mut parts = self.parts();
        if parts.get(part) == Some(&state) {
            return;
        }
        match &state {
            State::Waiting { dependency } => tracing::warn!(part, dependency, "waiting, nothing is lost"),
            State::Starting | State::Ready | State::Stopped => tracing::debug!(part, ?state, "state changed"),
        }
        let ready = i64::from(state == State::Ready);
        telemetry::gauge("rejoinder.ready", "1 while a part of the process is at work, 0 while it is not, by part")
            .record(ready, &[telemetry::label("part", part.to_owned())]);
        parts.insert(part.to_owned(), state);
    }

    /// Whether there are parts, and all of them are at work.
    pub fn is_ready(&self) -> bool {
        let parts = self.parts();
        !parts.is_empty() && parts.values().all(|state| *state == State::Ready)
    }

    /// Every part with its state.
    pub fn snapshot(&self) -> BTreeMap<String, State> {
        self.parts().clone()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the pages are of [`probes`].
pub const PATHS: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// `/livez` (the process answers), `/readyz` (503 with the reasons while a part waits) and `/metrics` (Prometheus text).
pub fn probes(health: Arc<Health>) -> Router {
    let [livez, readyz, metrics] = PATHS;
    Router::new()
        .route(livez, get(|| async { "alive\n" }))
        .route(readyz, get(move || ready(health.clone())))
        .route(metrics, get(|| async { ([("content-type", "text/plain; version=0.0.4")], telemetry::render()) }))
}

async fn ready(health: Arc<Health>) -> impl IntoResponse {
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health.snapshot()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_part_is() {
        let health = Health::new();
        assert!(!health.is_ready());
        health.set("validator", State::Ready);
        assert!(health.is_ready());
        health.set("store", State::Waiting { dependency: "database".into() });
        assert!(!health.is_ready());
        health.set("store", State::Ready);
        assert!(health.is_ready());
    }
}
