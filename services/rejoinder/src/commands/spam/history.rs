//! Stored comments as they came, what moderators had decided by then, and a filter that judges the one and learns the other.

use std::{collections::VecDeque, sync::Arc};

use anyhow::{Context, Result};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rejoinder_comment_store::inspect::{Inspect, ScreenedComment};
use rejoinder_pipeline::Transient;
use rejoinder_proto::v1::{CommentScreened, Signal, Verdict};
use rejoinder_spam_filter::{
    Decisions, Follower, Minds, Policy, Reading, Rules, Taught, author_then,
    model::{Features, Model},
    screen_again,
};

use super::PAGE;

/// So many signals of a comment are named.
const TOP: usize = 3;

/// The stored comments of a site, from a time on, the oldest first.
pub struct Comments {
    store: Arc<dyn Inspect>,
    site: String,
    from: DateTime<Utc>,
    after: Option<(DateTime<Utc>, uuid::Uuid)>,
}

/// A stored comment.
pub struct Past {
    /// As the store has it.
    pub comment: ScreenedComment,
    /// Whether its author was known when it came: by its last screening, or else by whether an earlier comment of theirs can
    /// be seen today.
    pub author_known: bool,
}

impl Comments {
    /// Those of a site that were submitted at `from` or later.
    pub fn since(store: Arc<dyn Inspect>, site: &str, from: DateTime<Utc>) -> Self {
        Self { store, site: site.to_owned(), from, after: None }
    }

    /// The next page; an empty one at the end.
    pub async fn next(&mut self) -> Result<Vec<Past>> {
        let page =
            self.store.stored_since(&self.site, self.from, self.after, PAGE).await.context("the comment store")?;
        let Some(last) = page.last() else { return Ok(Vec::new()) };
        self.after = Some((last.submitted_at, last.id));
        let asked = page.iter().filter(|comment| author_then(&comment.screened).is_none());
        let asked: Vec<_> = asked.map(|comment| self.author(comment)).collect();
        let mut answers = self.store.approved_before(&asked).await.context("the comment store")?.into_iter();
        let past = page.into_iter().map(|comment| {
            let author_known = author_then(&comment.screened).or_else(|| answers.next()).unwrap_or(false);
            Past { comment, author_known }
        });
        Ok(past.collect())
    }

    fn author(&self, comment: &ScreenedComment) -> (String, String, String, DateTime<Utc>) {
        let author = comment.screened.comment.as_ref().and_then(|comment| comment.author.clone()).unwrap_or_default();
        (self.site.clone(), author.name, author.email, comment.submitted_at)
    }
}

/// The decision log of a site, read as far as it had come at a time.
pub struct Log {
    decisions: Box<dyn Decisions>,
    site: String,
    seq: i64,
    waiting: VecDeque<Taught>,
    ended: bool,
}

/// Rows of the decision log.
pub struct Rows(Vec<Taught>);

impl Log {
    /// From its beginning.
    pub fn of(decisions: impl Decisions + 'static, site: &str) -> Self {
        let decisions = Box::new(decisions);
        Self { decisions, site: site.to_owned(), seq: 0, waiting: VecDeque::new(), ended: false }
    }

    /// The next rows that were decided before `time`; `None` when there are no more. One that was decided later holds up those
    /// behind it, which come at most as much later as moderators' clocks differ.
    pub async fn before(&mut self, time: DateTime<Utc>) -> Result<Option<Rows>> {
        while self.waiting.is_empty() && !self.ended {
            let page = self.decisions.decisions_after(self.seq, PAGE).await.context("the decision log")?;
            self.seq = page.last().map_or(self.seq, |last| last.seq);
            self.ended = page.is_empty();
            self.waiting.extend(page.into_iter().filter(|taught| taught.site == self.site));
        }
        let time = time.timestamp_micros();
        let due = self.waiting.iter().take_while(|taught| taught.decided_at < time).count();
        Ok((due > 0).then(|| Rows(self.waiting.drain(..due).collect())))
    }
}

#[async_trait]
impl Decisions for Rows {
    async fn decisions_after(&self, seq: i64, limit: u32) -> Result<Vec<Taught>, Transient> {
        Ok(self.0.iter().filter(|row| row.seq > seq).take(limit as usize).cloned().collect())
    }
}

/// A site's policy and a model, which learns.
pub struct Filter {
    rules: Rules,
    minds: Minds,
    follower: Follower,
    features: Features,
}

impl Filter {
    /// One that knows no decision yet.
    pub fn new(policy: Policy, model: Arc<Model>) -> Result<Self> {
        let (minds, follower) = (Minds::new(model), Follower::default());
        Ok(Self { rules: Rules::new(policy)?, minds, follower, features: Features::default() })
    }

    /// Learns the next decisions.
    pub async fn learn(&mut self, rows: &Rows) -> Result<()> {
        Ok(self.minds.catch_up(&mut self.follower, rows).await?)
    }

    /// Screens a comment again; `reading` is of the same comment.
    pub fn judge(&mut self, past: &Past, reading: &Reading<'_>) -> Option<CommentScreened> {
        let screened = &past.comment.screened;
        let comment = screened.comment.as_ref()?;
        let model = self.minds.opinion(comment, reading, &mut self.features, self.rules.policy());
        screen_again(screened, reading, Some(model), Some(past.author_known), &self.rules)
    }
}

/// The strongest signals that say anything, with their points. Their reasons are left out, since they name domains.
pub fn top(screened: &CommentScreened) -> impl Iterator<Item = &Signal> {
    let says = |signal: &&Signal| signal.weight != 0.0 || signal.at_least() > Verdict::Approve;
    screened.signals.iter().filter(says).take(TOP)
}

/// [`top`] in a line.
pub fn top_line(screened: &CommentScreened) -> String {
    let signals = top(screened).map(|signal| format!("{:+.2} {}", signal.weight, signal.name));
    signals.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use rejoinder_spam_filter::Lesson;

    use super::*;

    /// The times of the decisions that come before a time.
    async fn before(log: &mut Log, micros: i64) -> Vec<i64> {
        let time = DateTime::from_timestamp_micros(micros).expect("a time");
        let mut times = Vec::new();
        while let Some(rows) = log.before(time).await.expect("a log in memory") {
            times.extend(rows.0.iter().map(|row| row.decided_at));
        }
        times
    }

    #[tokio::test]
    async fn a_site_is_told_of_its_own_decisions_and_of_none_before_its_time() {
        let row = |seq: i64| {
            let site = if seq % 2 == 0 { "news" } else { "other" };
            let (id, moderator) = (format!("c{seq}"), "ed".to_owned());
            Taught { seq, site: site.into(), id, lesson: Lesson::Trash, moderator, decided_at: seq * 10 }
        };
        let all = i64::from(PAGE) * 2 + 2;
        let mut log = Log::of(Rows((1..=all).map(row).collect()), "news");
        assert_eq!(before(&mut log, 20).await, [] as [i64; 0], "at its time is not before it");
        assert_eq!(before(&mut log, 21).await, [20]);
        assert_eq!(before(&mut log, 65).await, [40, 60]);
        let rest = before(&mut log, i64::from(i32::MAX)).await;
        assert_eq!((rest.len() as i64, rest.last()), (all / 2 - 3, Some(&(all * 10))));
        assert!(before(&mut log, i64::from(i32::MAX)).await.is_empty());
    }
}
