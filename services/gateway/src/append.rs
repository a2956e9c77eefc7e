//! Calls to the log and to the store, with their time-outs.

use std::{future::Future, time::Duration};

use axum::http::HeaderMap;
use rejoinder_comment_store::StoreError;
use rejoinder_pipeline::{Record, Unavailable, moment, spans};
use rejoinder_proto::{
    Event,
    trace::{TRACEPARENT, TraceContext},
};
use tokio::time::timeout;

use crate::{NAME, Problem, ProblemKind, Shared};

/// The place in a trace that a request names.
pub(crate) fn place_of(request: &HeaderMap) -> Option<TraceContext> {
    request.get(TRACEPARENT).and_then(|value| value.to_str().ok()?.parse().ok())
}

impl Shared {
    /// Returns when the event is durable on the log. After any error it may be there all the same; a repeat under the
    /// same id is harmless. `what` names it to the sender.
    pub(crate) async fn append<E: Event>(&self, event: &E, request: &HeaderMap, what: &str) -> Result<(), Problem> {
        let publisher = &self.gateway.publisher;
        let span = spans::sending(publisher.system(), event.topic(), event.id(), place_of(request));
        let record = Record::of(event, NAME, &span.traceparent());
        let result = span.within(self.append_record(event, record, what)).await;
        if result.is_err() {
            span.fail("not_appended");
        }
        result
    }

    async fn append_record<E: Event>(&self, event: &E, record: Record, what: &str) -> Result<(), Problem> {
        let limit = Duration::from_millis(self.gateway.settings.publish_timeout_ms);
        match timeout(limit, self.gateway.publisher.append(record)).await {
            Ok(Ok(_)) => {
                moment::here("gateway.appended");
                Ok(())
            }
            Ok(Err(error @ Unavailable::Log(_))) => {
                tracing::warn!(%error, id = event.id(), "a record was not taken");
                Err(self.unavailable(&format!("{what} could not be saved at this moment; please send it again")))
            }
            Ok(Err(error @ Unavailable::TooLarge { .. })) => {
                Err(Problem::new(ProblemKind::TooLarge, error.to_string()))
            }
            Err(_) => {
                tracing::warn!(
                    id = event.id(),
                    timeout_ms = limit.as_millis() as u64,
                    "the log did not answer in time"
                );
                Err(self.unavailable(&format!("{what} could not be saved in time; please send it again")))
            }
        }
    }

    /// The store's answer, or the problem to show for having none.
    pub(crate) async fn ask<T>(&self, question: impl Future<Output = Result<T, StoreError>>) -> Result<T, Problem> {
        let limit = Duration::from_millis(self.gateway.settings.store_timeout_ms);
        match timeout(limit, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error @ StoreError::Unavailable(_))) => {
                tracing::warn!(%error, "a question to the store failed");
                Err(self.unavailable("the comments cannot be read; please try again"))
            }
            Ok(Err(error @ StoreError::Refused(_))) => {
                tracing::error!(%error, "a question to the store failed");
                Err(Problem::new(ProblemKind::Defect, "the comments cannot be read; the operator has been told"))
            }
            Err(_) => {
                tracing::warn!(timeout_ms = limit.as_millis() as u64, "the store did not answer in time");
                Err(self.unavailable("the comments cannot be read; please try again"))
            }
        }
    }

    fn unavailable(&self, detail: &str) -> Problem {
        let seconds = self.gateway.settings.retry_after_seconds;
        Problem::new(ProblemKind::Unavailable, detail).retry_after(seconds.into())
    }
}
