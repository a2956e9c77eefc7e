use std::fmt::{self, Debug};

use chrono::{SecondsFormat, Utc};
use opentelemetry::{Context, trace::TraceContextExt};
use serde::{Serialize, Serializer};
use serde_json::Value;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// One JSON object a line: timestamp, level, target, message, the event's fields, and the place in a trace where it was said,
/// by the names of OpenTelemetry's "Trace Context in non-OTLP Log Formats".
pub struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Line(Vec::new());
        let meta = event.metadata();
        line.put("timestamp", Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true));
        line.put("level", meta.level().as_str());
        line.put("target", meta.target());
        event.record(&mut line);
        let context = Context::current();
        let place = context.span().span_context().clone();
        if place.is_valid() {
            line.put("trace_id", place.trace_id().to_string());
            line.put("span_id", place.span_id().to_string());
            line.put("trace_flags", format!("{:02x}", place.trace_flags().to_u8()));
        }
        writeln!(writer, "{}", serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

/// Keys and values in the order in which a person reads them.
struct Line(Vec<(&'static str, Value)>);

impl Line {
    fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push((key, value.into()));
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }
}
