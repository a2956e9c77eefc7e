//! What was learned from labelled comments: a weight for each of about a million hashed features, and how far to trust
//! their sum.
//!
//! [`Model`] is the part that all sites share and that never changes; a site's own experience is a [`Layer`] over it.
//! Both read a comment's [`Features`]. Training is in [`train`], how good scores are in [`measure`].

mod addresses;
mod calibrate;
mod disguise;
mod explain;
mod features;
mod file;
mod folds;
mod glossary;
mod hash;
mod layer;
mod learner;
pub mod measure;
mod opinion;
mod runs;
mod scripts;
mod shape;
mod solve;
pub mod train;
mod trust;
mod words;

use std::sync::LazyLock;

pub use explain::{Share, explain, telling_words};
use features::place;
pub use features::{BUCKETS, Features, Letters, Places, Subject};
pub use file::{Card, ModelError, Source};
use glossary::Sums;
pub use layer::Layer;
pub use learner::{ACQUAINTED, Learner, Standing};
pub use opinion::Opinion;

/// Weights that all sites share.
#[derive(Debug, Clone)]
pub struct Model {
    card: Card,
    table: Box<[Entry]>,
    version: String,
    /// Tells it from other models in this process.
    id: u64,
}

/// What is learned of one place. Together, so that they are read at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Entry {
    /// The weight, in steps.
    weight: i8,
    /// How much it tells, in steps, and above that [`KNOWN`] where it is a whole word that was seen.
    trust: u8,
}

const KNOWN: u8 = 0x80;

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
    pub fn log_odds(&self, features: &mut Features) -> f32 {
        let letters = self.sum(features).sums;
        let besides: i32 = features.besides.iter().map(|place| i32::from(self.table[*place as usize].weight)).sum();
        let letters = letters.weights as f32 * trust::unit(letters.squares);
        self.card.bias + self.card.step * (letters + besides as f32 * self.card.besides)
    }

    /// Log-odds that are as often right as they say, on comments like those that it was trained on.
    pub fn calibrated(&self, log_odds: f32) -> f32 {
        self.card.slope * log_odds + self.card.offset
    }

    /// Whether it should not be asked about a text.
    pub fn abstains(&self, subject: &Subject<'_>, features: &mut Features) -> Option<Abstains> {
        if scripts::mostly_unknown(&subject.normal.words, &self.card.scripts) {
            return Some(Abstains::Script);
        }
        let summed = self.sum(features);
        let (words, known) = (summed.words as usize, summed.known as usize);
        (words >= MIN_WORDS && known * 100 < words * KNOWN_PERCENT).then_some(Abstains::Language)
    }

    /// Whether it has learned a word, by its hash.
    fn knows(&self, word: u64) -> bool {
        self.table[place(word) as usize].trust & KNOWN != 0
    }

    #[inline]
    fn at(&self, place: u32) -> Sums {
        let Entry { weight, trust } = self.table[place as usize];
        Sums { weights: i32::from(weight), squares: u32::from(trust & trust::STEPS).pow(2) }
    }

    /// How much the feature at a place tells, in steps.
    fn trust(&self, place: u32) -> u8 {
        self.table[place as usize].trust & trust::STEPS
    }

    /// The weight at a place, in log-odds.
    fn weight(&self, place: u32) -> f32 {
        f32::from(self.table[place as usize].weight) * self.card.step
    }
}

/// The probability of log-odds.
pub fn probability(log_odds: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(log_odds)).exp())
}
