use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use opentelemetry::metrics::Counter;
use rayon::prelude::*;
use rejoinder_pipeline::{Live, Outcome, Reason, Received, Stage, Transient, telemetry};
use rejoinder_proto::v1::{Comment, CommentScreened, CommentValidated, Verdict};

use crate::{
    Facts, Minds, Policy, PolicyError, Rules, Signal, Trials,
    campaign::{Campaigns, Sample, Seen},
    external::{self, Externals},
    model::Features,
    reading::Reading,
    screen::{asks_for_author, conclude, is_spam, unknown_site},
    signals,
    trial::Trial,
};

/// So many comments of a batch are one core's work at a time: enough that handing them out costs nothing.
const PART: usize = 32;

/// What the filter asks the comment store.
#[async_trait]
pub trait History: Send + Sync {
    /// For each (site, name, address), in their order: whether exactly this pair has a visible comment on the site.
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient>;
}

/// What the sites' configuration asks of the filter.
#[derive(Default)]
pub struct Screening {
    /// Each site's policy.
    pub rules: HashMap<String, Rules>,
    /// The sites' external checks.
    pub externals: Externals,
    /// What is on trial.
    pub trials: Option<Trials>,
}

impl Screening {
    /// By each site's policy and nothing else, or what is wrong with one of them.
    pub fn new(policies: &HashMap<String, Policy>) -> Result<Self, PolicyError> {
        let rules = policies.iter().map(|(site, policy)| {
            let named = |source| PolicyError::Site { site: site.clone(), source: Box::new(source) };
            Ok((site.clone(), Rules::new(policy.clone()).map_err(named)?))
        });
        Ok(Self { rules: rules.collect::<Result<_, _>>()?, ..Self::default() })
    }

    /// What is on trial for a comment, where it has judged it.
    fn on_trial(&self, comment: &Comment, judged: &Judged) -> Option<&Trial> {
        judged.trial.as_ref()?;
        self.trials.as_ref()?.of(&comment.site)
    }
}

/// Gives every validated comment its verdict.
///
/// Authors are looked up once per batch and never remembered beyond it: a moderator may take an approval back at any
/// moment. What came before is remembered in [`Campaigns`], each comment once: a batch that comes again may see more of
/// its campaigns than at first, and its verdicts may be stricter then.
pub struct SpamFilter {
    screening: Live<Screening>,
    history: Arc<dyn History>,
    campaigns: Arc<Campaigns>,
    minds: Option<Arc<Minds>>,
    rooms: Rooms,
    verdicts: Counter<u64>,
    trials: Counter<u64>,
}

impl SpamFilter {
    /// A filter. Those of one process share `campaigns`.
    pub fn new(screening: impl Into<Live<Screening>>, history: Arc<dyn History>, campaigns: Arc<Campaigns>) -> Self {
        Self {
            screening: screening.into(),
            history,
            campaigns,
            minds: None,
            rooms: Rooms::default(),
            verdicts: telemetry::counter("rejoinder.verdicts", "comments screened, by site and verdict"),
            trials: telemetry::counter("rejoinder.spam_filter.trials", "comments judged on trial, by both verdicts"),
        }
    }

    /// The same, with the learned model and what moderators have taught.
    pub fn with_minds(self, minds: Arc<Minds>) -> Self {
        Self { minds: Some(minds), ..self }
    }

    /// What each comment says by itself; `None` where there is no comment or no policy. All cores read and judge; in
    /// between, the index hears of the comments in their order.
    fn read(&self, batch: &[Received<CommentValidated>], screening: &Screening) -> Vec<Option<Judged>> {
        let read: Vec<_> = batch
            .par_iter()
            .with_min_len(PART)
            .map(|received| Read::of(received.event.comment.as_ref()?, &screening.rules))
            .collect();
        let seen = self.campaigns.lock().insert_all(read.iter().map(|read| read.as_ref()?.sample.as_ref()));
        let judged = read.into_par_iter().zip(seen).chunks(PART).flat_map_iter(|part| {
            let mut room = self.rooms.take();
            let judged =
                part.into_iter().map(|(read, seen)| read.map(|read| self.judge(read, seen, screening, &mut room)));
            let judged: Vec<_> = judged.collect();
            self.rooms.put(room);
            judged
        });
        judged.collect()
    }

    fn judge(&self, read: Read<'_>, seen: Seen, screening: &Screening, room: &mut Room) -> Judged {
        let Read { comment, rules, reading, .. } = read;
        let case = |rules: &Rules, minds: Option<&Arc<Minds>>, features: &mut Features, seen| {
            let model = minds.map(|minds| minds.opinion(comment, &reading, features, rules.policy()));
            let facts = Facts { seen, model, ..Facts::default() };
            let content = signals::content(comment, &reading, &facts, rules);
            Case { facts, content }
        };
        let minds = self.minds.as_ref();
        let trials = screening.trials.as_ref();
        let on_trial = trials.and_then(|trials| Some((trials.of(&comment.site)?, trials.minds())));
        let trial = on_trial.map(|(trial, own)| case(&trial.rules, own.or(minds), &mut room.on_trial, seen.clone()));
        Judged { live: case(rules, minds, &mut room.live, seen), trial }
    }
}

/// What one core works with. What is on trial has features of its own: they remember what one model says of words.
#[derive(Default)]
struct Room {
    live: Features,
    on_trial: Features,
}

/// Rooms that nobody works in: as many as cores have worked at once.
#[derive(Default)]
struct Rooms(Mutex<Vec<Room>>);

impl Rooms {
    fn take(&self) -> Room {
        self.free().pop().unwrap_or_default()
    }

    fn put(&self, room: Room) {
        self.free().push(room);
    }

    fn free(&self) -> MutexGuard<'_, Vec<Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a policy and a model say of a comment by itself.
struct Case {
    facts: Facts,
    content: Vec<Signal>,
}

/// What is live, and what is on trial, say of a comment by itself.
struct Judged {
    live: Case,
    trial: Option<Case>,
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
        let screening = self.screening.now();
        let judged = self.read(batch, &screening);
        let comments = || batch.iter().map(|received| received.event.comment.as_ref());
        let mut authors = Authors::default();
        let asked: Vec<Option<usize>> = comments()
            .zip(&judged)
            .map(|(comment, judged)| {
                let (comment, judged) = (comment?, judged.as_ref()?);
                let rules = screening.rules.get(&comment.site)?;
                asks_for_author(comment, &judged.live.content, rules).then(|| authors.place_of(comment))
            })
            .collect();
        let live_asks = !authors.list.is_empty();
        let asked_on_trial: Vec<Option<usize>> = comments()
            .zip(&judged)
            .map(|(comment, judged)| {
                let (comment, judged) = (comment?, judged.as_ref()?);
                let trial = screening.on_trial(comment, judged)?;
                let content = &judged.trial.as_ref()?.content;
                asks_for_author(comment, content, &trial.rules).then(|| authors.place_of(comment))
            })
            .collect();
        let authors = authors.list;
        let answers =
            if authors.is_empty() { Ok(Vec::new()) } else { self.history.previously_approved(&authors).await };
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) if live_asks => return Err(error),
            // Nobody waits for the sake of a trial.
            Err(_) => Vec::new(),
        };

        // What is spam already need not be shown to anybody else, nor is anything for the sake of a trial.
        let shown: Vec<_> = comments()
            .zip(&judged)
            .map(|(comment, judged)| {
                let (comment, judged) = (comment?, judged.as_ref()?);
                (!is_spam(&judged.live.content, screening.rules.get(&comment.site)?)).then_some(comment)
            })
            .collect();
        let opinions = external::signals(&screening.externals, &shown).await;

        let mut without_policy = 0;
        let answer = |asked: Option<usize>| asked.and_then(|place| answers.get(place).copied());
        let judged = comments().zip(judged).zip(asked.into_iter().zip(asked_on_trial)).zip(opinions);
        let outcomes = judged.map(|(((comment, judged), (asked, asked_on_trial)), opinion)| {
            let Some(comment) = comment else {
                return Outcome::Reject(Reason::impossible("the event holds no comment"));
            };
            let (Some(rules), Some(judged)) = (screening.rules.get(&comment.site), judged) else {
                without_policy += 1;
                return Outcome::Emit(vec![unknown_site(comment)]);
            };
            let on_trial = screening.on_trial(comment, &judged);
            let Judged { live: Case { mut facts, mut content }, trial } = judged;
            content.extend(opinion.clone());
            // An author without an answer stays unknown, which holds the comment.
            facts.previously_approved = answer(asked);
            let mut screened = conclude(comment, content, &facts, rules);
            let known = answer(asked_on_trial);
            if let (Some(on_trial), Some(Case { mut facts, mut content })) = (on_trial, trial)
                && known.is_some() == asked_on_trial.is_some()
            {
                content.extend(opinion);
                facts.previously_approved = known;
                on_trial.conclude(comment, content, &facts, &mut screened);
            }
            Outcome::Emit(vec![screened])
        });
        let outcomes = outcomes.collect();
        if without_policy > 0 {
            tracing::warn!(comments = without_policy, "comments of sites without a spam policy are held");
        }
        Ok(outcomes)
    }

    fn committed(&mut self, _: &[Received<CommentValidated>], outcomes: &[Outcome<CommentScreened>]) {
        let screening = self.screening.now();
        let events = outcomes.iter().flat_map(|outcome| match outcome {
            Outcome::Emit(events) => events.as_slice(),
            _ => &[],
        });
        let mut verdicts: HashMap<(&str, Verdict), u64> = HashMap::new();
        let mut trials: HashMap<(&str, &str, Verdict, Verdict), u64> = HashMap::new();
        for event in events {
            let site = event.comment.as_ref().map_or("", |comment| comment.site.as_str());
            // A label takes few values: those that are configured.
            let site = if screening.rules.contains_key(site) { site } else { "other" };
            *verdicts.entry((site, event.verdict())).or_default() += 1;
            for trial in &event.trials {
                *trials.entry((site, &trial.name, event.verdict(), trial.verdict())).or_default() += 1;
            }
        }
        for ((site, verdict), count) in verdicts {
            let labels = [telemetry::label("site", site.to_owned()), telemetry::label("verdict", verdict.word())];
            self.verdicts.add(count, &labels);
        }
        for ((site, trial, live, verdict), count) in trials {
            let labels = [
                telemetry::label("site", site.to_owned()),
                telemetry::label("trial", trial.to_owned()),
                telemetry::label("live", live.word()),
                telemetry::label("verdict", verdict.word()),
            ];
            self.trials.add(count, &labels);
        }
    }
}
