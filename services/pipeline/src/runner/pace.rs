use std::time::Duration;

use crate::BatchLimits;

/// A batch of at least this many records says that there is a backlog.
const BACKLOG: usize = 64;
/// How long a backlog is gathered for: longer than a commit takes, so that commits do not dominate.
const LINGER: Duration = Duration::from_millis(20);
/// How long a poll waits for a first record; it bounds how soon a stop is seen.
const WAIT: Duration = Duration::from_millis(200);

/// Fits batches to the load: one comment alone passes at once, a backlog moves in thousands.
pub struct Pace {
    max_records: usize,
    last: usize,
}

impl Pace {
    pub fn new(max_records: usize) -> Self {
        Self { max_records: max_records.max(1), last: 0 }
    }

    pub fn observe(&mut self, batch: usize) {
        self.last = batch;
    }

    /// Whether the last batch held as many records as one may, so that more wait.
    pub fn is_behind(&self) -> bool {
        self.last >= self.max_records
    }

    pub fn limits(&self, bytes: usize) -> BatchLimits {
        let linger = if self.last >= BACKLOG { LINGER } else { Duration::ZERO };
        BatchLimits { records: self.max_records, bytes, wait: WAIT, linger }
    }
}
