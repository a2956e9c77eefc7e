use std::{error::Error, future::Future};

use rejoinder_proto::{Event, trace::TraceContext};

use crate::Position;

/// A step of the pipeline. It sees messages and returns outcomes; it never sees the log.
pub trait Stage: Send {
    /// Consumer group, metric label and `ce_source`.
    const NAME: &'static str;
    /// What it reads.
    type In: Event;
    /// Whether it may be asked of a batch before the one before it is committed, and again of both when that fails. Not for a
    /// stage that judges by what came just before.
    const AHEAD: bool = false;
    /// What it writes; an enum where a stage has several topics.
    type Out: Event;

    /// One outcome per input, in order. `Err` means "nothing happened; give me the batch again". A batch may come
    /// again, whole or in part, even after `Ok`: until its offsets are committed, nothing has happened.
    fn process(
        &mut self,
        batch: &[Received<Self::In>],
    ) -> impl Future<Output = Result<Vec<Outcome<Self::Out>>, Transient>> + Send;

    /// What was processed has happened, once and for good: the time to count it.
    fn committed(&mut self, batch: &[Received<Self::In>], outcomes: &[Outcome<Self::Out>]) {
        let _ = (batch, outcomes);
    }
}

/// An event as a stage sees it.
#[derive(Clone, Debug)]
pub struct Received<E> {
    /// The event.
    pub event: E,
    /// Where its record stands.
    pub position: Position,
    /// Its place in a trace: what is done for it stands below that.
    pub trace: Option<TraceContext>,
}

/// What became of one input.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<O> {
    /// These events follow from it; none is an answer too.
    Emit(Vec<O>),
    /// To the dead letters, in the same transaction.
    Reject(Reason),
}

/// Why a stage could not use an input that could be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A stable word for programs: impossible, panic.
    pub code: &'static str,
    /// A sentence for the operator; never the comment's text.
    pub message: String,
}

impl Reason {
    /// An input that decodes, but cannot be.
    pub fn impossible(message: impl Into<String>) -> Self {
        Self { code: "impossible", message: message.into() }
    }
}

/// A dependency is out. Nothing happened; the batch comes again after a backoff, and until then the worker is not ready.
#[derive(Debug, thiserror::Error)]
#[error("{dependency} is not available")]
pub struct Transient {
    /// What is out: database, smtp, ...
    pub dependency: &'static str,
    /// What it said.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl Transient {
    /// A dependency and what it said.
    pub fn new(dependency: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { dependency, source: source.into() }
    }
}
