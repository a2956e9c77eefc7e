//! Logs to standard error, and the metrics behind `/metrics`. No comment's text, no name, no address, no IP in either.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, MeterProvider},
};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For a person at a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `filter` is a `tracing` directive list such as `info,rejoinder_pipeline=debug`. A second call changes
/// nothing.
pub fn init(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
    let installed = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if installed.is_err() {
        tracing::debug!("logging was already set up");
    }
}

struct Exported {
    registry: Registry,
    provider: SdkMeterProvider,
}

fn exported() -> &'static Exported {
    static EXPORTED: OnceLock<Exported> = OnceLock::new();
    EXPORTED.get_or_init(|| {
        let registry = Registry::new();
        let mut builder = SdkMeterProvider::builder();
        match opentelemetry_prometheus::exporter().with_registry(registry.clone()).build() {
            Ok(exporter) => builder = builder.with_reader(exporter),
            Err(error) => tracing::error!(%error, "metrics are not exported"),
        }
        Exported { registry, provider: builder.build() }
    })
}

/// The metrics in Prometheus' text format.
pub fn render() -> String {
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&exported().registry.gather(), &mut text) {
        tracing::error!(%error, "metrics could not be written");
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A counter of whole things; `name` by the OpenTelemetry conventions, dots and all.
pub fn counter(name: &'static str, description: &'static str) -> Counter<u64> {
    exported().provider.meter("rejoinder").u64_counter(name).with_description(description).build()
}

/// A gauge of whole things.
pub fn gauge(name: &'static str, description: &'static str) -> Gauge<i64> {
    exported().provider.meter("rejoinder").i64_gauge(name).with_description(description).build()
}

/// A histogram of durations in seconds, from 0.5 ms to 60 s.
pub fn seconds(name: &'static str, description: &'static str) -> Histogram<f64> {
    let bounds = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
    let meter = exported().provider.meter("rejoinder");
    meter.f64_histogram(name).with_unit("s").with_description(description).with_boundaries(bounds).build()
}

/// A label.
pub fn label(key: &'static str, value: impl Into<opentelemetry::Value>) -> KeyValue {
    KeyValue::new(key, value)
}
