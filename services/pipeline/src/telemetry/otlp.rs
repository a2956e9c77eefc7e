//! The export over OTLP. A signal goes out when the environment names where: `OTEL_EXPORTER_OTLP_ENDPOINT`, the signal's own
//! endpoint, or `OTEL_<SIGNAL>_EXPORTER=otlp` for the default endpoint; `none` there, or `OTEL_SDK_DISABLED=true`, keeps it in.
//! The protocol is http/protobuf unless `OTEL_EXPORTER_OTLP_PROTOCOL` says grpc.

use std::{env, time::Duration};

use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{ExporterBuildError, LogExporter, MetricExporter, Protocol, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    metrics::{MeterProviderBuilder, PeriodicReader, SdkMeterProvider, Temporality},
    trace::{SdkTracer, SdkTracerProvider},
};
use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, filter_fn},
    registry::LookupSpan,
};

use super::{Refused, http::Client};

/// How long the last words may take.
const LAST: Duration = Duration::from_secs(5);
/// A batch's span links to each of its messages, and a batch may have some thousands.
const LINKS: u32 = 10_000;

/// The exporters that the environment asks for.
#[derive(Debug, Default)]
pub struct Otlp {
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    metrics: Option<MetricExporter>,
}

impl Otlp {
    /// Reads the environment. Nothing is connected yet: a collector that is away is tried again with each export.
    pub fn from_environment(resource: &Resource) -> Result<Self, Refused> {
        let wanted = |signal| wanted(signal, |name| env::var(name).ok());
        let (traces, logs, metrics) = (wanted("TRACES")?, wanted("LOGS")?, wanted("METRICS")?);
        if traces || logs || metrics {
            // Two of our libraries could each bring a default of their own; the first that is named stays.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let refused = |error: ExporterBuildError| Refused(error.to_string());
        let variable = |name: &str| env::var(name).ok();
        let mut otlp = Self::default();
        if traces {
            let exporter = match protocol("TRACES", variable)? {
                Protocol::Grpc => SpanExporter::builder().with_tonic().build(),
                _ => SpanExporter::builder().with_http().with_http_client(client("TRACES")?).build(),
            };
            let exporter = exporter.map_err(refused)?;
            let builder = SdkTracerProvider::builder().with_resource(resource.clone()).with_max_links_per_span(LINKS);
            otlp.traces = Some(builder.with_batch_exporter(exporter).build());
        }
        if logs {
            let exporter = match protocol("LOGS", variable)? {
                Protocol::Grpc => LogExporter::builder().with_tonic().build(),
                _ => LogExporter::builder().with_http().with_http_client(client("LOGS")?).build(),
            };
            let exporter = exporter.map_err(refused)?;
            let builder = SdkLoggerProvider::builder().with_resource(resource.clone());
            otlp.logs = Some(builder.with_batch_exporter(exporter).build());
        }
        if metrics {
            let preference = env::var("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE").unwrap_or_default();
            let builder = MetricExporter::builder().with_temporality(temporality(&preference)?);
            let exporter = match protocol("METRICS", variable)? {
                Protocol::Grpc => builder.with_tonic().build(),
                _ => builder.with_http().with_http_client(client("METRICS")?).build(),
            };
            otlp.metrics = Some(exporter.map_err(refused)?);
        }
        Ok(otlp)
    }

    /// Adds the reader that pushes metrics, every 60 s unless `OTEL_METRIC_EXPORT_INTERVAL` says otherwise.
    pub fn read_by(&mut self, builder: MeterProviderBuilder) -> MeterProviderBuilder {
        match self.metrics.take() {
            Some(exporter) => builder.with_reader(PeriodicReader::builder(exporter).build()),
            None => builder,
        }
    }

    /// Where spans are made.
    pub fn tracer(&self) -> Option<SdkTracer> {
        self.traces.as_ref().map(|provider| provider.tracer("rejoinder"))
    }

    /// The layer that hands log records on.
    pub fn log_layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let bridge = OpenTelemetryTracingBridge::new(self.logs.as_ref()?);
        Some(bridge.with_filter(LevelFilter::TRACE.and(filter_fn(is_not_of_the_export))))
    }

    /// Sends what is left.
    pub fn end(self, metrics: &SdkMeterProvider) {
        let ended = [
            ("metrics", metrics.shutdown_with_timeout(LAST)),
            ("traces", self.traces.map_or(Ok(()), |provider| provider.shutdown_with_timeout(LAST))),
            ("logs", self.logs.map_or(Ok(()), |provider| provider.shutdown_with_timeout(LAST))),
        ];
        for (signal, result) in ended {
            if let Err(error) = result {
                tracing::warn!(signal, %error, "the last telemetry was not taken");
            }
        }
    }
}

/// What exporting says of itself would be exported in its turn, for ever.
fn is_not_of_the_export(meta: &Metadata<'_>) -> bool {
    let own = ["opentelemetry", "tonic", "h2", "hyper", "ureq", "tower", "rustls"];
    !own.iter().any(|name| meta.target().split("::").next().is_some_and(|root| root.starts_with(name)))
}

/// Whether a signal is to be exported.
fn wanted(signal: &str, variable: impl Fn(&str) -> Option<String>) -> Result<bool, Refused> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    if given("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(false);
    }
    let name = format!("OTEL_{signal}_EXPORTER");
    let named = given("OTEL_EXPORTER_OTLP_ENDPOINT").or(given(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")));
    match given(&name).as_deref() {
        None => Ok(named.is_some()),
        Some("otlp") => Ok(true),
        Some("none") => Ok(false),
        // Prometheus' pages are served anyway.
        Some("prometheus") if signal == "METRICS" => Ok(false),
        Some(other) => Err(Refused(format!("{name} is {other:?}; otlp and none are known here"))),
    }
}

/// How a signal is sent.
fn protocol(signal: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Protocol, Refused> {
    let given = |name: String| variable(&name).filter(|value| !value.is_empty()).map(|value| (name, value));
    let own = given(format!("OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"));
    match own.or_else(|| given("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned())) {
        None => Ok(Protocol::HttpBinary),
        Some((_, value)) if value == "http/protobuf" => Ok(Protocol::HttpBinary),
        Some((_, value)) if value == "grpc" => Ok(Protocol::Grpc),
        Some((name, value)) => Err(Refused(format!("{name} is {value:?}; grpc and http/protobuf are known here"))),
    }
}

/// What sends a signal over HTTP, with its own time-out.
fn client(signal: &str) -> Result<Client, Refused> {
    let names = [format!("OTEL_EXPORTER_OTLP_{signal}_TIMEOUT"), "OTEL_EXPORTER_OTLP_TIMEOUT".to_owned()];
    for name in names {
        if let Some(text) = env::var(&name).ok().filter(|text| !text.is_empty()) {
            let millis = text.parse().map_err(|_| Refused(format!("{name} is {text:?}, no number of milliseconds")))?;
            return Ok(Client::new(Duration::from_millis(millis)));
        }
    }
    Ok(Client::new(opentelemetry_otlp::OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT))
}

/// By the specification's words for OTLP metrics.
fn temporality(preference: &str) -> Result<Temporality, Refused> {
    match preference.to_ascii_lowercase().as_str() {
        "" | "cumulative" => Ok(Temporality::Cumulative),
        "delta" => Ok(Temporality::Delta),
        "lowmemory" => Ok(Temporality::LowMemory),
        _ => Err(Refused(format!(
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is {preference:?}; cumulative, delta and lowmemory are known"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(signal: &str, variables: &[(&str, &str)]) -> Option<bool> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        wanted(signal, find).ok()
    }

    #[test]
    fn a_signal_goes_out_only_when_it_is_told_where() {
        assert_eq!(asks("TRACES", &[]), Some(false));
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
        assert_eq!(asks("TRACES", &[endpoint]), Some(true));
        assert_eq!(asks("TRACES", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), Some(false));
        assert_eq!(asks("LOGS", &[endpoint, ("OTEL_LOGS_EXPORTER", "none")]), Some(false));
        assert_eq!(asks("LOGS", &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1")]), Some(false));
        assert_eq!(asks("METRICS", &[("OTEL_METRICS_EXPORTER", "otlp")]), Some(true));
        assert_eq!(asks("METRICS", &[endpoint, ("OTEL_METRICS_EXPORTER", "prometheus")]), Some(false));
        assert_eq!(asks("TRACES", &[endpoint, ("OTEL_SDK_DISABLED", "true")]), Some(false));
        assert_eq!(asks("TRACES", &[("OTEL_TRACES_EXPORTER", "zipkin")]), None, "what cannot be obeyed is refused");
    }

    #[test]
    fn the_protocol_of_a_signal_stands_above_that_of_all() {
        let find = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_PROTOCOL" => Some("grpc".to_owned()),
            "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL" => Some("http/protobuf".to_owned()),
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL" => Some("http/xml".to_owned()),
            _ => None,
        };
        assert!(matches!(protocol("TRACES", find), Ok(Protocol::Grpc)));
        assert!(matches!(protocol("LOGS", find), Ok(Protocol::HttpBinary)));
        assert!(protocol("METRICS", find).is_err());
        assert!(matches!(protocol("METRICS", |_| None), Ok(Protocol::HttpBinary)));
    }
}
