//! A batch on its way through a stage.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant, SystemTime},
};

use rejoinder_proto::{Event, Topic, trace::TraceContext};
use tokio::time::timeout;

use super::Context;
use crate::{
    Delivered, Outcome, Progress, Reason, Received, Record, Stage, Transient, is_for,
    spans::{BatchSpans, Span},
    to_dead_letter,
};

/// A batch that nobody has looked at.
pub struct Polled {
    pub batch: Vec<Delivered>,
    pub progress: Progress,
    /// What kind of log it comes from.
    system: &'static str,
    /// When the poll that brought it began.
    at: SystemTime,
}

impl Polled {
    /// What a poll that began `at` brought; `None` when it brought nothing.
    pub fn new(batch: Vec<Delivered>, system: &'static str, at: SystemTime) -> Option<Self> {
        let progress = Progress::of(batch.iter().map(|delivered| delivered.position));
        (!batch.is_empty()).then_some(Self { batch, progress, system, at })
    }
}

/// A batch, and what the stage says of it.
pub struct Judged<S: Stage> {
    /// Without what is meant for another stage, which is passed over.
    pub batch: Vec<Delivered>,
    pub progress: Progress,
    pub spans: BatchSpans,
    pub started: Instant,
    /// How long decoding and the stage took.
    pub took: Duration,
    /// What could be decoded.
    pub received: Vec<Received<S::In>>,
    /// For each record either nothing, when it is among the received, or why it is not.
    pub unusable: Vec<Option<Reason>>,
    /// One outcome for each of the received, if the stage keeps its contract.
    pub outcomes: Result<Vec<Outcome<S::Out>>, Transient>,
}

impl<S: Stage> Judged<S> {
    /// Decodes a batch, and asks the stage.
    pub fn of(stage: &mut S, polled: Polled, context: &Context) -> Self {
        let started = Instant::now();
        let Polled { mut batch, progress, system, at } = polled;
        batch.retain(|delivered| is_for(S::NAME, &delivered.record));
        let spans = BatchSpans::start(system, S::NAME, &batch, at);
        let said_here = spans.whole().enter();
        let places = spans.each().iter().map(Span::place);
        let decoded = batch.iter().zip(places).map(|(delivered, place)| decode(delivered, place));
        let (received, unusable) = split(decoded);
        let outcomes = process(stage, &received, context);
        drop(said_here);
        Self { batch, progress, spans, started, took: started.elapsed(), received, unusable, outcomes }
    }
}

/// What a batch comes to.
pub struct Output {
    /// In the order of their inputs.
    pub records: Vec<Record>,
    /// The spans of the records, which end with the transaction.
    pub sending: Vec<Span>,
    /// For each input, why it died if it did.
    pub dead: Vec<Option<&'static str>>,
}

impl Output {
    /// What follows from `outcomes`, and from what could not be decoded. `unusable` is as [`Judged::unusable`].
    pub fn of<O: Event>(
        stage: &str,
        batch: &[Delivered],
        unusable: &[Option<Reason>],
        outcomes: &[Outcome<O>],
        spans: &BatchSpans,
    ) -> Self {
        let source = format!("/rejoinder/{stage}");
        let mut outcomes = outcomes.iter();
        let mut output = Self { records: Vec::with_capacity(batch.len()), sending: Vec::new(), dead: Vec::new() };
        for (index, (delivered, unusable)) in batch.iter().zip(unusable).enumerate() {
            let outcome = if unusable.is_some() { None } else { outcomes.next() };
            let reason = match (unusable, outcome) {
                (Some(reason), _) | (None, Some(Outcome::Reject(reason))) => Some(reason),
                _ => None,
            };
            output.dead.push(reason.map(|reason| reason.code));
            if let Some(Outcome::Emit(events)) = outcome {
                events.iter().for_each(|event| output.emit(event, &source, index, spans));
            }
            if let Some(reason) = reason {
                output.give_up(stage, delivered, reason, index, spans);
            }
        }
        output
    }

    fn emit(&mut self, event: &impl Event, source: &str, index: usize, spans: &BatchSpans) {
        let span = spans.sending(index, event.topic(), event.id());
        self.records.push(Record::of(event, source, &span.traceparent()));
        if span.is_recording() {
            for (key, value) in event.facts() {
                spans.each()[index].set(key, value.clone());
                span.set(key, value);
            }
            self.sending.push(span);
        }
    }

    fn give_up(&mut self, stage: &str, delivered: &Delivered, reason: &Reason, index: usize, spans: &BatchSpans) {
        let process = spans.each().get(index).cloned().unwrap_or_default();
        let _said_here = process.enter();
        tracing::warn!(
            stage, reason = reason.code, detail = reason.message, topic = %delivered.position.topic,
            partition = delivered.position.partition, offset = delivered.position.offset, "dead letter"
        );
        process.fail(reason.code);
        let span = spans.sending(index, Topic::DeadLetter, "");
        self.records.push(to_dead_letter(stage, delivered, reason, &span.traceparent()));
        self.sending.push(span);
    }

    pub fn died(&self) -> Vec<bool> {
        self.dead.iter().map(Option::is_some).collect()
    }
}

/// Calls the stage. A panic is narrowed down to the record that causes it, and only that one is given up.
fn process<S: Stage>(
    stage: &mut S,
    batch: &[Received<S::In>],
    context: &Context,
) -> Result<Vec<Outcome<S::Out>>, Transient> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let deadline = context.settings.deadline;
    let call = AssertUnwindSafe(|| context.runtime.block_on(async { timeout(deadline, stage.process(batch)).await }));
    match catch_unwind(call) {
        Ok(Ok(result)) => result,
        Ok(Err(elapsed)) => Err(Transient::new("stage", elapsed)),
        Err(panic) if batch.len() == 1 => {
            let message = panic_message(panic.as_ref());
            tracing::error!(stage = S::NAME, offset = batch[0].position.offset, "a record makes the stage panic");
            Ok(vec![Outcome::Reject(Reason { code: "panic", message })])
        }
        Err(_) => {
            let mut outcomes = Vec::with_capacity(batch.len());
            for one in batch {
                outcomes.extend(process(stage, std::slice::from_ref(one), context)?);
            }
            Ok(outcomes)
        }
    }
}

fn decode<E: Event>(delivered: &Delivered, trace: Option<TraceContext>) -> Result<Received<E>, Reason> {
    let Delivered { position, record, .. } = delivered;
    E::decode(position.topic, &record.headers, record.payload.as_deref())
        .map(|event| Received { event, position: *position, trace })
        .map_err(|error| Reason { code: error.reason(), message: error.to_string() })
}

fn split<E>(
    decoded: impl ExactSizeIterator<Item = Result<Received<E>, Reason>>,
) -> (Vec<Received<E>>, Vec<Option<Reason>>) {
    let mut received = Vec::with_capacity(decoded.len());
    let mut unusable = Vec::with_capacity(decoded.len());
    for record in decoded {
        match record {
            Ok(event) => {
                received.push(event);
                unusable.push(None);
            }
            Err(reason) => unusable.push(Some(reason)),
        }
    }
    (received, unusable)
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    // A panic's text may quote the comment: only its kind is kept.
    let kind = if panic.is::<&str>() || panic.is::<String>() { "with a message" } else { "without a message" };
    format!("the stage panicked {kind} on this record; see the worker's standard error")
}
