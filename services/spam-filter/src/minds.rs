//! The model with what each site's moderators have taught, shared by all that judge within a process.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rejoinder_pipeline::Transient;
use rejoinder_proto::v1::Comment;

use crate::{
    Change, Decisions, Lessons, ModelScore, Policy, Reading,
    model::{Features, Learner, Model, Standing, telling_words},
    signals::quoted,
};

/// How long the decision log is left alone once it is read to its end.
const PAUSE: Duration = Duration::from_millis(250);

/// How long it is left alone when it cannot be read.
const AWAY: Duration = Duration::from_secs(2);

/// So many words are named to a moderator.
const NAMED_WORDS: usize = 3;

/// So many rows of the decision log are read at once.
const ROWS: u32 = 500;

/// The learners of all sites. What they know follows from the model and the decision log alone, so that every replica that
/// has read as far knows the same.
pub struct Minds {
    fresh: Arc<Learner>,
    sites: RwLock<HashMap<String, Arc<Learner>>>,
    caught_up: RwLock<bool>,
}

/// Where a follower of the decision log stands.
#[derive(Default)]
pub struct Follower {
    seq: i64,
    sites: HashMap<String, (Lessons, Learner)>,
}

impl Minds {
    /// The model, and no decision yet.
    pub fn new(model: Arc<Model>) -> Self {
        let fresh = Arc::new(Learner::new(model));
        Self { fresh, sites: RwLock::default(), caught_up: RwLock::new(false) }
    }

    /// Whether the decision log has been read to its end once. Until then a site's decisions may be missing.
    pub fn caught_up(&self) -> bool {
        *self.caught_up.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is said of a comment of a site, in the site's points.
    pub fn opinion(
        &self,
        comment: &Comment,
        reading: &Reading<'_>,
        features: &mut Features,
        policy: &Policy,
    ) -> ModelScore {
        let subject = reading.subject(comment);
        features.read(&subject);
        let learner = self.learner(&comment.site);
        let mut score = learner.opinion(&subject, features).weigh(policy, learner.version());
        if score.weight > 0.0 {
            let words = telling_words(self.fresh.model(), features, NAMED_WORDS);
            if !words.is_empty() {
                let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
                score.reason = format!("{}, by words such as {}", score.reason, words.join(", "));
            }
        }
        score
    }

    /// Where each site's learner stands; sites without decisions are left out.
    pub fn standings(&self) -> Vec<(String, String, Standing)> {
        let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        let mut standings: Vec<_> =
            sites.iter().map(|(site, learner)| (site.clone(), learner.version(), learner.standing())).collect();
        standings.sort_by(|a, b| a.0.cmp(&b.0));
        standings
    }

    /// Learns what the decision log says, for as long as it is polled.
    pub async fn follow(&self, decisions: &dyn Decisions) {
        let mut follower = Follower::default();
        loop {
            let pause = match self.catch_up(&mut follower, decisions).await {
                Ok(()) => PAUSE,
                Err(error) => {
                    tracing::warn!(error = error.to_string(), "cannot read decisions to learn from");
                    AWAY
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Learns the decision log from where the follower stands to its end.
    pub async fn catch_up(&self, follower: &mut Follower, decisions: &dyn Decisions) -> Result<(), Transient> {
        loop {
            let rows = decisions.decisions_after(follower.seq, ROWS).await?;
            let is_last = rows.len() < ROWS as usize;
            let changed = follower.learn(rows, &self.fresh);
            if !changed.is_empty() {
                let mut sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
                for site in changed {
                    if let Some((_, learner)) = follower.sites.get(&site) {
                        sites.insert(site, Arc::new(learner.clone()));
                    }
                }
            }
            if is_last {
                *self.caught_up.write().unwrap_or_else(PoisonError::into_inner) = true;
                return Ok(());
            }
        }
    }

    fn learner(&self, site: &str) -> Arc<Learner> {
        let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sites.get(site).unwrap_or(&self.fresh))
    }
}

impl Follower {
    /// Learns rows of the log, and says whose learner has changed.
    fn learn(&mut self, rows: Vec<crate::Taught>, fresh: &Learner) -> HashSet<String> {
        let mut features = Features::default();
        let (mut changed, mut rebuild) = (HashSet::new(), HashSet::new());
        for row in rows {
            self.seq = self.seq.max(row.seq);
            let site = row.site.clone();
            let (lessons, learner) =
                self.sites.entry(site.clone()).or_insert_with(|| (Lessons::default(), fresh.clone()));
            match lessons.apply(row) {
                Change::Append(comment, spam) if !rebuild.contains(&site) => {
                    teach(learner, comment, spam, &mut features)
                }
                Change::Rebuild => {
                    rebuild.insert(site.clone());
                }
                Change::Append(..) => {}
                Change::Nothing => continue,
            }
            changed.insert(site);
        }
        for site in rebuild {
            if let Some((lessons, learner)) = self.sites.get_mut(&site) {
                learner.clone_from(fresh);
                for (comment, spam) in lessons.iter() {
                    teach(learner, comment, spam, &mut features);
                }
            }
        }
        changed
    }
}

fn teach(learner: &mut Learner, comment: &Comment, spam: bool, features: &mut Features) {
    let reading = Reading::of(comment);
    let subject = reading.subject(comment);
    features.read(&subject);
    learner.learn(&subject, features, &comment.id, spam);
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::{Lesson, Taught};

    /// A decision log in memory.
    struct Log(Vec<Taught>);

    #[async_trait]
    impl Decisions for Log {
        async fn decisions_after(&self, seq: i64, limit: u32) -> Result<Vec<Taught>, Transient> {
            let rows = self.0.iter().filter(|row| row.seq > seq).take(limit as usize);
            Ok(rows.cloned().collect())
        }
    }

    fn decided(seq: i64, id: &str, lesson: Lesson) -> Taught {
        Taught { seq, site: "news".into(), id: id.into(), lesson, moderator: "editor".into(), decided_at: seq }
    }

    fn comment(id: &str, text: &str) -> Box<Comment> {
        Box::new(Comment { id: id.into(), site: "news".into(), text: text.into(), ..Comment::default() })
    }

    fn weight(minds: &Minds, text: &str) -> f64 {
        let comment = comment("x", text);
        let reading = Reading::of(&comment);
        minds.opinion(&comment, &reading, &mut Features::default(), &Policy::default()).weight
    }

    async fn taught(log: Vec<Taught>) -> Minds {
        let minds = Minds::new(Arc::new(Model::shipped().clone()));
        assert!(!minds.caught_up());
        minds.catch_up(&mut Follower::default(), &Log(log)).await.expect("a log in memory");
        assert!(minds.caught_up());
        minds
    }

    #[tokio::test]
    async fn what_moderators_call_spam_weighs_more_until_it_is_taken_back() {
        let text = "our bakery at the corner has fresh rolls on sundays";
        let spam = |n: i64| decided(n, &format!("c{n}"), Lesson::Spam(comment(&format!("c{n}"), text)));
        let lessons: Vec<Taught> = (1..8).map(spam).collect();
        let before = weight(&taught(Vec::new()).await, text);
        let learned = taught(lessons.clone()).await;
        assert!(weight(&learned, text) > before + 1.0, "{before} and {}", weight(&learned, text));
        assert_eq!(learned.standings().len(), 1);

        let reset = [lessons, vec![decided(9, "r", Lesson::Reset)]].concat();
        let forgotten = taught(reset).await;
        assert_eq!(weight(&forgotten, text), before);
    }

    #[tokio::test]
    async fn a_moderator_hears_which_words_the_model_knows_from_spam() {
        let said = |minds: &Minds, text: &str| {
            let comment = comment("x", text);
            let reading = Reading::of(&comment);
            minds.opinion(&comment, &reading, &mut Features::default(), &Policy::default()).reason
        };
        let minds = taught(Vec::new()).await;
        let spam = said(&minds, "Check out my channel and subscribe!!! qzxkvwj 4929123 <script>subscribe</script>");
        assert!(spam.starts_with("the learned model sees a chance of "), "{spam}");
        assert!(spam.contains(" % that it is spam, by words such as ") && spam.contains("\"subscribe\""), "{spam}");
        for kept in ["qzxkvwj", "4929123", "<"] {
            assert!(!spam.contains(kept), "{kept}: {spam}");
        }
        let ham = said(&minds, "I love this song so much, it reminds me of last summer");
        assert!(ham.ends_with(" % that it is spam"), "{ham}");
    }

    #[tokio::test]
    async fn in_whatever_steps_the_log_is_read_the_same_is_learned() {
        let row = |n: i64| {
            let id = format!("c{n}");
            let of = comment(&id, &format!("number {n} of many words about this and that"));
            decided(n, &id, if n % 3 == 0 { Lesson::Spam(of) } else { Lesson::Ham(of) })
        };
        let mut log: Vec<Taught> = (1..40).map(row).collect();
        log.push(decided(40, "c9", Lesson::Withdrawn));
        let whole = taught(log.clone()).await;
        let (minds, mut follower) = (Minds::new(Arc::new(Model::shipped().clone())), Follower::default());
        for end in 1..=log.len() {
            let part = Log(log[..end].to_vec());
            minds.catch_up(&mut follower, &part).await.expect("a log in memory");
        }
        assert_eq!(minds.standings(), whole.standings());
    }
}
