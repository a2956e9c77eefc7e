//! Asks again about what is held for an external check.

use std::{collections::HashSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use rejoinder_pipeline::{Publisher, Record, Stage, Transient};
use rejoinder_proto::{millis, now, trace, v1::CommentScreened};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{External, is_pending};
use crate::{Rules, Signal, SpamFilter, screen::judge_again};

/// How far back what waits is looked for: about an older comment a person decides.
const REACH: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often everything within reach is looked through: finds what another worker held before it ended.
const SWEEP: Duration = Duration::from_secs(3600);

/// Where the comments stand that are held for an external check.
#[async_trait]
pub trait Awaiting: Send + Sync {
    /// Every comment of the site that was submitted at `from` (milliseconds since 1970) or later, about which nobody has
    /// decided, and whose last screening holds it for the check: one of its signals [`is_pending`].
    async fn awaiting(&self, site: &str, from: i64) -> Result<Vec<CommentScreened>, Transient>;
}

/// Asks one site's check again, again and again. What waits is found in the store, so a restart forgets nothing.
pub struct Recheck {
    external: Arc<External>,
    rules: Rules,
    store: Arc<dyn Awaiting>,
    publisher: Arc<dyn Publisher>,
    swept: Option<Instant>,
    /// Which comments were screened again since the last sweep: the store may not have heard of it yet.
    done: HashSet<String>,
}

impl Recheck {
    /// For the site of `external`, whose policy is `rules`.
    pub fn new(external: Arc<External>, rules: Rules, store: Arc<dyn Awaiting>, publisher: Arc<dyn Publisher>) -> Self {
        Self { external, rules, store, publisher, swept: None, done: HashSet::new() }
    }

    /// A round every [`super::Terms::recheck`], until `stop`; the first at once.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            match self.round().await {
                Ok(0) => {}
                Ok(comments) => {
                    tracing::info!(site = self.external.site, comments, "asked the external check again");
                }
                Err(error) => tracing::warn!(
                    site = self.external.site,
                    error = &error as &dyn std::error::Error,
                    "what waits for the external check cannot be looked through, trying again"
                ),
            }
            let pause = tokio::time::sleep(self.external.terms.recheck);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// Asks about everything that waits; how many comments were screened again.
    pub async fn round(&mut self) -> Result<usize, Transient> {
        if self.external.is_left_alone() {
            return Ok(0);
        }
        let sweep = self.swept.is_none_or(|at| at.elapsed() >= SWEEP);
        let reach = || millis(Some(&now())).saturating_sub(REACH.as_millis() as i64);
        let Some(from) = (if sweep { Some(reach()) } else { self.external.oldest() }) else { return Ok(0) };
        let waiting = self.store.awaiting(&self.external.site, from).await?;
        if sweep {
            self.swept = Some(Instant::now());
            self.done.clear();
        }
        let asked = waiting.into_iter().filter(|screened| !self.done.contains(id(screened)));
        let asked: Vec<BoxFuture<'_, _>> = asked.map(|screened| self.again(screened).boxed()).collect();
        let ends: Vec<End> =
            stream::iter(asked).buffer_unordered(self.external.terms.concurrency.max(1)).collect().await;
        let mut all = true;
        let before = self.done.len();
        for end in ends {
            match end {
                End::Screened(id) => drop(self.done.insert(id)),
                End::Waits(submitted_at) => {
                    self.external.note(submitted_at);
                    all = false;
                }
            }
        }
        if all {
            self.external.settle();
        }
        Ok(self.done.len() - before)
    }

    async fn again(&self, screened: CommentScreened) -> End {
        let Some(comment) = &screened.comment else { return End::Screened(String::new()) };
        let (id, submitted_at) = (comment.id.clone(), millis(comment.submitted_at.as_ref()));
        let answer = self.external.ask(comment, true).await;
        if answer.is_err() {
            return End::Waits(submitted_at);
        }
        let second = rescreen(screened, self.external.signal(&answer), &self.rules);
        let record = Record::of(&second, SpamFilter::NAME, &trace::new_traceparent());
        match self.publisher.append(record).await {
            Ok(_) => End::Screened(id),
            Err(error) => {
                tracing::warn!(id, %error, "a second screening was not taken, trying again");
                End::Waits(submitted_at)
            }
        }
    }
}

/// What became of a comment in a round.
enum End {
    /// Screened again; its id.
    Screened(String),
    /// When it was submitted.
    Waits(i64),
}

fn id(screened: &CommentScreened) -> &str {
    screened.comment.as_ref().map_or("", |comment| &comment.id)
}

/// The screening that follows when the check has been asked at last: its signal takes the place of the one that held the
/// comment; everything else stands as it was seen then, and is judged by the policy in force.
pub(crate) fn rescreen(mut screened: CommentScreened, signal: Option<Signal>, rules: &Rules) -> CommentScreened {
    screened.signals.retain(|known| !is_pending(known));
    screened.signals.extend(signal.map(Into::into));
    judge_again(screened, rules)
}
