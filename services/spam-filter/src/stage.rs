use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use rejoinder_pipeline::{Outcome, Reason, Received, Stage, Transient};
use rejoinder_proto::v1::{Comment, CommentScreened, CommentValidated};

use crate::{
    Facts, Minds, Policy, PolicyError, Rules, Signal,
    campaign::{Campaigns, Sample},
    external::{self, Externals},
    model::Features,
    reading::Reading,
    screen::{asks_for_author, conclude, is_spam, unknown_site},
    signals,
};

/// What the filter asks the comment store.
#[async_trait]
pub trait History: Send + Sync {
    /// For each (site, name, address), in their order: whether exactly this pair has a visible comment on the site.
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient>;
}

/// Gives every validated comment its verdict.
///
/// Authors are looked up once per batch and never remembered beyond it: a moderator may take an approval back at any
/// moment. What came before is remembered in [`Campaigns`], each comment once: a batch that comes again may see more of
/// its campaigns than at first, and its verdicts may be stricter then.
pub struct SpamFilter {
    rules: HashMap<String, Rules>,
    history: Arc<dyn History>,
    campaigns: Arc<Campaigns>,
    externals: Arc<Externals>,
    minds: Option<Arc<Minds>>,
    features: Features,
}

impl SpamFilter {
    /// A filter with each site's policy, or what is wrong with one of them. Filters of one process share `campaigns`.
    pub fn new(
        policies: &HashMap<String, Policy>,
        history: Arc<dyn History>,
        campaigns: Arc<Campaigns>,
    ) -> Result<Self, PolicyError> {
        let rules = policies.iter().map(|(site, policy)| {
            let named = |source| PolicyError::Site { site: site.clone(), source: Box::new(source) };
            Ok((site.clone(), Rules::new(policy.clone()).map_err(named)?))
        });
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
            history,
            campaigns,
            externals: Arc::default(),
            minds: None,
            features: Features::default(),
        })
    }

    /// The same, with the learned model and what moderators have taught.
    pub fn with_minds(self, minds: Arc<Minds>) -> Self {
        Self { minds: Some(minds), ..self }
    }

    /// The same, with the sites' external checks.
    pub fn with_externals(self, externals: Arc<Externals>) -> Self {
        Self { externals, ..self }
    }

    /// What each comment says by itself; `None` where there is no comment or no policy.
    fn read(&mut self, batch: &[Received<CommentValidated>]) -> Vec<Option<(Facts, Vec<Signal>)>> {
        let Self { rules, minds, features, .. } = self;
        let read: Vec<_> = batch.iter().map(|received| Read::of(received.event.comment.as_ref()?, rules)).collect();
        let seen = self.campaigns.lock().insert_all(read.iter().map(|read| read.as_ref()?.sample.as_ref()));
        let mut content = |Read { comment, rules, reading, .. }: Read<'_>, seen| {
            let model = minds.as_ref().map(|minds| minds.opinion(comment, &reading, features, rules.policy()));
            let facts = Facts { seen, model, ..Facts::default() };
            let content = signals::content(comment, &reading, &facts, rules);
            (facts, content)
        };
        read.into_iter().zip(seen).map(|(read, seen)| read.map(|read| content(read, seen))).collect()
    }
}

/// A comment as it is read before anything is asked.
struct Read<'a> {
    comment: &'a Comment,
    rules: &'a Rules,
    reading: Reading<'a>,
    sample: Option<Sample>,
}

impl<'a> Read<'a> {
    fn of(comment: &'a Comment, rules: &'a HashMap<String, Rules>) -> Option<Self> {
        let rules = rules.get(&comment.site)?;
        let reading = Reading::of(comment);
        let sample = Sample::read(comment, &reading);
        Some(Self { comment, rules, reading, sample })
    }
}

/// The authors to look up, each once.
#[derive(Default)]
struct Authors<'a> {
    list: Vec<(String, String, String)>,
    places: HashMap<(&'a str, &'a str, &'a str), usize>,
}

impl<'a> Authors<'a> {
    fn place_of(&mut self, comment: &'a Comment) -> usize {
        let (name, email) = comment.author.as_ref().map_or(("", ""), |author| (&author.name, &author.email));
        *self.places.entry((&comment.site, name, email)).or_insert_with(|| {
            self.list.push((comment.site.clone(), name.to_owned(), email.to_owned()));
            self.list.len() - 1
        })
    }
}

impl Stage for SpamFilter {
    const NAME: &'static str = "spam-filter";
    type In = CommentValidated;
    type Out = CommentScreened;

    async fn process(
        &mut self,
        batch: &[Received<CommentValidated>],
    ) -> Result<Vec<Outcome<CommentScreened>>, Transient> {
        if !self.campaigns.is_ready() || self.minds.as_ref().is_some_and(|minds| !minds.caught_up()) {
            return Err(Transient::new("decision log", "moderators' decisions have not been read yet"));
        }
        let read = self.read(batch);
        let comments = || batch.iter().map(|received| received.event.comment.as_ref());
        let mut authors = Authors::default();
        let asked: Vec<Option<usize>> = comments()
            .zip(&read)
            .map(|(comment, read)| {
                let (comment, (_, content)) = (comment?, read.as_ref()?);
                let rules = self.rules.get(&comment.site)?;
                asks_for_author(comment, content, rules).then(|| authors.place_of(comment))
            })
            .collect();
        let authors = authors.list;
        let answers = if authors.is_empty() { Vec::new() } else { self.history.previously_approved(&authors).await? };

        // What is spam already need not be shown to anybody else.
        let shown: Vec<_> = comments()
            .zip(&read)
            .map(|(comment, read)| {
                let (comment, (_, content)) = (comment?, read.as_ref()?);
                (!is_spam(content, self.rules.get(&comment.site)?)).then_some(comment)
            })
            .collect();
        let opinions = external::signals(&self.externals, &shown).await;

        let mut without_policy = 0;
        let judged = comments().zip(read).zip(asked).zip(opinions);
        let outcomes = judged.map(|(((comment, read), asked), opinion)| {
            let Some(comment) = comment else {
                return Outcome::Reject(Reason::impossible("the event holds no comment"));
            };
            let screened = match (self.rules.get(&comment.site), read) {
                (Some(rules), Some((mut facts, mut content))) => {
                    content.extend(opinion);
                    // An author without an answer stays unknown, which holds the comment.
                    facts.previously_approved = asked.and_then(|place| answers.get(place).copied());
                    conclude(comment, content, &facts, rules)
                }
                _ => {
                    without_policy += 1;
                    unknown_site(comment)
                }
            };
            Outcome::Emit(vec![screened])
        });
        let outcomes = outcomes.collect();
        if without_policy > 0 {
            tracing::warn!(comments = without_policy, "comments of sites without a spam policy are held");
        }
        Ok(outcomes)
    }
}
