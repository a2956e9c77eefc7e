//! What a site's moderators have taught, over what all sites share.

use super::{Features, Model, Places, features::BUCKETS, probability};

/// The layer's table is coarser than the model's: a site has thousands of decisions, not millions.
const SHIFT: u32 = 1;
const PLACES: usize = BUCKETS >> SHIFT;

/// AdaGrad's rate (Duchi, Hazan and Singer, JMLR 12, 2011), and those below: measured, see docs/spam-filter.md.
const RATE: f32 = 0.4;

/// The same of the bias: how often a site has spam says little about one comment.
const BIAS_RATE: f32 = 0.05;

/// What a feature besides the letters counts.
const BESIDES: f32 = 0.2;

/// The model's opinion counts by this much once a site has [`GROWN`] decisions, and wholly where it has none; and by more
/// or less as it turns out to be right there.
const PRIOR: f32 = 0.5;
const GROWN: u32 = 50;

/// The rate at which that is learned, and the log-odds beyond which being surer teaches no more of it.
const PRIOR_RATE: f32 = 0.1;
const SURE: f32 = 6.0;

/// A decision teaches in at most so many steps, and none once the error is below [`CONTENT`]: neither one comment nor a
/// flood of the same can move a weight further. Much is learned from what was nearly known: features that are new to the
/// site take a whole step each.
const STEPS: usize = 3;
const CONTENT: f32 = 0.01;

/// Keeps the first steps finite.
const SMALL: f32 = 1e-6;

/// A site's own weights. The same decisions in the same order give the same layer, bit by bit.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    weights: Box<[f32]>,
    squares: Box<[f32]>,
    bias: f32,
    bias_square: f32,
    /// What is added to [`PRIOR`].
    learned_prior: f32,
    prior_square: f32,
    decisions: u32,
}

impl Default for Layer {
    fn default() -> Self {
        let table = || vec![0.0; PLACES].into_boxed_slice();
        Self {
            weights: table(),
            squares: table(),
            bias: 0.0,
            bias_square: 0.0,
            learned_prior: 0.0,
            prior_square: 0.0,
            decisions: 0,
        }
    }
}

impl Layer {
    /// Calibrated log-odds that a comment is spam. The model alone where nothing was learned.
    pub fn log_odds(&self, model: &Model, features: &mut Features) -> f32 {
        self.over(model.calibrated(model.log_odds(features)), features.places(model))
    }

    /// Learns a decision.
    pub fn learn(&mut self, model: &Model, features: &mut Features, spam: bool) {
        let base = model.calibrated(model.log_odds(features));
        self.learn_over(base, features.places(model), spam);
    }

    /// How many decisions taught it something.
    pub fn decisions(&self) -> u32 {
        self.decisions
    }

    /// Becomes the same as another that differs at no other places than these.
    pub(super) fn follow(&mut self, other: &Self, places: &[u32]) {
        for slot in places.iter().map(|place| slot(*place)) {
            self.weights[slot] = other.weights[slot];
            self.squares[slot] = other.squares[slot];
        }
        (self.bias, self.bias_square) = (other.bias, other.bias_square);
        (self.learned_prior, self.prior_square) = (other.learned_prior, other.prior_square);
        self.decisions = other.decisions;
    }

    pub(super) fn over(&self, base: f32, places: Places<'_>) -> f32 {
        let of = |place: u32| self.weights[slot(place)];
        let letters: f32 = places.letters.iter().map(|letters| letters.counts() * of(letters.place())).sum();
        let besides: f32 = places.besides.iter().map(|place| of(*place)).sum();
        self.prior() * base + self.bias + places.unit() * letters + BESIDES * besides
    }

    pub(super) fn learn_over(&mut self, base: f32, places: Places<'_>, spam: bool) {
        for step in 0..STEPS {
            let error = probability(self.over(base, places)) as f32 - f32::from(u8::from(spam));
            if error.abs() < CONTENT {
                break;
            }
            // What was known already is no experience: a flood of one text does not make a site grown up.
            self.decisions = self.decisions.saturating_add(u32::from(step == 0));
            let each = error * places.unit();
            places.letters.iter().for_each(|letters| self.step(letters.place(), each * letters.counts()));
            places.besides.iter().for_each(|place| self.step(*place, error * BESIDES));
            adagrad(&mut self.bias, &mut self.bias_square, error, BIAS_RATE);
            let gradient = error * base.clamp(-SURE, SURE);
            adagrad(&mut self.learned_prior, &mut self.prior_square, gradient, PRIOR_RATE);
        }
    }

    fn step(&mut self, place: u32, gradient: f32) {
        let slot = slot(place);
        adagrad(&mut self.weights[slot], &mut self.squares[slot], gradient, RATE);
    }

    /// How much the model's opinion counts.
    fn prior(&self) -> f32 {
        let grown = self.decisions.min(GROWN) as f32 / GROWN as f32;
        1.0 - (1.0 - PRIOR) * grown + self.learned_prior
    }
}

/// A step of a weight, whose steps become smaller the more it has learned.
fn adagrad(weight: &mut f32, square: &mut f32, gradient: f32, rate: f32) {
    *square += gradient * gradient;
    *weight -= rate * gradient / (square.sqrt() + SMALL);
}

fn slot(place: u32) -> usize {
    (place >> SHIFT) as usize
}

#[cfg(test)]
mod tests {
    use super::{super::Letters, *};

    #[test]
    fn the_models_opinion_counts_for_more_where_it_is_right() {
        let counts = |right: bool| {
            let mut layer = Layer::default();
            for n in 0..2 * GROWN {
                let spam = n % 2 == 0;
                let base = if spam == right { 2.0 } else { -2.0 };
                // Each comment has a word of its own, from which nothing can be learned about the next.
                layer.learn_over(base, Places { letters: &[Letters::new(n << SHIFT, 0)], besides: &[] }, spam);
            }
            let says = |base: f32| layer.over(base, Places { letters: &[], besides: &[] });
            (says(1.0) - says(-1.0)) / 2.0
        };
        let (right, wrong) = (counts(true), counts(false));
        assert!(right > PRIOR + 0.3 && wrong < PRIOR - 0.3, "{right} {wrong}");
    }
}
