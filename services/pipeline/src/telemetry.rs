//! Logs, metrics and traces: to standard error, behind `/metrics`, and over OTLP where the environment names a collector
//! (OpenTelemetry's `OTEL_*` variables). No comment's text, no name, no address, no IP in any of them.

mod format;
#[cfg(feature = "otlp")]
mod http;
#[cfg(feature = "otlp")]
mod otlp;

use std::{
    env,
    io::{self, IsTerminal},
    sync::OnceLock,
};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter, MeterProvider},
};
use opentelemetry_sdk::{
    Resource,
    metrics::{MeterProviderBuilder, SdkMeterProvider},
    resource::{EnvResourceDetector, ResourceDetector},
    trace::SdkTracer,
};
use prometheus::{Encoder, Registry, TextEncoder};
use rejoinder_proto::{millis, now};
use schemars::JsonSchema;
use serde::Deserialize;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For a person at a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What the process is called in traces, metrics and logs, unless `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say
/// otherwise.
#[derive(Clone, Debug)]
pub struct Service {
    /// service.name: rejoinder-validator, ...
    pub name: String,
    /// service.instance.id: the replica.
    pub instance: String,
    /// service.version.
    pub version: &'static str,
}

impl Service {
    /// What the environment says stands above it.
    fn resource(&self) -> Resource {
        let environment = EnvResourceDetector::new().detect();
        let named = env::var_os("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty());
        let ours = [
            label("service.name", self.name.clone()),
            label("service.namespace", "rejoinder"),
            label("service.instance.id", self.instance.clone()),
            label("service.version", self.version),
        ];
        let unsaid =
            |own: &KeyValue| environment.get(&own.key).is_none() && !(named && own.key == "service.name".into());
        Resource::builder().with_attributes(ours.into_iter().filter(unsaid)).build()
    }
}

/// Keeps telemetry going; [`Telemetry::end`] hands over what is left.
#[must_use]
#[derive(Debug, Default)]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    otlp: otlp::Otlp,
}

impl Telemetry {
    /// Sends what has not been sent yet, for at most five seconds. Call it while the runtime still runs.
    pub fn end(self) {
        #[cfg(feature = "otlp")]
        self.otlp.end(&exported().provider);
    }
}

/// Libraries that quote what they are given, comments and addresses among it, when they are asked to say more. No filter of an
/// operator's lifts this.
const DISCREET: &str = "html5ever=off,markup5ever=off,ammonia=off,lettre=off,hyper=warn,hyper_util=warn,\
                        h2=warn,tonic=warn,tower=warn,axum=warn,reqwest=warn,ureq=warn,rustls=warn,sqlx=warn,mio=warn";

/// Starts logs, metrics and traces. `filter` is a `tracing` directive list such as `info,rejoinder_pipeline=debug`. Call it
/// within a Tokio runtime, before anything is measured; a second call changes nothing. An error names the variable of the
/// environment that cannot be obeyed.
pub fn init(format: LogFormat, filter: &str, service: &Service) -> Result<Telemetry, Refused> {
    let resource = service.resource();
    #[cfg(feature = "otlp")]
    let mut otlp = otlp::Otlp::from_environment(&resource)?;
    let readers = Exported::new(resource, |builder| {
        #[cfg(feature = "otlp")]
        let builder = otlp.read_by(builder);
        builder
    });
    let _ = EXPORTED.set(readers);
    #[cfg(feature = "otlp")]
    if let Some(tracer) = otlp.tracer() {
        let _ = TRACER.set(tracer);
    }

    let filter = EnvFilter::try_new(format!("{filter},{DISCREET}"))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{DISCREET}")));
    let lines = match format {
        LogFormat::Text => {
            let colours = io::stderr().is_terminal();
            tracing_subscriber::fmt::layer().with_target(false).with_ansi(colours).with_writer(io::stderr).boxed()
        }
        LogFormat::Json => tracing_subscriber::fmt::layer().event_format(format::Json).with_writer(io::stderr).boxed(),
    };
    let layers = tracing_subscriber::registry().with(filter).with(lines);
    #[cfg(feature = "otlp")]
    let layers = layers.with(otlp.log_layer());
    if layers.try_init().is_err() {
        tracing::debug!("logging was already set up");
    }
    #[cfg(feature = "otlp")]
    return Ok(Telemetry { otlp });
    #[cfg(not(feature = "otlp"))]
    Ok(Telemetry::default())
}

/// An `OTEL_*` variable cannot be obeyed.
#[derive(Debug, thiserror::Error)]
#[error("{0}; correct the OTEL_ variable, or take it away to go without")]
pub struct Refused(String);

struct Exported {
    registry: Registry,
    meter: Meter,
    /// It ends the export when it is dropped.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code))]
    provider: SdkMeterProvider,
}

static EXPORTED: OnceLock<Exported> = OnceLock::new();
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

impl Exported {
    fn new(resource: Resource, readers: impl FnOnce(MeterProviderBuilder) -> MeterProviderBuilder) -> Self {
        let registry = Registry::new();
        let mut builder = readers(SdkMeterProvider::builder().with_resource(resource));
        match opentelemetry_prometheus::exporter().with_registry(registry.clone()).build() {
            Ok(exporter) => builder = builder.with_reader(exporter),
            Err(error) => tracing::error!(%error, "metrics are not exported"),
        }
        let provider = builder.build();
        let meter = provider.meter("rejoinder");
        // As Prometheus' own clients have it: a process that is started again and again shows itself by it.
        let started = meter.i64_gauge("process.start_time").with_unit("s");
        let started = started.with_description("when the process started, in seconds since 1970").build();
        started.record(millis(Some(&now())) / 1000, &[]);
        Self { registry, meter, provider }
    }
}

fn exported() -> &'static Exported {
    EXPORTED.get_or_init(|| Exported::new(Resource::builder_empty().build(), |builder| builder))
}

/// Where spans are made; `None` while nobody collects traces.
pub(crate) fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
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
    exported().meter.u64_counter(name).with_description(description).build()
}

/// A gauge of whole things.
pub fn gauge(name: &'static str, description: &'static str) -> Gauge<i64> {
    exported().meter.i64_gauge(name).with_description(description).build()
}

/// A histogram of durations in seconds, from 0.5 ms to 60 s.
pub fn seconds(name: &'static str, description: &'static str) -> Histogram<f64> {
    let bounds = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
    histogram(name, description, "s", bounds)
}

/// A histogram of ages in seconds, from 5 ms to a day.
pub fn ages(name: &'static str, description: &'static str) -> Histogram<f64> {
    let bounds = vec![
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0,
        21_600.0, 86_400.0,
    ];
    histogram(name, description, "s", bounds)
}

/// A histogram of how many things came together, from 1 to 10,000.
pub fn sizes(name: &'static str, description: &'static str) -> Histogram<f64> {
    let bounds = vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0];
    histogram(name, description, "{record}", bounds)
}

fn histogram(name: &'static str, description: &'static str, unit: &'static str, bounds: Vec<f64>) -> Histogram<f64> {
    exported().meter.f64_histogram(name).with_unit(unit).with_description(description).with_boundaries(bounds).build()
}

/// A label.
pub fn label(key: &'static str, value: impl Into<opentelemetry::Value>) -> KeyValue {
    KeyValue::new(key, value)
}
