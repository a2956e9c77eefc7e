//! What was learned from labelled comments: a weight for each of about a million hashed features, and how far to trust
//! their sum.
//!
//! [`Model`] is the part that all sites share and that never changes; a site's own experience is a [`Layer`] over it.
//! Both read a comment's [`Features`]. Training is in [`train`], how good scores are in [`measure`].

mod calibrate;
mod disguise;
mod explain;
mod features;
mod file;
mod folds;
mod hash;
mod layer;
mod learner;
pub mod measure;
mod opinion;
mod scripts;
mod shape;
mod solve;
pub mod train;
mod trust;

use std::sync::LazyLock;

pub use explain::{Share, explain, telling_words};
pub use features::{BUCKETS, Features, Subject};
pub use file::{Card, ModelError, Source};
pub use layer::Layer;
pub use learner::{Learner, Standing};
pub use opinion::Opinion;
use trust::Trust;

/// Weights that all sites share.
#[derive(Debug, Clone)]
pub struct Model {
    card: Card,
    weights: Box<[i8]>,
    trust: Trust,
    /// A bit for each place of a whole word that it has seen.
    known: Box<[u64]>,
    version: String,
}

/// Why a model has no opinion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abstains {
    /// Most letters are of scripts that it has never learned.
    Script,
    /// Most words are of a language that it has never learned.
    Language,
}

/// Texts with fewer words than this are judged whatever their language.
const MIN_WORDS: usize = 4;

/// With a smaller share of known words than this, in percent, a language is unknown. Measured: see docs/spam-filter.md.
const KNOWN_PERCENT: usize = 30;

impl Model {
    /// The model that is part of the program, trained on data with open licences only; docs/spam-filter.md names them.
    pub fn shipped() -> &'static Model {
        static SHIPPED: LazyLock<Model> = LazyLock::new(|| {
            Model::decode(include_bytes!("../models/shipped.rjmodel")).expect("a test decodes the shipped model")
        });
        &SHIPPED
    }

    /// The first 12 hex digits of the SHA-256 of its bytes.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What it says about itself.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The log-odds that a comment is spam, before calibration.
    pub fn log_odds(&self, features: &Features) -> f32 {
        let sum =
            |places: &[u32]| places.iter().map(|place| i32::from(self.weights[*place as usize])).sum::<i32>() as f32;
        let letters = sum(features.letters()) * self.trust.unit(features.letters());
        self.card.bias + self.card.step * (letters + sum(features.besides()) * self.card.besides)
    }

    /// Log-odds that are as often right as they say, on comments like those that it was trained on.
    pub fn calibrated(&self, log_odds: f32) -> f32 {
        self.card.slope * log_odds + self.card.offset
    }

    /// Whether it should not be asked about a text.
    pub fn abstains(&self, subject: &Subject<'_>, features: &Features) -> Option<Abstains> {
        if scripts::mostly_unknown(&subject.normal.words, &self.card.scripts) {
            return Some(Abstains::Script);
        }
        let words = features.words();
        let known = words.iter().filter(|place| self.knows(**place)).count();
        (words.len() >= MIN_WORDS && known * 100 < words.len() * KNOWN_PERCENT).then_some(Abstains::Language)
    }

    fn knows(&self, place: u32) -> bool {
        self.known[place as usize / 64] >> (place % 64) & 1 == 1
    }

    /// The weight at a place, in log-odds.
    fn weight(&self, place: u32) -> f32 {
        f32::from(self.weights[place as usize]) * self.card.step
    }
}

/// The probability of log-odds.
pub fn probability(log_odds: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(log_odds)).exp())
}
