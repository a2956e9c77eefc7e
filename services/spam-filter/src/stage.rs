use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use rejoinder_pipeline::{Outcome, Reason, Received, Stage, Transient};
use rejoinder_proto::v1::{Comment, CommentScreened, CommentValidated};

use crate::{
    Facts, Policy, PolicyError, Rules, Signal,
    campaign::{Campaigns, Sample},
    reading::Reading,
    screen::{asks_for_author, conclude, unknown_site},
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
        Ok(Self { rules: rules.collect::<Result<_, _>>()?, history, campaigns })
    }

    /// What each comment says by itself; `None` where there is no comment or no policy.
    fn read(&self, batch: &[Received<CommentValidated>]) -> Vec<Option<(Facts, Vec<Signal>)>> {
        let read: Vec<_> = batch.iter().map(|received| self.read_one(received.event.comment.as_ref()?)).collect();
        let seen = self.campaigns.lock().insert_all(read.iter().map(|read| read.as_ref()?.sample.as_ref()));
        let content = |read: Read<'_>, seen| {
            let facts = Facts { seen, ..Facts::default() };
            let content = signals::content(read.comment, &read.reading, &facts, read.rules);
            (facts, content)
        };
        read.into_iter().zip(seen).map(|(read, seen)| read.map(|read| content(read, seen))).collect()
    }

    fn read_one<'a>(&'a self, comment: &'a Comment) -> Option<Read<'a>> {
        let rules = self.rules.get(&comment.site)?;
        let reading = Reading::of(comment);
        let sample = Sample::read(comment, &reading);
        Some(Read { comment, rules, reading, sample })
    }
}

/// A comment as it is read before anything is asked.
struct Read<'a> {
    comment: &'a Comment,
    rules: &'a Rules,
    reading: Reading<'a>,
    sample: Option<Sample>,
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

        let mut without_policy = 0;
        let outcomes = comments().zip(read).zip(asked).map(|((comment, read), asked)| {
            let Some(comment) = comment else {
                return Outcome::Reject(Reason::impossible("the event holds no comment"));
            };
            let screened = match (self.rules.get(&comment.site), read) {
                (Some(rules), Some((mut facts, content))) => {
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
