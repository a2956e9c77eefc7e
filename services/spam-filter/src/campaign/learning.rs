//! What moderators decide, as campaigns hear of it.

use std::{sync::Arc, time::Duration};

use rejoinder_pipeline::Transient;
use tokio_util::sync::CancellationToken;

use super::{Campaigns, Sample};
use crate::{Decisions, Lesson};

/// How long the decision log is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// So many rows of it are read at once.
const ROWS: u32 = 500;

/// Tells [`Campaigns`] what the decision log says, and does nothing else: for who judges comments that no store has. Where
/// comments are stored, [`super::Following`] does it, and screens them again.
pub struct Learning {
    campaigns: Arc<Campaigns>,
    decisions: Arc<dyn Decisions>,
    /// The last row that was read.
    seq: i64,
}

impl Learning {
    /// From the log's beginning.
    pub fn new(campaigns: Arc<Campaigns>, decisions: Arc<dyn Decisions>) -> Self {
        Self { campaigns, decisions, seq: 0 }
    }

    /// Again and again, until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.learn().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "campaigns hear of no decisions, trying again"
                );
            }
            if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }

    /// Learns the decisions that came, to the log's end. From then on a comment can be judged by the campaigns.
    pub async fn learn(&mut self) -> Result<(), Transient> {
        loop {
            let rows = self.decisions.decisions_after(self.seq, ROWS).await?;
            let is_last = rows.len() < ROWS as usize;
            self.seq = rows.last().map_or(self.seq, |row| row.seq);
            let read = rows.into_iter().map(|row| {
                let sample = match &row.lesson {
                    Lesson::Spam(comment) | Lesson::Ham(comment) => Sample::of(comment),
                    Lesson::Trash | Lesson::Withdrawn | Lesson::Reset => None,
                };
                (row, sample)
            });
            let read: Vec<_> = read.collect();
            self.campaigns.lock().learn(&read);
            if is_last {
                self.campaigns.set_ready();
                return Ok(());
            }
        }
    }
}
