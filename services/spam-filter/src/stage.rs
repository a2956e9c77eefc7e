use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use rejoinder_pipeline::{Outcome, Reason, Received, Stage, Transient, Window};
use rejoinder_proto::{
    millis,
    v1::{Comment, CommentScreened, CommentValidated},
};

use crate::{
    Facts, Minds, Policy, PolicyError, Rules, Signal,
    external::{self, Externals},
    model::Features,
    reading::Reading,
    screen::{asks_for_author, conclude, is_spam, unknown_site},
    signals::{self, repeat},
};

/// So many texts are remembered, at about 200 bytes each: a busy hour of a large site, and what a wave of spam fits into.
const REMEMBERED_TEXTS: usize = 20_000;

/// What the filter asks the comment store.
#[async_trait]
pub trait History: Send + Sync {
    /// For each (site, name, address), in their order: whether exactly this pair has a visible comment on the site.
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient>;
}

/// The last comment with a text, and how many with it there were, that one included.
#[derive(Debug)]
struct Copy {
    id: String,
    submitted_at: i64,
    count: u32,
}

/// Gives every validated comment its verdict.
///
/// Authors are looked up once per batch and never remembered beyond it: a moderator may take an approval back at any
/// moment. Texts are remembered by this worker alone and in memory, so copies that another worker saw, or that came
/// before a restart, are missed; the window only ever adds suspicion.
pub struct SpamFilter {
    rules: HashMap<String, Rules>,
    history: Arc<dyn History>,
    texts: Window<[u8; 16], Copy>,
    externals: Arc<Externals>,
    minds: Option<Arc<Minds>>,
    features: Features,
}

impl SpamFilter {
    /// A filter with each site's policy, or what is wrong with one of them.
    pub fn new(policies: &HashMap<String, Policy>, history: Arc<dyn History>) -> Result<Self, PolicyError> {
        let rules = policies.iter().map(|(site, policy)| {
            let named = |source| PolicyError::Site { site: site.clone(), source: Box::new(source) };
            Ok((site.clone(), Rules::new(policy.clone()).map_err(named)?))
        });
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
            history,
            texts: Window::new(REMEMBERED_TEXTS),
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

    /// How many times the comment's text came before, and remembers that it came again.
    fn earlier_copies(&mut self, comment: &Comment, folded: &str, received: &Received<CommentValidated>) -> u32 {
        let Some(policy) = self.rules.get(&comment.site).map(Rules::policy) else { return 0 };
        let Some(key) = repeat::fingerprint(&comment.site, folded, policy) else { return 0 };
        let submitted_at = millis(comment.submitted_at.as_ref());
        let window = u64::from(policy.repeat_window_seconds) * 1000;
        let earlier = match self.texts.get(&key) {
            // A publisher that repeats itself is no campaign; the store keeps one of the two.
            Some((_, last)) if last.id == comment.id => return last.count - 1,
            Some((_, last)) if last.submitted_at.abs_diff(submitted_at) <= window => last.count,
            _ => 0,
        };
        let copy = Copy { id: comment.id.clone(), submitted_at, count: earlier.saturating_add(1) };
        self.texts.insert(received.position, key, copy);
        earlier
    }

    /// What each comment says by itself; `None` where there is no comment or no policy.
    fn read(&mut self, batch: &[Received<CommentValidated>]) -> Vec<Option<(Facts, Vec<Signal>)>> {
        self.texts.rewind(batch);
        let read = batch.iter().map(|received| {
            let comment = received.event.comment.as_ref()?;
            if !self.rules.contains_key(&comment.site) {
                return None;
            }
            let reading = Reading::of(comment);
            let earlier_copies = self.earlier_copies(comment, &reading.folded, received);
            let rules = self.rules.get(&comment.site)?;
            let model =
                self.minds.as_ref().map(|minds| minds.opinion(comment, &reading, &mut self.features, rules.policy()));
            let facts = Facts { earlier_copies, model, ..Facts::default() };
            let content = signals::content(comment, &reading, &facts, rules);
            Some((facts, content))
        });
        read.collect()
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
        if self.minds.as_ref().is_some_and(|minds| !minds.caught_up()) {
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
