//! What waits follows the moderators' decisions, without a person.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use rejoinder_pipeline::{Live, Publisher, Record, Stage, Transient};
use rejoinder_proto::{
    trace,
    v1::{CommentScreened, Signal, Verdict},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Campaigns, Learning, Seen, Standing, Stands};
use crate::{
    Decisions, History, Rules, Screening, SpamFilter,
    screen::judge_again,
    signals::{self, name},
};

/// How long to wait between two rounds, and up to as much again: so of several processes one is mostly first, and the
/// others hear of what it did.
const PAUSE: Duration = Duration::from_secs(1);
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
    /// The last screening of each of these comments of a site about which nobody has decided. With each id, in their order,
    /// comes when it was submitted, in milliseconds since 1970.
    async fn undecided(
        &self,
        site: &str,
        campaign: Uuid,
        members: &[(Uuid, i64)],
    ) -> Result<Vec<CommentScreened>, Transient>;
}

/// Tells [`Campaigns`] what moderators decide, and screens again what that changes: what waits in a campaign that they have
/// called spam, and what had followed where they have cleared it.
///
/// Every process may do so: a second screening follows from the first one and the campaign, and one that comes twice is
/// one.
pub struct Following {
    campaigns: Arc<Campaigns>,
    learning: Learning,
    screening: Live<Screening>,
    members: Arc<dyn Members>,
    history: Arc<dyn History>,
    publisher: Arc<dyn Publisher>,
    /// In how many rounds a comment was looked for in vain.
    missed: HashMap<Uuid, u8>,
}

impl Following {
    /// For the sites of `screening`.
    pub fn new(
        screening: impl Into<Live<Screening>>,
        campaigns: Arc<Campaigns>,
        decisions: Arc<dyn Decisions>,
        members: Arc<dyn Members>,
        history: Arc<dyn History>,
        publisher: Arc<dyn Publisher>,
    ) -> Self {
        let (learning, screening) = (Learning::new(Arc::clone(&campaigns), decisions), screening.into());
        Self { campaigns, learning, screening, members, history, publisher, missed: HashMap::new() }
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
        self.learning.learn().await?;
        let screening = self.screening.now();
        let mut work = Vec::new();
        for (site, rules) in &screening.rules {
            let enough = rules.policy().campaign_decisions;
            let index = self.campaigns.lock();
            for (standing, stands) in [(Standing::Spam, Stands::Waiting), (Standing::Cleared, Stands::Following)] {
                let campaigns = if enough == 0 { Vec::new() } else { index.with_standing(site, enough, standing) };
                work.extend(campaigns.into_iter().map(|campaign| {
                    let members = index.members(campaign, site, stands);
                    Work { campaign, site: site.clone(), stands, members }
                }));
            }
        }
        let known: HashSet<Uuid> = work.iter().flat_map(|work| &work.members).map(|(id, _)| *id).collect();
        self.missed.retain(|id, _| known.contains(id));
        let mut done = 0;
        for work in &work {
            for part in work.members.chunks(TOGETHER) {
                done += self.screen_again(work, part, &screening.rules[&work.site]).await?;
            }
        }
        Ok(done)
    }

    async fn screen_again(&mut self, work: &Work, members: &[(Uuid, i64)], rules: &Rules) -> Result<usize, Transient> {
        let Work { campaign, site, stands, .. } = work;
        let mut found = self.members.undecided(site, *campaign, members).await?;
        found.retain(|screened| Stands::of(screened) == *stands);
        // The author's standing was no question where the campaign made it spam.
        let mut approved = vec![None; found.len()];
        if *stands == Stands::Following {
            let authors: Vec<_> = found.iter().map(author).collect();
            let answers = self.history.previously_approved(&authors).await?;
            approved.iter_mut().zip(answers).for_each(|(approved, answer)| *approved = Some(answer));
        }
        let second = |(screened, approved): (CommentScreened, Option<bool>)| {
            let id = Uuid::parse_str(&screened.comment.as_ref()?.id).ok()?;
            let second = match stands {
                Stands::Following => without_campaign(screened, approved, rules),
                _ => rescreen(screened, &self.campaigns.lock().look_up(id), rules)?,
            };
            Some((id, second))
        };
        let publisher = &self.publisher;
        let sent = found.into_iter().zip(approved).filter_map(second).map(|(id, second)| async move {
            let record = Record::of(&second, SpamFilter::NAME, &trace::new_traceparent());
            (id, second.revision, Stands::of(&second), publisher.append(record).await)
        });
        let sent: Vec<_> = stream::iter(sent).buffer_unordered(ON_THEIR_WAY).collect().await;
        let mut done = 0;
        for (id, revision, stands, appended) in sent {
            match appended {
                Ok(_) => {
                    // The log says so too, a moment later.
                    self.campaigns.lock().hear(id, revision, stands);
                    done += 1;
                }
                Err(error) => tracing::warn!(%id, %error, "a second screening was not taken, trying again"),
            }
        }
        self.miss(work, members);
        Ok(done)
    }

    /// Counts the rounds in which comments were looked for in vain.
    fn miss(&mut self, work: &Work, members: &[(Uuid, i64)]) {
        let mut index = self.campaigns.lock();
        let left = index.members(work.campaign, &work.site, work.stands);
        for (id, _) in left.into_iter().filter(|member| members.binary_search(member).is_ok()) {
            let rounds = self.missed.entry(id).or_insert(0);
            *rounds += 1;
            if *rounds >= ROUNDS {
                index.hear(id, i32::MAX, Stands::Otherwise);
            }
        }
    }
}

/// Members of a campaign that are to be screened again.
struct Work {
    campaign: Uuid,
    site: String,
    stands: Stands,
    members: Vec<(Uuid, i64)>,
}

fn author(screened: &CommentScreened) -> (String, String, String) {
    let comment = screened.comment.as_ref();
    let author = comment.and_then(|comment| comment.author.clone()).unwrap_or_default();
    (comment.map_or_else(String::new, |comment| comment.site.clone()), author.name, author.email)
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
