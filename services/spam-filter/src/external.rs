//! A check outside of this house, as one more signal: another service is shown the comment, and says what it thinks.
//!
//! It is asked for a batch at once, within a time, and left alone for a while when it does not answer ([`Breaker`]). A
//! comment about which it could not be asked is held, never published unchecked; [`Recheck`] asks again later, and the
//! comment is screened a second time.

mod breaker;
mod recheck;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use rejoinder_proto::{
    millis,
    v1::{self, Comment, Verdict},
};
use tokio::time::{Instant, timeout_at};

pub use breaker::{Breaker, BreakerTerms};
pub use recheck::{Awaiting, Recheck};

use crate::{Signal, signals::name};

/// Somebody else who judges comments.
#[async_trait]
pub trait ExternalCheck: Send + Sync {
    /// What it thinks. `again` when it is asked about the same comment a second time. The time that an answer may take is
    /// its own to keep.
    async fn ask(&self, comment: &Comment, again: bool) -> Result<Opinion, Unanswered>;
}

/// What the other thinks of a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    /// Nothing against it.
    Ham,
    /// A person should look at it.
    Review,
    /// Spam.
    Spam,
    /// Spam so plain that it need not be kept.
    Discard,
}

/// Why there is no opinion. In every case the comment is held, and asked about again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// No answer, no sensible one, or none in time.
    #[error("it is away: {0}")]
    Away(String),
    /// It will not answer us: a wrong key above all.
    #[error("it refuses: {0}")]
    Refused(String),
    /// It does not know yet, and wants to be asked later.
    #[error("it wants to be asked again later")]
    Later,
    /// It was not asked, since it did not answer lately.
    #[error("it is not asked for now, since it did not answer lately")]
    Open,
}

/// How much an opinion weighs, and how the other is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Points for [`Opinion::Review`].
    pub review_weight: f64,
    /// Points for [`Opinion::Spam`].
    pub spam_weight: f64,
    /// Points for [`Opinion::Discard`].
    pub discard_weight: f64,
    /// How many questions may be open at once.
    pub concurrency: usize,
    /// How long all the questions of a batch may take; about the others it could not be asked.
    pub batch: Duration,
    /// When it is left alone.
    pub breaker: BreakerTerms,
    /// How often it is asked again about what is held for it.
    pub recheck: Duration,
}

/// How long a comment that is held may take to be found in the store; what takes longer is found by a sweep.
const GRACE: Duration = Duration::from_secs(60);

/// What this process knows to be held for the check.
#[derive(Clone, Copy)]
struct Waiting {
    /// When the oldest of it was submitted, in milliseconds since 1970.
    oldest: i64,
    /// When the last of it was held.
    last: Instant,
}

/// A site's external check.
pub struct External {
    check: Arc<dyn ExternalCheck>,
    terms: Terms,
    site: String,
    breaker: Mutex<Breaker>,
    waiting: Mutex<Option<Waiting>>,
}

impl External {
    /// A check of `site`, on these terms.
    pub fn new(site: &str, check: Arc<dyn ExternalCheck>, terms: Terms) -> Self {
        let breaker = Mutex::new(Breaker::new(terms.breaker));
        Self { check, terms, site: site.to_owned(), breaker, waiting: Mutex::new(None) }
    }

    /// Asks, unless it is left alone at this moment.
    pub async fn ask(&self, comment: &Comment, again: bool) -> Result<Opinion, Unanswered> {
        if !self.breaker().admits(Instant::now()) {
            return Err(Unanswered::Open);
        }
        let answer = self.check.ask(comment, again).await;
        let failed = matches!(answer, Err(Unanswered::Away(_) | Unanswered::Refused(_)));
        let changed = self.breaker().record(failed, Instant::now());
        match &answer {
            _ if !changed => {}
            Ok(_) | Err(Unanswered::Later) => tracing::info!(site = self.site, "the external check answers again"),
            Err(error) => {
                tracing::warn!(site = self.site, %error, "the external check is left alone, comments are held for it");
            }
        }
        answer
    }

    /// What it says about each comment, in their order; `None` where it has nothing against it.
    async fn signals(&self, comments: &[&Comment]) -> Vec<Option<Signal>> {
        let late = || Err(Unanswered::Away("no time was left in this batch".to_owned()));
        let mut answers: Vec<_> = comments.iter().map(|_| late()).collect();
        let questions = comments.iter().enumerate();
        let questions: Vec<BoxFuture<'_, _>> =
            questions.map(|(at, &comment)| async move { (at, self.ask(comment, false).await) }.boxed()).collect();
        let mut asking = stream::iter(questions).buffer_unordered(self.terms.concurrency.max(1));
        let deadline = Instant::now() + self.terms.batch;
        while let Ok(Some((at, answer))) = timeout_at(deadline, asking.next()).await {
            answers[at] = answer;
        }
        drop(asking);
        let signals = answers.iter().zip(comments).map(|(answer, comment)| {
            if answer.is_err() {
                self.note(millis(comment.submitted_at.as_ref()));
            }
            self.signal(answer)
        });
        signals.collect()
    }

    /// What an answer adds to a verdict.
    pub fn signal(&self, answer: &Result<Opinion, Unanswered>) -> Option<Signal> {
        let (weight, reason) = match answer {
            Ok(Opinion::Ham) => return None,
            Ok(Opinion::Review) => (self.terms.review_weight, "the external check would have a person look at it"),
            Ok(Opinion::Spam) => (self.terms.spam_weight, "the external check says that it is spam"),
            Ok(Opinion::Discard) => (self.terms.discard_weight, "the external check says that it is plainly spam"),
            Err(Unanswered::Later) => return Some(pending("the external check has not made up its mind yet")),
            Err(_) => return Some(pending("the external check could not be asked yet")),
        };
        super::signals::hint(name::EXTERNAL_CHECK, weight, || reason.to_owned())
    }

    /// Remembers that a comment that was submitted then waits.
    fn note(&self, submitted_at: i64) {
        let mut waiting = self.waiting();
        let oldest = waiting.map_or(submitted_at, |known| known.oldest.min(submitted_at));
        *waiting = Some(Waiting { oldest, last: Instant::now() });
    }

    /// When the oldest comment was submitted that may wait; `None` when this process knows of none.
    fn oldest(&self) -> Option<i64> {
        self.waiting().map(|waiting| waiting.oldest)
    }

    /// Everything known has been asked about.
    fn settle(&self) {
        self.waiting().take_if(|waiting| waiting.last.elapsed() > GRACE);
    }

    /// Whether a question would not be put now.
    fn is_left_alone(&self) -> bool {
        self.breaker().is_open(Instant::now())
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signal of a comment about which the check is to be asked again. It is the only one of its name that demands a hold.
fn pending(reason: &str) -> Signal {
    let (name, reason) = (name::EXTERNAL_CHECK, format!("{reason}; it will be asked again"));
    Signal { name, weight: 0.0, reason, at_least: Verdict::Hold }
}

/// Whether a signal says that the external check is still to be asked.
pub fn is_pending(signal: &v1::Signal) -> bool {
    signal.name == name::EXTERNAL_CHECK && signal.at_least() == Verdict::Hold
}

/// The external checks by site; a site that is not in it has none.
pub type Externals = HashMap<String, Arc<External>>;

/// What the sites' checks say about the comments of a batch, in their order; a place without a comment is not asked about.
pub(crate) async fn signals(externals: &Externals, comments: &[Option<&Comment>]) -> Vec<Option<Signal>> {
    let mut by_site: HashMap<&str, (Vec<usize>, Vec<&Comment>)> = HashMap::new();
    for (at, comment) in comments.iter().enumerate() {
        if let Some(comment) = comment.filter(|comment| externals.contains_key(&comment.site)) {
            let (places, asked) = by_site.entry(&comment.site).or_default();
            places.push(at);
            asked.push(comment);
        }
    }
    let asking = by_site.into_iter().filter_map(|(site, (places, asked))| {
        let external = externals.get(site)?;
        Some(async move { places.into_iter().zip(external.signals(&asked).await).collect::<Vec<_>>() }.boxed())
    });
    let asking: Vec<BoxFuture<'_, _>> = asking.collect();
    let mut signals = vec![None; comments.len()];
    for (at, signal) in futures::future::join_all(asking).await.into_iter().flatten() {
        signals[at] = signal;
    }
    signals
}
