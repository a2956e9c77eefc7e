//! An outbox that fails when it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use rejoinder_notifier::{Claimed, Depth, MemoryOutbox, NewMail, Outbox, OutboxError, Settlement};
use tokio::time::timeout;
use uuid::Uuid;

#[derive(Default)]
pub struct Failing {
    inner: MemoryOutbox,
    /// Nothing can be claimed or settled.
    pub away: AtomicBool,
    /// Nothing can be settled.
    pub unmarked: AtomicBool,
    /// Settling never ends, as when the process dies before it.
    pub hangs: AtomicBool,
    settles: AtomicUsize,
}

impl Failing {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Waits until somebody has tried to settle so often.
    pub async fn settled(&self, times: usize) {
        let enough = async {
            while self.settles.load(Ordering::SeqCst) < times {
                tokio::task::yield_now().await;
            }
        };
        timeout(std::time::Duration::from_secs(20), enough).await.expect("somebody settles within 20 s");
    }

    fn there(&self) -> Result<(), OutboxError> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(OutboxError::Unavailable("told to be".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Outbox for Failing {
    async fn enqueue(&self, mails: &[NewMail]) -> Result<(), OutboxError> {
        self.inner.enqueue(mails).await
    }

    async fn claim(&self, now: DateTime<Utc>, limit: u32, lease: Duration) -> Result<Vec<Claimed>, OutboxError> {
        self.there()?;
        self.inner.claim(now, limit, lease).await
    }

    async fn settle(&self, now: DateTime<Utc>, settlements: &[Settlement]) -> Result<(), OutboxError> {
        self.settles.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.there()?;
        if self.unmarked.load(Ordering::SeqCst) {
            return Err(OutboxError::Refused("told to".into()));
        }
        self.inner.settle(now, settlements).await
    }

    async fn withdraw(&self, now: DateTime<Utc>, comments: &[Uuid]) -> Result<u64, OutboxError> {
        self.inner.withdraw(now, comments).await
    }

    async fn depth(&self) -> Result<Depth, OutboxError> {
        self.inner.depth().await
    }

    async fn sent(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<(Uuid, Uuid)>, OutboxError> {
        self.inner.sent(after, limit).await
    }

    async fn purge(&self, settled_before: DateTime<Utc>, limit: u32) -> Result<u64, OutboxError> {
        self.inner.purge(settled_before, limit).await
    }
}
