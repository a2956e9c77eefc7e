//! Sites and policies that change while the services run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use opentelemetry::metrics::{Counter, Gauge};
use rejoinder_pipeline::telemetry;
use rejoinder_spam_filter::Minds;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Layers,
    seats::{Prepared, Seats},
};

/// How often the file is looked at. Its content counts, not its time: a mounted ConfigMap is a link that is turned to
/// another folder.
const LOOK: Duration = Duration::from_secs(2);
/// What may change while the process runs; everything else needs a restart.
const LIVE: [&str; 2] = ["policy", "sites"];

/// Follows the configuration file.
pub struct Reload {
    file: PathBuf,
    seats: Arc<Seats>,
    on_trial: Option<Arc<Minds>>,
    /// The values of the start, of which those that are not [`LIVE`] stay in force.
    started: Value,
    /// The content that was last taken or refused.
    known: Option<Vec<u8>>,
    /// The content at the last look: a file that is being written is left alone until it has come to rest.
    seen: Option<Vec<u8>>,
    metrics: Metrics,
}

impl Reload {
    /// For services that take from `seats` what `layers` had at the start, read from `file`.
    pub fn new(file: &Path, layers: &Layers, seats: Arc<Seats>, on_trial: Option<Arc<Minds>>) -> Result<Self> {
        let (started, content) = (layers.values()?, Some(layers.text().as_bytes().to_vec()));
        let (known, seen) = (content.clone(), content);
        let metrics = Metrics::new();
        metrics.in_force();
        Ok(Self { file: file.to_owned(), seats, on_trial, started, known, seen, metrics })
    }

    /// Takes what is new when the file has changed, and at once on SIGHUP, until `stop`.
    pub async fn run(mut self, stop: CancellationToken) -> Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen for signals")?;
        loop {
            let told = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = hangup.recv() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            // Building word lists and reading certificates is no work for a thread that serves requests.
            self = tokio::task::spawn_blocking(move || {
                self.look(told);
                self
            })
            .await?;
        }
    }

    fn look(&mut self, told: bool) {
        let content = fs::read(&self.file).ok();
        let rests = content == self.seen;
        self.seen.clone_from(&content);
        if !told && (content == self.known || !rests) {
            return;
        }
        self.known.clone_from(&content);
        match self.take(content) {
            Ok((version, waiting)) => {
                self.metrics.ended("taken");
                self.metrics.in_force();
                tracing::info!(file = %self.file.display(), version, "sites and policies are in force as the file has them");
                if !waiting.is_empty() {
                    let settings = waiting.join(", ");
                    tracing::warn!(settings, "these settings have changed as well, and need a restart to be in force");
                }
            }
            Err(error) => {
                self.metrics.ended("refused");
                let error = format!("{error:#}");
                tracing::error!(
                    file = %self.file.display(),
                    error,
                    "the configuration cannot be taken, what was in force stays in force"
                );
            }
        }
    }

    /// All of it or nothing: the version of what is in force, and which settings wait for a restart.
    fn take(&self, content: Option<Vec<u8>>) -> Result<(String, Vec<String>)> {
        let content = content.context("the file cannot be read")?;
        let text = String::from_utf8(content).context("the file is not UTF-8")?;
        let layers = Layers::of_file(&self.file, &text)?;
        let values = layers.values()?;
        let prepared = Prepared::new(&layers.config()?, self.on_trial.as_ref())?;
        self.seats.put(prepared);
        let version = Sha256::digest(&text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let mut waiting = Vec::new();
        changes(&self.started, &values, "", &mut waiting);
        Ok((version, waiting))
    }
}

/// The names of settings that differ and are not live. Values are none of a log's business: some are secrets.
fn changes(old: &Value, new: &Value, path: &str, changed: &mut Vec<String>) {
    if LIVE.contains(&path) || old == new {
        return;
    }
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        return changed.push(path.to_owned());
    };
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let at = |table: &serde_json::Map<String, Value>| table.get(key).cloned().unwrap_or_default();
        changes(&at(before), &at(after), &path, changed);
    }
}

struct Metrics {
    reloads: Counter<u64>,
    successful: Gauge<i64>,
    since: Gauge<i64>,
}

impl Metrics {
    fn new() -> Self {
        Self {
            reloads: telemetry::counter(
                "rejoinder.config.reloads",
                "times that the changed configuration file was read, by result: taken or refused",
            ),
            successful: telemetry::gauge(
                "rejoinder.config.last_reload_successful",
                "1 when the configuration file is in force as it stands, 0 when it was refused",
            ),
            since: telemetry::gauge(
                "rejoinder.config.last_reload_success_timestamp_seconds",
                "when sites and policies in force were read, in seconds since 1970",
            ),
        }
    }

    fn ended(&self, result: &'static str) {
        self.reloads.add(1, &[telemetry::label("result", result)]);
        self.successful.record(i64::from(result == "taken"), &[]);
    }

    fn in_force(&self) {
        self.successful.record(1, &[]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.since.record(now.as_secs().try_into().unwrap_or(i64::MAX), &[]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_needs_a_restart_is_named_without_its_value() {
        let old =
            json!({"listen": "a", "kafka": {"brokers": "x", "prefix": ""}, "policy": {"a": 1}, "sites": {"a": 1}});
        let new =
            json!({"listen": "a", "kafka": {"brokers": "y", "group": "g"}, "policy": {"a": 2}, "sites": {"b": 1}});
        let mut changed = Vec::new();
        changes(&old, &new, "", &mut changed);
        assert_eq!(changed, ["kafka.brokers", "kafka.group", "kafka.prefix"]);
    }
}
