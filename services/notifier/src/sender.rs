//! Takes what is owed from the outbox and hands it to the mailer.

mod decide;
mod hold;
mod one;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use rejoinder_pipeline::{Live, Transient, health::Health};
use rejoinder_proto::token::TokenKeys;
use tokio::{
    sync::{Notify, Semaphore},
    task::{JoinError, JoinSet},
    time::{sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    decide::{after_failure, before_sending, time},
    hold::Hold,
    one::{Ended, Unsent},
};
use crate::{
    Claim, Claimed, Comments, Fate, Mailer, Outbox, Policy, Settings, Settlement, Standing, dkim::Signer,
    metrics::Metrics, settings::seconds,
};

/// Rows claimed ahead for each mail under way, so that no connection waits for the outbox.
const AHEAD: usize = 16;
/// How long a stopping sender waits for mails that are under way; an orchestrator's usual patience is 30 s.
const FAREWELL: Duration = Duration::from_secs(20);
/// How often the outbox is counted, and how often it is swept.
const COUNT_EVERY: Duration = Duration::from_secs(15);
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const SWEEP_ROWS: u32 = 10_000;

/// Sends the mails of an outbox. Any number may run on one outbox.
pub struct Sender(Parts);

struct Parts {
    settings: Settings,
    sites: Live<HashMap<String, Policy>>,
    keys: TokenKeys,
    outbox: Arc<dyn Outbox>,
    comments: Arc<dyn Comments>,
    mailer: Mailer,
    signer: Option<Signer>,
    wake: Arc<Notify>,
    slots: Semaphore,
    metrics: Metrics,
}

impl Sender {
    /// `wake` is shared with the stage when it runs in the same process.
    pub fn new(
        settings: Settings,
        sites: impl Into<Live<HashMap<String, Policy>>>,
        keys: TokenKeys,
        outbox: Arc<dyn Outbox>,
        comments: Arc<dyn Comments>,
        mailer: Mailer,
        wake: Arc<Notify>,
    ) -> Self {
        let (sites, slots) = (sites.into(), Semaphore::new(mailer.width()));
        let (signer, metrics) = (None, Metrics::new());
        Self(Parts { settings, sites, keys, outbox, comments, mailer, signer, wake, slots, metrics })
    }

    /// The same, with a signature on every mail.
    pub fn signed(mut self, signer: Option<Signer>) -> Self {
        self.0.signer = signer;
        self
    }

    /// Sends until `stop`, then finishes what is under way. Its part of the health is called `mail`.
    pub async fn run(self, stop: CancellationToken, health: Arc<Health>) {
        let mut work = Work {
            hold: Hold::new(health),
            flight: JoinSet::new(),
            more: true,
            soon: None,
            counted: None,
            swept: None,
            stop,
            parts: Arc::new(self.0),
        };
        work.until_stopped().await;
        work.finish().await;
    }
}

struct Work {
    parts: Arc<Parts>,
    hold: Hold,
    flight: JoinSet<Ended>,
    /// The last claim was full: there is probably more.
    more: bool,
    /// When the next row that was put back is due.
    soon: Option<Instant>,
    counted: Option<Instant>,
    swept: Option<Instant>,
    stop: CancellationToken,
}

impl Work {
    async fn until_stopped(&mut self) {
        let (stop, parts) = (self.stop.clone(), self.parts.clone());
        let ahead = parts.mailer.width() * AHEAD;
        while !stop.is_cancelled() {
            let turn = parts.turn(self.hold.until(), self.more, self.soon);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(ended) = self.flight.join_next(), if !self.flight.is_empty() => self.collect(ended).await,
                // Claimed by the half, because a claim costs as much for one row as for many.
                () = turn, if self.flight.len() <= ahead / 2 => {
                    if self.mailer_answers().await {
                        self.claim(ahead - self.flight.len()).await;
                    }
                    self.maintain().await;
                }
            }
        }
    }

    /// While the mailer is out nothing is claimed; a probe finds out when it is back.
    async fn mailer_answers(&mut self) -> bool {
        let dependency = self.parts.mailer.dependency();
        if self.hold.dependency() != Some(dependency) {
            return true;
        }
        let began = Instant::now();
        match self.parts.mailer.probe().await {
            Ok(()) => self.hold.answers(dependency),
            Err(failure) => self.hold.failed(dependency, began, &failure),
        }
        self.hold.dependency().is_none()
    }

    async fn claim(&mut self, room: usize) {
        let parts = self.parts.clone();
        let (began, now) = (Instant::now(), Utc::now());
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let claimed = match parts.outbox.claim(now, limit, time(parts.settings.lease_seconds)).await {
            Ok(claimed) => claimed,
            Err(error) => return self.hold.failed("database", began, &error),
        };
        self.hold.works("database");
        self.more = claimed.len() == room;
        self.soon = self.soon.filter(|soon| *soon > began);
        if claimed.is_empty() {
            return;
        }
        let standings = match parts.standings(&claimed).await {
            Ok(standings) => standings,
            Err(error) => {
                self.hold.failed(error.dependency, began, &error);
                let put = |claimed: &Claimed| (claimed.claim, Fate::Put { at: now, reason: "no_comments" });
                return self.settle(claimed.iter().map(put).collect()).await;
            }
        };
        if let Some(other) = self.hold.dependency().filter(|other| *other != parts.mailer.dependency()) {
            self.hold.works(other);
        }
        let mut settled = Vec::new();
        for claimed in claimed {
            let standing = standings.get(&claimed.mail.comment).copied().unwrap_or(Standing::Unknown);
            match before_sending(&claimed, standing, now, &parts.settings) {
                Some(fate) => settled.push((claimed.claim, fate)),
                None => {
                    self.flight.spawn(parts.clone().send(claimed, self.stop.clone()));
                }
            }
        }
        self.settle(settled).await;
    }

    /// Notes how mails ended: this one, and all others that have ended meanwhile.
    async fn collect(&mut self, first: Result<Ended, JoinError>) {
        let mut settled = Vec::new();
        let mut next = Some(first);
        while let Some(joined) = next {
            match joined {
                Ok(ended) => settled.push(self.conclude(ended)),
                // Its claim runs out, and it is tried again until its attempts are used up.
                Err(error) => tracing::error!(%error, "writing a mail failed unexpectedly"),
            }
            next = self.flight.try_join_next();
        }
        self.settle(settled).await;
    }

    fn conclude(&mut self, ended: Ended) -> (Claim, Fate) {
        let Ended { claim, attempt, comment, began, result } = ended;
        let dependency = self.parts.mailer.dependency();
        let fate = match result {
            Ok(()) => {
                self.hold.works(dependency);
                Fate::Sent
            }
            Err(Unsent::Fate(fate)) => fate,
            Err(Unsent::Mailer(failure)) => {
                let spread = rand::random_range(-1.0..=1.0);
                let (fate, out) = after_failure(&failure, attempt, Utc::now(), &self.parts.settings, spread);
                if out {
                    self.hold.failed(dependency, began, &failure);
                } else {
                    self.hold.works(dependency);
                }
                fate
            }
        };
        match &fate {
            Fate::Retry { error, at } => tracing::info!(%comment, attempt, error, %at, "a mail is tried again later"),
            Fate::Failed { error } => tracing::warn!(%comment, attempt, error, "a mail is given up"),
            Fate::Sent | Fate::Put { .. } | Fate::Skipped { .. } => {}
        }
        (claim, fate)
    }

    /// Writes what happened, however long it takes: claiming more before that would send mails twice.
    async fn settle(&mut self, settled: Vec<(Claim, Fate)>) {
        if settled.is_empty() {
            return;
        }
        let settlements: Vec<_> = settled.into_iter().map(|(claim, fate)| Settlement { claim, fate }).collect();
        loop {
            let began = Instant::now();
            match self.parts.outbox.settle(Utc::now(), &settlements).await {
                Ok(()) => break,
                Err(error) => self.hold.failed("database", began, &error),
            }
            let until = self.hold.until().unwrap_or(began);
            tokio::select! {
                () = sleep_until(until.into()) => {}
                () = self.stop.cancelled() => {
                    tracing::error!(mails = settlements.len(), "stopped without marking mails; sent ones may go out again");
                    return;
                }
            }
        }
        let now = Utc::now();
        for Settlement { fate, .. } in &settlements {
            self.parts.metrics.settled(fate);
            if let Fate::Put { at, .. } | Fate::Retry { at, .. } = fate {
                let due = Instant::now() + (*at - now).to_std().unwrap_or_default();
                self.soon = Some(self.soon.map_or(due, |soon| soon.min(due)));
            }
        }
    }

    /// Counts and sweeps now and then. Neither is worth waiting for.
    async fn maintain(&mut self) {
        self.parts.mailer.close_idle(false).await;
        let due = |last: Option<Instant>, every: Duration| last.is_none_or(|last| last.elapsed() >= every);
        if due(self.counted, COUNT_EVERY) {
            self.counted = Some(Instant::now());
            match self.parts.outbox.depth().await {
                Ok(depth) => self.parts.metrics.depth(&depth),
                Err(error) => tracing::debug!(%error, "the outbox was not counted"),
            }
        }
        if due(self.swept, SWEEP_EVERY) {
            self.swept = Some(Instant::now());
            let before = Utc::now() - chrono::Duration::days(i64::from(self.parts.settings.keep_days));
            if let Err(error) = self.parts.outbox.purge(before, SWEEP_ROWS).await {
                tracing::debug!(%error, "the outbox was not swept");
            }
        }
    }

    async fn finish(mut self) {
        let last = timeout(FAREWELL, async {
            while let Some(ended) = self.flight.join_next().await {
                self.collect(ended).await;
            }
        });
        if last.await.is_err() {
            tracing::warn!("stopped with mails under way; they may go out again");
        }
        self.parts.mailer.close_idle(true).await;
        self.hold.stopped();
    }
}

impl Parts {
    /// Returns when it is time to look into the outbox.
    async fn turn(&self, until: Option<Instant>, more: bool, soon: Option<Instant>) {
        let poll = Instant::now() + seconds(self.settings.poll_seconds);
        match until {
            Some(until) => sleep_until(until.into()).await,
            None if more => {}
            None => tokio::select! {
                () = self.wake.notified() => {}
                () = sleep_until(soon.map_or(poll, |soon| soon.min(poll)).into()) => {}
            },
        }
    }

    async fn standings(&self, claimed: &[Claimed]) -> Result<HashMap<Uuid, Standing>, Transient> {
        let mut ids: Vec<_> = claimed.iter().map(|claimed| claimed.mail.comment).collect();
        ids.sort_unstable();
        ids.dedup();
        let standings = self.comments.standing(&ids).await?;
        Ok(ids.into_iter().zip(standings).collect())
    }
}
