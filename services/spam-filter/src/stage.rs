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
    Facts, Minds, ModelScore, Policy, PolicyError, Rules, Signal, Trials,
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

    /// What each comment says by itself; `None` where there is no comment or no policy. All cores read, and ask the models;
    /// meanwhile one of them tells the index of the comments, in their order.
    fn read<'a>(&self, batch: &'a [Received<CommentValidated>], screening: &'a Screening) -> Vec<Option<Judged<'a>>> {
        let read: Vec<_> = batch
            .par_iter()
            .with_min_len(PART)
            .map(|received| Read::of(received.event.comment.as_ref()?, screening))
            .collect();
        let (seen, opinions) = rayon::join(
            || self.campaigns.lock().insert_all(read.iter().map(|read| read.as_ref()?.sample.as_ref())),
            || self.opinions(&read, screening),
        );
        let judged = read.into_par_iter().zip(seen).zip(opinions).with_min_len(PART);
        judged.map(|((read, seen), opinions)| Some(read?.judged(seen, opinions?))).collect()
    }

    fn opinions(&self, read: &[Option<Read<'_>>], screening: &Screening) -> Vec<Option<Opinions>> {
        let minds = self.minds.as_deref();
        let on_trial = screening.trials.as_ref().and_then(Trials::minds).map(Arc::as_ref).or(minds);
        let opinions = read.par_iter().with_min_len(PART).map_init(
            || self.rooms.take(),
            |lent, read| {
                let Read { comment, rules, trial, reading, .. } = read.as_ref()?;
                let room = lent.room();
                let opinion = |minds: Option<&Minds>, rules: &Rules, features: &mut Features| {
                    Some(minds?.opinion(comment, reading, features, rules.policy()))
                };
                let on_trial = trial.and_then(|trial| opinion(on_trial, &trial.rules, &mut room.on_trial));
                Some(Opinions { live: opinion(minds, rules, &mut room.live), on_trial })
            },
        );
        opinions.collect()
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
    fn take(&self) -> Lent<'_> {
        Lent { room: self.free().pop(), rooms: self }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A room that somebody works in.
struct Lent<'a> {
    room: Option<Room>,
    rooms: &'a Rooms,
}

impl Lent<'_> {
    fn room(&mut self) -> &mut Room {
        self.room.get_or_insert_default()
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.rooms.free().extend(self.room.take());
    }
}

/// What the models say of a comment.
struct Opinions {
    live: Option<ModelScore>,
    on_trial: Option<ModelScore>,
}

/// What a policy and a model say of a comment by itself.
struct Case<'a> {
    rules: &'a Rules,
    facts: Facts,
    content: Vec<Signal>,
    /// Where the answer about the author will stand, where it counts.
    asked: Option<usize>,
}

impl Case<'_> {
    /// Hears what others say. Whether all that was asked has an answer; an author without one stays unknown, which holds the
    /// comment.
    fn hear(&mut self, opinion: Option<Signal>, answers: &[bool]) -> bool {
        self.content.extend(opinion);
        self.facts.previously_approved = self.asked.and_then(|place| answers.get(place).copied());
        self.facts.previously_approved.is_some() == self.asked.is_some()
    }
}

/// What is live, and what is on trial, say of a comment by itself.
struct Judged<'a> {
    comment: &'a Comment,
    live: Case<'a>,
    trial: Option<(&'a Trial, Case<'a>)>,
}

impl<'a> Judged<'a> {
    /// What others are shown: what is spam already need not be.
    fn shown(&self) -> Option<&'a Comment> {
        (!is_spam(&self.live.content, self.live.rules)).then_some(self.comment)
    }

    fn concluded(self, opinion: Option<Signal>, answers: &[bool]) -> CommentScreened {
        let Self { comment, mut live, trial } = self;
        live.hear(opinion.clone(), answers);
        let mut screened = conclude(comment, live.content, &live.facts, live.rules);
        if let Some((trial, mut case)) = trial
            && case.hear(opinion, answers)
        {
            trial.conclude(comment, case.content, &case.facts, &mut screened);
        }
        screened
    }
}

/// A comment as it is read before anything is asked.
struct Read<'a> {
    comment: &'a Comment,
    rules: &'a Rules,
    trial: Option<&'a Trial>,
    reading: Reading<'a>,
    sample: Option<Sample>,
}

impl<'a> Read<'a> {
    fn of(comment: &'a Comment, screening: &'a Screening) -> Option<Self> {
        let rules = screening.rules.get(&comment.site)?;
        let trial = screening.trials.as_ref().and_then(|trials| trials.of(&comment.site));
        let reading = Reading::of(comment);
        let sample = Sample::read(comment, &reading);
        Some(Self { comment, rules, trial, reading, sample })
    }

    fn judged(self, seen: Seen, opinions: Opinions) -> Judged<'a> {
        let case = |rules: &'a Rules, model, seen| {
            let facts = Facts { seen, model, ..Facts::default() };
            let content = signals::content(self.comment, &self.reading, &facts, rules);
            Case { rules, facts, content, asked: None }
        };
        let trial = self.trial.map(|trial| (trial, case(&trial.rules, opinions.on_trial, seen.clone())));
        Judged { comment: self.comment, live: case(self.rules, opinions.live, seen), trial }
    }
}

/// The authors to look up, each once.
#[derive(Default)]
struct Authors<'a> {
    list: Vec<(String, String, String)>,
    places: HashMap<(&'a str, &'a str, &'a str), usize>,
}

impl<'a> Authors<'a> {
    /// Where the answer about a comment's author will stand, where it counts.
    fn asked(&mut self, comment: &'a Comment, case: &Case<'_>) -> Option<usize> {
        asks_for_author(comment, &case.content, case.rules).then(|| self.place_of(comment))
    }

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
    const AHEAD: bool = true;
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
        // On a thread of the pool, which hands out work without being woken for each part of it.
        let mut judged = rayon::scope(|_| self.read(batch, &screening));
        let mut authors = Authors::default();
        for judged in judged.iter_mut().flatten() {
            judged.live.asked = authors.asked(judged.comment, &judged.live);
        }
        let live_asks = !authors.list.is_empty();
        for judged in judged.iter_mut().flatten() {
            if let Some((_, case)) = &mut judged.trial {
                case.asked = authors.asked(judged.comment, case);
            }
        }
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
        let shown: Vec<_> = judged.iter().map(|judged| judged.as_ref()?.shown()).collect();
        let opinions = external::signals(&screening.externals, &shown).await;

        let comments = batch.iter().filter(|received| received.event.comment.is_some()).count();
        let without_policy = comments - judged.iter().flatten().count();
        let judged = batch.par_iter().zip(judged).zip(opinions).with_min_len(PART);
        let outcomes = judged.map(|((received, judged), opinion)| match (&received.event.comment, judged) {
            (None, _) => Outcome::Reject(Reason::impossible("the event holds no comment")),
            (Some(comment), None) => Outcome::Emit(vec![unknown_site(comment)]),
            (Some(_), Some(judged)) => Outcome::Emit(vec![judged.concluded(opinion, &answers)]),
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
