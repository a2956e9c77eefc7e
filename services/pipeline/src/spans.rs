//! Spans by OpenTelemetry's semantic conventions for messaging: one trace joins a comment's hops.
//!
//! A record carries the place of the span that sent it in `traceparent`. While nobody collects traces a [`Span`] is no more
//! than that place, so that the trace of a publisher goes through all the same.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{
    Context, ContextGuard, KeyValue, Value,
    trace::{
        FutureExt, Link, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer, WithContext,
    },
};
use rejoinder_proto::{
    Topic,
    trace::{TRACEPARENT, TraceContext},
};

pub use opentelemetry::trace::SpanKind;

use crate::{Delivered, telemetry};

/// Names of attributes.
mod key {
    pub const SYSTEM: &str = "messaging.system";
    pub const OPERATION: &str = "messaging.operation.name";
    pub const OPERATION_TYPE: &str = "messaging.operation.type";
    pub const DESTINATION: &str = "messaging.destination.name";
    pub const PARTITION: &str = "messaging.destination.partition.id";
    pub const GROUP: &str = "messaging.consumer.group.name";
    pub const OFFSET: &str = "messaging.kafka.offset";
    pub const MESSAGE_ID: &str = "messaging.message.id";
    pub const BATCH: &str = "messaging.batch.message_count";
    pub const ERROR: &str = "error.type";
}

/// A piece of work, from its making until it is dropped.
#[derive(Clone, Debug, Default)]
pub struct Span {
    parent: Option<TraceContext>,
    live: Option<Context>,
}

impl Span {
    /// Starts now, below `parent` or as the root of a new trace.
    pub fn start(kind: SpanKind, name: impl Into<Cow<'static, str>>, parent: Option<TraceContext>) -> Self {
        Self::build(parent, || SpanBuilder::from_name(name).with_kind(kind))
    }

    fn build(parent: Option<TraceContext>, builder: impl FnOnce() -> SpanBuilder) -> Self {
        let live = telemetry::tracer().and_then(|tracer| {
            let above = parent.map_or_else(Context::new, remote);
            let span = tracer.build_with_context(builder(), &above);
            Some(above.with_span(span)).filter(|context| context.span().span_context().is_valid())
        });
        Self { parent, live }
    }

    /// Whether somebody will read it: what is costly to find out is set only then.
    pub fn is_recording(&self) -> bool {
        self.live.as_ref().is_some_and(|context| context.span().is_recording())
    }

    /// What stands below it names this as its parent.
    pub fn place(&self) -> Option<TraceContext> {
        let Some(context) = &self.live else { return self.parent };
        let span = context.span();
        let (trace, id) = (span.span_context().trace_id(), span.span_context().span_id());
        Some(TraceContext {
            trace: u128::from_be_bytes(trace.to_bytes()),
            span: u64::from_be_bytes(id.to_bytes()),
            flags: span.span_context().trace_flags().to_u8(),
        })
    }

    /// The header of a record that it sends.
    pub fn traceparent(&self) -> String {
        let place = match (&self.live, self.parent) {
            (Some(_), _) => self.place(),
            (None, parent) => parent.map(TraceContext::next),
        };
        place.unwrap_or_else(TraceContext::begin).to_string()
    }

    /// Sets an attribute. Never a text, a name, an address or an IP.
    pub fn set(&self, key: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.live {
            context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Notes that the work failed; `kind` is one of few words.
    pub fn fail(&self, kind: &'static str) {
        if let Some(context) = &self.live {
            context.span().set_attribute(KeyValue::new(key::ERROR, kind));
            context.span().set_status(Status::error(kind));
        }
    }

    /// What is logged on this thread until the guard is dropped names this span.
    pub fn enter(&self) -> ContextGuard {
        self.context().attach()
    }

    /// What `work` logs names this span.
    pub fn within<F: Future>(&self, work: F) -> WithContext<F> {
        work.with_context(self.context())
    }

    fn context(&self) -> Context {
        self.live.clone().or_else(|| self.parent.map(remote)).unwrap_or_default()
    }
}

/// The place that a record's header names.
pub fn sent_by(delivered: &Delivered) -> Option<TraceContext> {
    delivered.record.headers.text(TRACEPARENT).and_then(|header| header.parse().ok())
}

fn remote(place: TraceContext) -> Context {
    Context::new().with_remote_span_context(span_context(place))
}

fn span_context(place: TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(place.trace.to_be_bytes()),
        SpanId::from_bytes(place.span.to_be_bytes()),
        TraceFlags::new(place.flags),
        true,
        TraceState::default(),
    )
}

/// The span of a record that is being sent: `send TOPIC`.
pub fn sending(system: &'static str, topic: Topic, id: &str, parent: Option<TraceContext>) -> Span {
    Span::build(parent, || {
        SpanBuilder::from_name(format!("send {topic}")).with_kind(SpanKind::Producer).with_attributes([
            KeyValue::new(key::SYSTEM, system),
            KeyValue::new(key::OPERATION, "send"),
            KeyValue::new(key::OPERATION_TYPE, "send"),
            KeyValue::new(key::DESTINATION, topic.name()),
            KeyValue::new(key::MESSAGE_ID, id.to_owned()),
        ])
    })
}

/// The spans of a batch in hand: one of the whole, which links to what sent each record, and one of each record, below what
/// sent it.
pub struct BatchSpans {
    system: &'static str,
    stage: &'static str,
    topic: Option<Topic>,
    whole: Span,
    each: Vec<Span>,
}

impl BatchSpans {
    /// Starts them. `polled` is when the poll that brought the batch began.
    pub fn start(system: &'static str, stage: &'static str, batch: &[Delivered], polled: SystemTime) -> Self {
        let mut topics = batch.iter().map(|delivered| delivered.position.topic);
        let first = topics.next();
        let topic = first.filter(|first| topics.all(|topic| topic == *first));
        let parents: Vec<Option<TraceContext>> = batch.iter().map(sent_by).collect();
        let mut spans = Self { system, stage, topic, whole: Span::default(), each: Vec::new() };
        if telemetry::tracer().is_none() {
            spans.each = parents.into_iter().map(|parent| Span { parent, live: None }).collect();
            return spans;
        }
        let links =
            || parents.iter().flatten().map(|place| Link::with_context(span_context(*place))).collect::<Vec<_>>();
        let count = || KeyValue::new(key::BATCH, i64::try_from(batch.len()).unwrap_or(i64::MAX));
        let poll = spans.operation("poll", "receive", SpanKind::Client, topic, None, |builder| {
            let builder = builder.with_start_time(polled).with_links(links());
            with(builder, [count()])
        });
        let root = poll.place();
        drop(poll);
        spans.whole = spans.operation("process", "process", SpanKind::Consumer, topic, root, |builder| {
            with(builder.with_links(links()), [count()])
        });
        let batch_place = spans.whole.place();
        let each = batch.iter().zip(parents).map(|(delivered, parent)| {
            let position = delivered.position;
            spans.operation("process", "process", SpanKind::Consumer, Some(position.topic), parent, |builder| {
                let linked = batch_place.map(|place| Link::with_context(span_context(place)));
                let id = delivered.record.headers.text(rejoinder_proto::headers::name::CE_ID).unwrap_or_default();
                // A publisher may put anything there.
                let id = uuid::Uuid::try_parse(id).ok().map(|id| KeyValue::new(key::MESSAGE_ID, id.to_string()));
                let at = [
                    KeyValue::new(key::PARTITION, position.partition.to_string()),
                    KeyValue::new(key::OFFSET, position.offset),
                ];
                with(builder.with_links(linked.into_iter().collect()), at.into_iter().chain(id))
            })
        });
        spans.each = each.collect();
        spans
    }

    /// The span of the whole batch.
    pub fn whole(&self) -> &Span {
        &self.whole
    }

    /// The span of each record, in their order.
    pub fn each(&self) -> &[Span] {
        &self.each
    }

    /// The span of a record that follows from the one at `index`.
    pub fn sending(&self, index: usize, topic: Topic, id: &str) -> Span {
        let Some(above) = self.each.get(index) else { return Span::default() };
        match above.live.is_some() {
            true => sending(self.system, topic, id, above.place()),
            false => Span { parent: above.parent, live: None },
        }
    }

    /// The spans of the commit: of the whole, and of each record.
    pub fn committing(&self) -> Vec<Span> {
        let commit = |above: &Span, topic| {
            let live = above.is_recording().then(|| above.place());
            live.map(|place| self.operation("commit", "settle", SpanKind::Client, topic, place, |builder| builder))
        };
        let whole = commit(&self.whole, self.topic);
        whole.into_iter().chain(self.each.iter().filter_map(|above| commit(above, self.topic))).collect()
    }

    /// Notes that nothing of the batch happened.
    pub fn fail(&self, kind: &'static str) {
        self.each.iter().chain([&self.whole]).for_each(|span| span.fail(kind));
    }

    fn operation(
        &self,
        name: &'static str,
        kind_of_operation: &'static str,
        kind: SpanKind,
        topic: Option<Topic>,
        parent: Option<TraceContext>,
        more: impl FnOnce(SpanBuilder) -> SpanBuilder,
    ) -> Span {
        Span::build(parent, || {
            let title = topic.map_or(Cow::Borrowed(name), |topic| Cow::Owned(format!("{name} {topic}")));
            let attributes = [
                KeyValue::new(key::SYSTEM, self.system),
                KeyValue::new(key::OPERATION, name),
                KeyValue::new(key::OPERATION_TYPE, kind_of_operation),
                KeyValue::new(key::GROUP, format!("rejoinder-{}", self.stage)),
            ];
            let destination = topic.map(|topic| KeyValue::new(key::DESTINATION, topic.name()));
            let builder = SpanBuilder::from_name(title).with_kind(kind);
            more(builder.with_attributes(attributes.into_iter().chain(destination)))
        })
    }
}

/// The builder with further attributes.
fn with(mut builder: SpanBuilder, more: impl IntoIterator<Item = KeyValue>) -> SpanBuilder {
    builder.attributes.get_or_insert_default().extend(more);
    builder
}
