use opentelemetry::metrics::{Counter, Gauge};
use rejoinder_pipeline::telemetry;

use crate::{Depth, Fate};

/// What an operator sees of the mails. No name and no address is a label.
pub(crate) struct Metrics {
    mails: Counter<u64>,
    depth: Gauge<i64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            mails: telemetry::counter("rejoinder.mails", "what became of claimed mails, by result and reason"),
            depth: telemetry::gauge("rejoinder.outbox", "rows of the outbox, by status"),
        }
    }

    pub(crate) fn settled(&self, fate: &Fate) {
        let (result, reason) = match fate {
            Fate::Sent => ("sent", ""),
            Fate::Retry { error, .. } => ("retried", error.as_str()),
            Fate::Put { reason, .. } => ("put_back", *reason),
            Fate::Failed { error } => ("failed", error.as_str()),
            Fate::Skipped { reason } => ("skipped", *reason),
        };
        let labels = [telemetry::label("result", result), telemetry::label("reason", reason.to_owned())];
        self.mails.add(1, &labels);
    }

    pub(crate) fn withdrawn(&self, mails: u64) {
        let labels = [telemetry::label("result", "skipped"), telemetry::label("reason", "withdrawn")];
        self.mails.add(mails, &labels);
    }

    pub(crate) fn depth(&self, depth: &Depth) {
        let counts =
            [("pending", depth.pending), ("sent", depth.sent), ("failed", depth.failed), ("skipped", depth.skipped)];
        for (status, count) in counts {
            self.depth.record(i64::try_from(count).unwrap_or(i64::MAX), &[telemetry::label("status", status)]);
        }
    }
}
