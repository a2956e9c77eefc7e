//! What a site's moderators have taught, over what all sites share.

use std::sync::LazyLock;

use super::{Features, Model, Places, features::BUCKETS, probability, trust};

/// The layer's table is coarser than the model's: a site has thousands of decisions, not millions.
const SHIFT: u32 = 1;
const PLACES: usize = BUCKETS >> SHIFT;

/// AdaGrad's rate (Duchi, Hazan and Singer, JMLR 12, 2011), and those below: measured, see docs/spam-filter.md.
const RATE: f32 = 0.4;

/// The same of the bias: how often a site has spam says little about one comment.
const BIAS_RATE: f32 = 0.05;

/// What a feature besides the letters counts.
const BESIDES: f32 = 0.2;

/// A feature of the letters counts by how much it tells: by the model, and so many times that by the site's own decisions;
/// and by this much, in steps, where it tells nothing yet.
const OWN: f32 = 0.7;
const LEAST: f32 = 1.0;

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
    slots: Box<[Slot]>,
    bias: f32,
    bias_square: f32,
    /// What is added to [`PRIOR`].
    learned_prior: f32,
    prior_square: f32,
    /// How many decisions for ham, and how many for spam, taught something.
    taught: [u16; 2],
}

/// What is learned at a place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Slot {
    weight: f32,
    square: f32,
    /// How often it stood in ham, and how often in spam, that taught something.
    stood: [u16; 2],
}

impl Default for Layer {
    fn default() -> Self {
        Self {
            slots: vec![Slot::default(); PLACES].into(),
            bias: 0.0,
            bias_square: 0.0,
            learned_prior: 0.0,
            prior_square: 0.0,
            taught: [0; 2],
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

    /// How many decisions taught it something; of each kind 65,535 are counted.
    pub fn decisions(&self) -> u32 {
        self.taught.into_iter().map(u32::from).sum()
    }

    /// Becomes the same as another that differs at no other places than these.
    pub(super) fn follow(&mut self, other: &Self, places: &[u32]) {
        for slot in places.iter().map(|place| slot(*place)) {
            self.slots[slot] = other.slots[slot];
        }
        (self.bias, self.bias_square) = (other.bias, other.bias_square);
        (self.learned_prior, self.prior_square) = (other.learned_prior, other.prior_square);
        self.taught = other.taught;
    }

    pub(super) fn over(&self, base: f32, places: Places<'_>) -> f32 {
        self.sum(base, self.counted(places), places.besides).0
    }

    pub(super) fn learn_over(&mut self, base: f32, places: Places<'_>, spam: bool) {
        let letters: Vec<Counted> = self.counted(places).collect();
        for step in 0..STEPS {
            let (log_odds, unit) = self.sum(base, letters.iter().copied(), places.besides);
            let error = probability(log_odds) as f32 - f32::from(u8::from(spam));
            if error.abs() < CONTENT {
                break;
            }
            if step == 0 {
                self.count(&letters, spam);
            }
            letters.iter().for_each(|letter| self.step(letter.slot, error * unit * letter.counts));
            places.besides.iter().for_each(|place| self.step(slot(*place), error * BESIDES));
            adagrad(&mut self.bias, &mut self.bias_square, error, BIAS_RATE);
            let gradient = error * base.clamp(-SURE, SURE);
            adagrad(&mut self.learned_prior, &mut self.prior_square, gradient, PRIOR_RATE);
        }
    }

    /// What was known already is no experience, and not counted: a flood of one text does not make a site grown up.
    fn count(&mut self, letters: &[Counted], spam: bool) {
        let kind = usize::from(spam);
        self.taught[kind] = self.taught[kind].saturating_add(1);
        for letter in letters {
            let stood = &mut self.slots[letter.slot].stood[kind];
            *stood = stood.saturating_add(1);
        }
    }

    /// What each of the letters' features counts. How much one tells by the site is how far its frequency in spam lies from that
    /// in ham, as it is in the model (see [`trust`]).
    fn counted(&self, places: Places<'_>) -> impl Iterator<Item = Counted> {
        let usual = ratio(self.taught);
        places.letters.iter().map(move |letters| {
            let slot = slot(letters.place());
            let own = match self.slots[slot].stood {
                [0, 0] => 0.0,
                stood => (ratio(stood) - usual).abs().min(trust::MOST) * (OWN * f32::from(trust::STEPS) / trust::MOST),
            };
            Counted { slot, counts: LEAST + f32::from(letters.trust()) + own }
        })
    }

    /// The log-odds, and what the letters' features are multiplied by together in them: their vector then has about the length
    /// 1, however long the text is.
    fn sum(&self, base: f32, letters: impl Iterator<Item = Counted>, besides: &[u32]) -> (f32, f32) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for Counted { slot, counts } in letters {
            sum += counts * self.slots[slot].weight;
            squares += counts * counts;
        }
        let unit = 1.0 / squares.max(1.0_f32).sqrt();
        let besides: f32 = besides.iter().map(|place| self.slots[slot(*place)].weight).sum();
        (self.prior() * base + self.bias + unit * sum + BESIDES * besides, unit)
    }

    fn step(&mut self, slot: usize, gradient: f32) {
        let Slot { weight, square, .. } = &mut self.slots[slot];
        adagrad(weight, square, gradient, RATE);
    }

    /// How much the model's opinion counts.
    fn prior(&self) -> f32 {
        let grown = self.decisions().min(GROWN) as f32 / GROWN as f32;
        1.0 - (1.0 - PRIOR) * grown + self.learned_prior
    }
}

/// A feature of the letters of a comment.
#[derive(Debug, Clone, Copy)]
struct Counted {
    slot: usize,
    counts: f32,
}

/// The logarithm of how often spam comes for each ham, after Laplace's rule.
fn ratio([ham, spam]: [u16; 2]) -> f32 {
    static LOGARITHMS: LazyLock<Box<[f32]>> =
        LazyLock::new(|| (0..=u16::MAX).map(|n| (f32::from(n) + 1.0).ln()).collect());
    LOGARITHMS[usize::from(spam)] - LOGARITHMS[usize::from(ham)]
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
    fn what_tells_more_counts_for_more() {
        let mut layer = Layer::default();
        let letters = |places: &[(u32, u8)]| -> Vec<Letters> {
            places.iter().map(|(place, trust)| Letters::new(place << SHIFT, *trust)).collect()
        };
        let counts = |layer: &Layer, places: &[(u32, u8)]| -> Vec<f32> {
            let letters = letters(places);
            layer.counted(Places { letters: &letters, besides: &[] }).map(|letter| letter.counts).collect()
        };
        // By the model: one step more than nothing against sixteen.
        let [little, much] = counts(&layer, &[(1, 0), (2, 15)])[..] else { panic!("two") };
        assert!((much / little - 16.0).abs() < 0.01, "{little} {much}");
        // By the site: the one stands in all spam and no ham, the other in both.
        for n in 0..40 {
            let spam = n % 2 == 0;
            let text = letters(if spam { &[(1, 0), (2, 0)] } else { &[(3, 0), (2, 0)] });
            layer.learn_over(0.0, Places { letters: &text, besides: &[] }, spam);
        }
        let [one, both, never] = counts(&layer, &[(1, 0), (2, 0), (4, 0)])[..] else { panic!("three") };
        assert!(one > 4.0 * both && (both - never).abs() < 0.2 * never, "{one} {both} {never}");
    }

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
