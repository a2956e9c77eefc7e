//! What waits follows the moderators' decisions, without a person.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use rejoinder_pipeline::{Publisher, Record, Stage, Transient};
use rejoinder_proto::{
    trace,
    v1::{CommentScreened, Signal, Verdict},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Campaigns, Sample, Seen};
use crate::{
    Decisions, Lesson, Policy, PolicyError, Rules, SpamFilter,
    screen::judge_again,
    signals::{self, name},
};

/// How long to wait between two rounds, and up to as much again: so of several processes one is mostly first, and the
/// others hear of what it did.
const PAUSE: Duration = Duration::from_secs(1);
/// So many rows of the decision log are read at once.
const ROWS: u32 = 500;
/// So many comments are looked up in the store at once.
const TOGETHER: usize = 1_000;
/// So many second screenings are on their way at once.
const ON_THEIR_WAY: usize = 64;
/// After so many rounds a comment that the store does not have waiting is not looked for any more: it was refused as a
/// duplicate, or went another way.
const ROUNDS: u8 = 60;

/// The members of campaigns, as the store has them.
#[async_trait]
pub trait Members: Send + Sync {
    /// The last screening of each of these comments of a site that waits there for a person, and about which nobody has
    /// decided. With each id, in their order, comes when it was submitted, in milliseconds since 1970.
    async fn waiting(
        &self,
        site: &str,
        campaign: Uuid,
        members: &[(Uuid, i64)],
    ) -> Result<Vec<CommentScreened>, Transient>;
}

/// Tells [`Campaigns`] what moderators decide, and screens again what waits in a campaign that they have settled.
///
/// Every process may do so: a second screening follows from the first one and the campaign, and one that comes twice is
/// one.
pub struct Following {
    campaigns: Arc<Campaigns>,
    rules: HashMap<String, Rules>,
    decisions: Arc<dyn Decisions>,
    members: Arc<dyn Members>,
    publisher: Arc<dyn Publisher>,
    /// The last row of the decision log that was read.
    seq: i64,
    /// In how many rounds a comment was looked for in vain.
    missed: HashMap<Uuid, u8>,
}

impl Following {
    /// For these sites, or what is wrong with the policy of one of them.
    pub fn new(
        policies: &HashMap<String, Policy>,
        campaigns: Arc<Campaigns>,
        decisions: Arc<dyn Decisions>,
        members: Arc<dyn Members>,
        publisher: Arc<dyn Publisher>,
    ) -> Result<Self, PolicyError> {
        let rules = policies.iter().map(|(site, policy)| Ok((site.clone(), Rules::new(policy.clone())?)));
        let rules = rules.collect::<Result<_, PolicyError>>()?;
        Ok(Self { campaigns, rules, decisions, members, publisher, seq: 0, missed: HashMap::new() })
    }

    /// Round after round, until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            match self.round().await {
                Ok(0) => {}
                Ok(comments) => tracing::info!(comments, "what waited has followed moderators' decisions"),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "moderators' decisions cannot be followed, trying again"
                ),
            }
            let more = RandomState::new().build_hasher().finish() % PAUSE.as_millis() as u64;
            let pause = tokio::time::sleep(PAUSE + Duration::from_millis(more));
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// Learns the decisions that came, and screens again what follows from them; how many comments that were.
    pub async fn round(&mut self) -> Result<usize, Transient> {
        self.learn().await?;
        let settled = |(site, rules): (&String, &Rules)| {
            let enough = rules.policy().campaign_decisions;
            let index = self.campaigns.lock();
            let campaigns = if enough == 0 { Vec::new() } else { index.settled(site, enough) };
            let waiting = |campaign| (campaign, site.clone(), index.waiting(campaign, site));
            campaigns.into_iter().map(waiting).collect::<Vec<_>>()
        };
        let settled: Vec<_> = self.rules.iter().flat_map(settled).collect();
        self.missed.retain(|id, _| settled.iter().any(|(.., waiting)| waiting.iter().any(|(other, _)| other == id)));
        let mut done = 0;
        for (campaign, site, waiting) in settled {
            for part in waiting.chunks(TOGETHER) {
                done += self.screen_again(campaign, &site, part).await?;
            }
        }
        Ok(done)
    }

    async fn learn(&mut self) -> Result<(), Transient> {
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
                return Ok(());
            }
        }
    }

    async fn screen_again(&mut self, campaign: Uuid, site: &str, waiting: &[(Uuid, i64)]) -> Result<usize, Transient> {
        let Some(rules) = self.rules.get(site) else { return Ok(0) };
        let found = self.members.waiting(site, campaign, waiting).await?;
        let second = |screened: CommentScreened| {
            let id = Uuid::parse_str(&screened.comment.as_ref()?.id).ok()?;
            let seen = self.campaigns.lock().look_up(id);
            Some((id, rescreen(screened, &seen, rules)?))
        };
        let publisher = &self.publisher;
        let sent = found.into_iter().filter_map(second).map(|(id, second)| async move {
            let record = Record::of(&second, SpamFilter::NAME, &trace::new_traceparent());
            (id, second.revision, publisher.append(record).await)
        });
        let sent: Vec<_> = stream::iter(sent).buffer_unordered(ON_THEIR_WAY).collect().await;
        let mut done = 0;
        for (id, revision, appended) in sent {
            match appended {
                Ok(_) => {
                    // The log says so too, a moment later.
                    self.campaigns.lock().hear(id, revision, false);
                    done += 1;
                }
                Err(error) => tracing::warn!(%id, %error, "a second screening was not taken, trying again"),
            }
        }
        self.miss(campaign, site, waiting);
        Ok(done)
    }

    /// Counts the rounds in which comments were looked for in vain.
    fn miss(&mut self, campaign: Uuid, site: &str, waiting: &[(Uuid, i64)]) {
        let mut index = self.campaigns.lock();
        for (id, _) in index.waiting(campaign, site).into_iter().filter(|member| waiting.contains(member)) {
            let rounds = self.missed.entry(id).or_insert(0);
            *rounds += 1;
            if *rounds >= ROUNDS {
                index.hear(id, i32::MAX, false);
            }
        }
    }
}

/// The screening of a comment by what its campaign has come to; `None` when it is not settled.
fn rescreen(mut screened: CommentScreened, seen: &Seen, rules: &Rules) -> Option<CommentScreened> {
    let decided = signals::campaign::decided(seen, rules.policy())?;
    let campaign = signals::campaign::campaign(screened.comment.as_ref()?, seen, rules.policy());
    screened.signals.retain(is_other);
    screened.signals.extend(campaign.into_iter().chain([decided]).map(Signal::from));
    screened.campaign = seen.campaign.as_ref().map_or_else(String::new, |campaign| campaign.id.to_string());
    Some(judge_again(screened, rules))
}

/// The screening of a comment as it would be without its campaign, to which it belongs by name as before. The author's
/// standing is asked anew, since it is none where the campaign alone made spam; see [`crate::Facts::previously_approved`].
pub fn without_campaign(
    mut screened: CommentScreened,
    previously_approved: Option<bool>,
    rules: &Rules,
) -> CommentScreened {
    screened.signals.retain(|signal| {
        is_other(signal) && ![name::FIRST_TIME_AUTHOR, name::PRE_MODERATION].contains(&signal.name.as_str())
    });
    let weighed = judge_again(screened.clone(), rules);
    if weighed.verdict() != Verdict::Spam
        && let Some(comment) = &screened.comment
    {
        let standing = signals::standing(comment, previously_approved, rules.policy());
        screened.signals.extend(standing.map(Signal::from));
    }
    judge_again(screened, rules)
}

/// Whether a signal says nothing about what others wrote.
fn is_other(signal: &Signal) -> bool {
    ![name::CAMPAIGN, name::CAMPAIGN_DECIDED, name::REPEATED_TEXT].contains(&signal.name.as_str())
}
