//! Learning from a site's decisions without being spoilt by them.

use std::{collections::VecDeque, sync::Arc};

use sha2::{Digest, Sha256};

use super::{Abstains, Features, Layer, Letters, Model, Opinion, Places, Subject, probability};

/// Every fifth decision is held back at first: each new version is judged by them before it is used.
const HELD_BACK: u8 = 5;

/// So many are held back; the oldest is then learned, and a newer one takes its place.
const HELD: usize = 100;

/// With fewer held back than this nothing can be judged, and what is learned is used at once.
const ENOUGH: usize = 10;

/// A new version may lose this much more per decision, in nats, than the one in use: the judges are few.
const TOLERANCE: f64 = 0.02;

/// A version that has not been let through after so many decisions is dropped.
const PATIENCE: u32 = 50;

/// After so many decisions on texts that the model has no opinion on, the site's own layer has one.
pub const ACQUAINTED: u32 = 30;

/// A site's learner: a layer in use, one that learns, and the decisions by which it is judged.
///
/// The same decisions in the same order give the same learner on every replica. What was decided wrongly is taken out by
/// building it again from the decisions that stand.
#[derive(Debug, Clone)]
pub struct Learner {
    model: Arc<Model>,
    used: Layer,
    /// Whether `used` is asked, or the model alone.
    layer_used: bool,
    learning: Layer,
    /// The places at which the two may differ.
    differ: Vec<u32>,
    /// Decisions since `used` was last replaced.
    waiting: u32,
    held: VecDeque<Held>,
    /// The loss of `used`, until other decisions are held back: to judge by a hundred is most of the work.
    used_loss: Option<f64>,
    decisions: u64,
    dropped: u32,
    /// Decisions on texts that the model abstains from.
    foreign: u32,
    history: [u8; 32],
}

#[derive(Debug, Clone)]
struct Held {
    letters: Box<[Letters]>,
    besides: Box<[u32]>,
    base: f32,
    spam: bool,
}

/// Where a learner stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The decisions it was given.
    pub decisions: u64,
    /// How many of them are held back to judge by.
    pub held_back: usize,
    /// How many wait until the version that knows them is let through.
    pub waiting: u32,
    /// How often a version was dropped because it judged worse.
    pub dropped: u32,
    /// The mean loss of the shared model on the decisions held back, in nats; `None` while there are too few.
    pub model_loss: Option<f64>,
    /// The same of the layer in use.
    pub layer_loss: Option<f64>,
    /// Whether the layer is asked, and not the shared model alone.
    pub layer_used: bool,
}

impl Learner {
    /// The model that all sites share.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// A learner that knows nothing but the model.
    pub fn new(model: Arc<Model>) -> Self {
        Self {
            model,
            used: Layer::default(),
            layer_used: false,
            learning: Layer::default(),
            differ: Vec::new(),
            waiting: 0,
            held: VecDeque::new(),
            used_loss: None,
            decisions: 0,
            dropped: 0,
            foreign: 0,
            history: [0; 32],
        }
    }

    /// What it says of a comment.
    pub fn opinion(&self, subject: &Subject<'_>, features: &mut Features) -> Opinion {
        let (base, abstains) = self.base(subject, features);
        let log_odds = match self.layer_used {
            true => self.used.over(base, features.places(&self.model)),
            false => base,
        };
        let abstains = abstains.filter(|_| self.foreign < ACQUAINTED || !self.layer_used);
        Opinion::new(&self.model, log_odds, abstains)
    }

    /// The model's calibrated log-odds; even odds where it abstains.
    fn base(&self, subject: &Subject<'_>, features: &mut Features) -> (f32, Option<Abstains>) {
        let abstains = self.model.abstains(subject, features);
        (if abstains.is_some() { 0.0 } else { self.model.calibrated(self.model.log_odds(features)) }, abstains)
    }

    /// Learns the decision on the comment `id`.
    pub fn learn(&mut self, subject: &Subject<'_>, features: &mut Features, id: &str, spam: bool) {
        let (base, abstains) = self.base(subject, features);
        self.decisions += 1;
        self.foreign += u32::from(abstains.is_some());
        let link = Sha256::new_with_prefix(self.history).chain_update(id).chain_update([u8::from(spam)]);
        self.history = link.finalize().into();
        let Places { letters, besides } = features.places(&self.model);
        let decision = Held { letters: letters.into(), besides: besides.into(), base, spam };
        // By the id, not by turns: nobody can choose which of their decisions judges.
        if Sha256::digest(id)[0] % HELD_BACK == 0 {
            self.held.push_back(decision);
            self.used_loss = None;
            if self.held.len() > HELD
                && let Some(oldest) = self.held.pop_front()
            {
                self.teach(&oldest);
            }
        } else {
            self.teach(&decision);
        }
        self.waiting += 1;
        self.let_through();
    }

    /// The model's version, and after a plus sign the first 8 hex digits of a hash over all that was learned.
    pub fn version(&self) -> String {
        if self.decisions == 0 {
            return self.model.version().to_owned();
        }
        let history: String = self.history[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}+{history}", self.model.version())
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        let judged = self.held.len() >= ENOUGH;
        Standing {
            decisions: self.decisions,
            held_back: self.held.len(),
            waiting: self.waiting,
            dropped: self.dropped,
            model_loss: judged.then(|| self.model_loss()),
            layer_loss: judged.then(|| self.loss(&self.used)),
            layer_used: self.layer_used,
        }
    }

    fn teach(&mut self, decision: &Held) {
        let places = decision.places();
        self.learning.learn_over(decision.base, places, decision.spam);
        self.differ.extend(places.letters.iter().map(|letters| letters.place()));
        self.differ.extend(places.besides);
    }

    fn let_through(&mut self) {
        let judged = self.held.len() >= ENOUGH;
        let loss = |layer: &Layer| if judged { self.loss(layer) } else { 0.0 };
        let learning = loss(&self.learning);
        let mut used = self.used_loss.unwrap_or_else(|| loss(&self.used));
        if !judged || learning <= used + TOLERANCE {
            self.used.follow(&self.learning, &self.differ);
            used = learning;
            self.differ.clear();
            self.waiting = 0;
        } else if self.waiting >= PATIENCE {
            self.learning.follow(&self.used, &self.differ);
            self.differ.clear();
            self.waiting = 0;
            self.dropped += 1;
        }
        self.used_loss = judged.then_some(used);
        self.layer_used = self.used.decisions() > 0 && (!judged || used <= self.model_loss() + TOLERANCE);
    }

    fn loss(&self, layer: &Layer) -> f64 {
        self.mean_loss(|held| layer.over(held.base, held.places()))
    }

    fn model_loss(&self) -> f64 {
        self.mean_loss(|held| held.base)
    }

    /// The mean of the logarithmic loss; no single decision counts for more than that of one chance in a hundred.
    fn mean_loss(&self, log_odds: impl Fn(&Held) -> f32) -> f64 {
        const WORST: f64 = 4.6;
        let loss = |held: &Held| {
            let spam = probability(log_odds(held));
            (-(if held.spam { spam } else { 1.0 - spam }).ln()).min(WORST)
        };
        self.held.iter().map(loss).sum::<f64>() / self.held.len().max(1) as f64
    }
}

impl Held {
    fn places(&self) -> Places<'_> {
        Places { letters: &self.letters, besides: &self.besides }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(n: u32, spam: bool) -> Held {
        let places = |step: u32| (0..40).map(move |k| (n * 7919 + k * step) % 4096);
        let letters = places(31).map(|place| Letters::new(place, (place % 16) as u8)).collect();
        Held { letters, besides: places(17).collect(), base: 0.0, spam }
    }

    #[test]
    fn the_layer_in_use_is_the_one_that_learned_once_it_is_let_through() {
        let mut learner = Learner::new(Arc::new(Model::shipped().clone()));
        for n in 0..200 {
            learner.teach(&decision(n, n % 3 == 0));
            if n % 7 == 0 {
                learner.let_through();
                assert_eq!(learner.used, learner.learning);
            }
        }
        assert_ne!(learner.used, learner.learning);
    }

    #[test]
    fn a_version_that_judges_worse_is_dropped_for_the_one_in_use() {
        let mut learner = Learner::new(Arc::new(Model::shipped().clone()));
        learner.held = (0..20).map(|n| decision(n, false)).collect();
        for n in 0..20 {
            learner.teach(&decision(n, false));
        }
        learner.let_through();
        let good = learner.used.clone();
        for n in 0..20 {
            learner.teach(&decision(n, true));
        }
        learner.waiting = PATIENCE;
        learner.let_through();
        assert_eq!((&learner.used, &learner.learning, learner.dropped), (&good, &good, 1));
    }
}
