use std::{
    env, fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{PATIENCE, services::skipped};

/// An OpenTelemetry Collector that writes what it receives to a file; ended when dropped.
pub struct Collector {
    process: Child,
    folder: TempDir,
    grpc: u16,
    http: u16,
}

/// A span as the collector wrote it down.
#[derive(Clone, Debug)]
pub struct Span {
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub name: String,
    pub service: String,
    /// Trace and span of each.
    pub links: Vec<(String, String)>,
    attributes: Vec<(String, String)>,
}

impl Span {
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

impl Collector {
    /// `None` where there is none, which is said loudly, and is a failure under CI.
    pub fn start(test: &str) -> Option<Self> {
        let Ok(binary) = env::var("REJOINDER_TEST_COLLECTOR") else {
            skipped(test, "REJOINDER_TEST_COLLECTOR is not set; `make test` builds it where Go is installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (grpc, http) = (free_port(), free_port());
        let pipeline = "{ receivers: [otlp], exporters: [file] }";
        let config = format!(
            "receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: '127.0.0.1:{grpc}' }}, http: {{ endpoint: '127.0.0.1:{http}' }} }} }} }}\n\
             exporters: {{ file: {{ path: '{}', flush_interval: 50ms }} }}\n\
             service:\n  telemetry: {{ metrics: {{ level: none }} }}\n  pipelines: {{ traces: {pipeline}, metrics: {pipeline}, logs: {pipeline} }}\n",
            folder.path().join("received").display()
        );
        let file = folder.path().join("collector.yaml");
        fs::write(&file, config).expect("written");
        let log = fs::File::create(folder.path().join("log")).expect("written");
        let process = Command::new(binary).arg("--config").arg(&file).stdout(Stdio::null()).stderr(log).spawn();
        let collector = Self { process: process.expect("the collector starts"), folder, grpc, http };
        let until = Instant::now() + PATIENCE;
        for port in [grpc, http] {
            while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(Instant::now() < until, "{}", collector.read("log"));
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Some(collector)
    }

    /// What a process must be told to send here soon.
    pub fn environment(&self, protocol: &str) -> Vec<(String, String)> {
        let port = if protocol == "grpc" { self.grpc } else { self.http };
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "500".to_owned()),
        ];
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Everything that has come, as text.
    pub fn everything(&self) -> String {
        self.read("received")
    }

    /// The spans of a trace.
    pub fn spans(&self, trace: &str) -> Vec<Span> {
        self.all_spans().into_iter().filter(|span| span.trace == trace).collect()
    }

    /// Every span.
    pub fn all_spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for (resource, scope) in self.scopes("resourceSpans", "scopeSpans") {
            let service = attributes(&resource).into_iter().find(|(key, _)| key == "service.name");
            let service = service.map(|(_, value)| value).unwrap_or_default();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            spans.extend(list(&scope["spans"]).iter().map(|span| Span {
                trace: text(&span["traceId"]),
                id: text(&span["spanId"]),
                parent: text(&span["parentSpanId"]),
                name: text(&span["name"]),
                service: service.clone(),
                links:
                    list(&span["links"]).iter().map(|link| (text(&link["traceId"]), text(&link["spanId"]))).collect(),
                attributes: attributes(span),
            }));
        }
        spans
    }

    /// Every log record.
    pub fn logs(&self) -> Vec<Value> {
        let scopes = self.scopes("resourceLogs", "scopeLogs").into_iter();
        scopes.flat_map(|(_, scope)| list(&scope["logRecords"]).to_vec()).collect()
    }

    /// The metrics, as text.
    pub fn metrics(&self) -> String {
        let scopes = self.scopes("resourceMetrics", "scopeMetrics").into_iter();
        scopes.map(|(_, scope)| scope.to_string()).collect()
    }

    fn scopes(&self, resources: &str, scopes: &str) -> Vec<(Value, Value)> {
        let mut found = Vec::new();
        // The last line may be half written.
        for line in self.everything().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            for resource in list(&line[resources]) {
                found.extend(list(&resource[scopes]).iter().map(|scope| (resource["resource"].clone(), scope.clone())));
            }
        }
        found
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn attributes(of: &Value) -> Vec<(String, String)> {
    let one = |attribute: &Value| {
        let value = attribute["value"].as_object()?.values().next()?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((attribute["key"].as_str()?.to_owned(), value))
    };
    list(&of["attributes"]).iter().filter_map(one).collect()
}

/// A port that nobody listens on just now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
