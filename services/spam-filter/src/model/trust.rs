//! How much each feature tells, before anything is learned from it.
//!
//! The logistic regression sees each feature multiplied by how far its frequency in spam lies from that in ham, so that the
//! many that say nothing drown none of the few that do (Wang and Manning, Baselines and Bigrams, ACL 2012, who use the
//! ratio's sign as well).

use super::solve::Example;

/// Ratios beyond e to this power say no more.
pub const MOST: f32 = 4.0;

/// A ratio is one of these steps: a model keeps four bits of it.
pub const STEPS: u8 = 15;

/// Added to each count, whose unit is the dearest row: what came hardly ever tells little.
const SMOOTHING: f64 = 0.05;

/// What is known besides the letters is in nearly every comment, and counts as it is where it tells much.
const MOST_BESIDES: f32 = 1.0;

/// A step for each place of the table of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust(pub(super) Box<[u8]>);

impl Trust {
    /// Counted over examples, each by its cost.
    pub fn of(examples: &[&Example], places: usize) -> Self {
        let dearest = examples.iter().map(|example| example.cost).fold(f64::MIN_POSITIVE, f64::max);
        let mut counts = vec![[SMOOTHING; 2]; places];
        let mut rows = [2.0 * SMOOTHING; 2];
        // A feature counts once for an example, however often it stands there.
        let mut last = vec![0_u32; places];
        for (n, example) in (1..).zip(examples) {
            let (label, count) = (usize::from(example.spam), example.cost / dearest);
            rows[label] += count;
            for place in example.letters.iter().chain(&example.besides).map(|place| *place as usize) {
                if std::mem::replace(&mut last[place], n) != n {
                    counts[place][label] += count;
                }
            }
        }
        let usual = (rows[1] / rows[0]).ln();
        let step = |[ham, spam]: &[f64; 2]| {
            let ratio = ((spam / ham).ln() - usual).abs() as f32;
            (ratio / MOST * f32::from(STEPS)).round().min(f32::from(STEPS)) as u8
        };
        Self(counts.iter().map(step).collect())
    }

    /// What a feature of the letters is multiplied by, before [`Self::unit`].
    pub fn letter(&self, place: u32) -> f32 {
        f32::from(self.0[place as usize]) * (MOST / f32::from(STEPS))
    }

    /// What a feature besides the letters is multiplied by.
    pub fn besides(&self, place: u32) -> f32 {
        self.letter(place).min(MOST_BESIDES)
    }

    /// What the letters' features are multiplied by together.
    pub fn unit(&self, letters: &[u32]) -> f32 {
        unit(letters.iter().map(|place| u32::from(self.0[*place as usize]).pow(2)).sum())
    }
}

/// What features are multiplied by together whose steps have squares of this sum: their vector then has the length 1, however
/// long the text is, as far as none comes twice.
pub fn unit(squares: u32) -> f32 {
    f32::from(STEPS) / MOST / (squares.max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_one_kind_only_tells_most_and_what_comes_in_both_tells_nothing() {
        let example =
            |letters: &[u32], spam, cost| Example { letters: letters.into(), besides: Box::new([]), spam, cost };
        let examples = [
            example(&[0, 1], true, 2.0),
            example(&[0, 1, 3], true, 2.0),
            example(&[0, 2], false, 1.0),
            example(&[0, 2], false, 1.0),
            example(&[0, 2], false, 1.0),
            example(&[0, 2, 3], false, 1.0),
        ];
        let trust = Trust::of(&examples.iter().collect::<Vec<_>>(), 5);
        assert!(trust.letter(0) < 0.1 && trust.letter(4) < 0.1, "{trust:?}");
        assert!(trust.letter(1) > 2.5 && trust.letter(2) > 2.5, "{trust:?}");
        assert!(trust.letter(3) > 0.1 && trust.letter(3) < 1.0, "{trust:?}");
        assert_eq!(trust.besides(1), MOST_BESIDES);
        let letters = [0, 1, 2, 3];
        let length = letters.iter().map(|place| (trust.letter(*place) * trust.unit(&letters)).powi(2)).sum::<f32>();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
        assert!(trust.unit(&[]).is_finite());
    }
}
