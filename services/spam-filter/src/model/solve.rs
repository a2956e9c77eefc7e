//! Logistic regression with L2 over features that count by how much they tell, solved in the dual, one example at a time (Yu, Huang and Lin, Machine Learning 85, 2011,
//! algorithm 5).

use super::trust::Trust;

/// An example: the places of its features' weights, and what it counts.
#[derive(Debug, Clone)]
pub struct Example {
    /// The places of letters' features.
    pub letters: Box<[u32]>,
    /// The places of other features.
    pub besides: Box<[u32]>,
    /// Whether it is spam.
    pub spam: bool,
    /// How dear a mistake is.
    pub cost: f64,
}

/// Marsaglia's xorshift64: the same numbers from the same seed, everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // No state may be zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `n`, which is above 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.next() >> 11) % n as u64) as usize
    }

    pub fn chance(&mut self, share: f64) -> bool {
        ((self.next() >> 11) as f64) < share * (1_u64 << 53) as f64
    }
}

/// Rounds over all examples; later ones hardly change anything.
const ROUNDS: usize = 20;

/// It is solved when an average round moves an example by less.
const STILL: f64 = 1e-4;

/// Weights and bias that solve the examples. What a feature besides the letters counts is `besides`. A feature's trust is
/// within its weight, so that it is summed without it.
pub fn solve(examples: &[&Example], trust: &Trust, besides: f32, seed: u64) -> (Vec<f32>, f32) {
    let mut weights = vec![0_f32; trust.0.len()];
    let units: Vec<f32> = examples.iter().map(|example| trust.unit(&example.letters)).collect();
    let squares: Vec<f64> =
        examples.iter().zip(&units).map(|(example, unit)| example.square(trust, *unit, besides)).collect();
    let mut bias = 0_f64;
    let mut alphas: Vec<f64> = examples.iter().map(|example| (0.001 * example.cost).min(1e-8)).collect();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = Random::new(seed);
    for _ in 0..ROUNDS {
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        let mut moved = 0_f64;
        for &n in &order {
            let example = examples[n];
            let label = if example.spam { 1.0 } else { -1.0 };
            let margin = label * (example.dot(&weights, units[n], besides) + bias);
            let alpha = minimise(alphas[n], example.cost, squares[n], margin);
            let step = (alpha - alphas[n]) * label;
            alphas[n] = alpha;
            example.add_to(&mut weights, trust, units[n], besides, step);
            bias += step;
            moved += step.abs();
        }
        if moved < STILL * examples.len() as f64 {
            break;
        }
    }
    (weights, bias as f32)
}

/// The `alpha` in (0, cost) that makes alpha ln alpha + (cost - alpha) ln (cost - alpha) + square / 2 (alpha - old)^2 +
/// margin (alpha - old) least, by Newton's method from the side where it converges.
fn minimise(old: f64, cost: f64, square: f64, margin: f64) -> f64 {
    let flipped = margin <= -0.5 * square * (cost - 2.0 * old);
    let (from, margin) = if flipped { (cost - old, -margin) } else { (old, margin) };
    let mut z = if from > 0.5 * cost { from * 0.1 } else { from };
    for _ in 0..100 {
        let gradient = square * (z - from) + margin + (z / (cost - z)).ln();
        if gradient.abs() < 1e-3 {
            break;
        }
        let next = z - gradient / (square + cost / (z * (cost - z)));
        z = if next <= 0.0 { z * 0.1 } else { next.min(cost * (1.0 - 1e-12)) };
    }
    if flipped { cost - z } else { z }
}

impl Example {
    /// Log-odds without the bias. `unit` is that of the letters.
    pub fn dot(&self, weights: &[f32], unit: f32, besides: f32) -> f64 {
        let sum = |places: &[u32]| places.iter().map(|place| f64::from(weights[*place as usize])).sum::<f64>();
        sum(&self.letters) * f64::from(unit) + sum(&self.besides) * f64::from(besides)
    }

    fn add_to(&self, weights: &mut [f32], trust: &Trust, unit: f32, besides: f32, amount: f64) {
        let amount_of = |value: f32| (amount * f64::from(value)) as f32;
        for place in &self.letters {
            weights[*place as usize] += amount_of(unit) * trust.letter(*place).powi(2);
        }
        for place in &self.besides {
            weights[*place as usize] += amount_of(besides) * trust.besides(*place).powi(2);
        }
    }

    /// The square of its length, the bias's 1 included. What comes twice counts twice. `unit` is that of the letters.
    fn square(&self, trust: &Trust, unit: f32, besides: f32) -> f64 {
        let square = |places: &[u32], value: &dyn Fn(u32) -> f32| {
            let mut places = places.to_vec();
            places.sort_unstable();
            let same = places.chunk_by(|a, b| a == b);
            same.map(|same| (same.len() as f64 * f64::from(value(same[0]))).powi(2)).sum::<f64>()
        };
        let letters = square(&self.letters, &|place| trust.letter(place) * unit);
        1.0 + letters + square(&self.besides, &|place| trust.besides(place) * besides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(letters: &[u32], spam: bool, cost: f64) -> Example {
        Example { letters: letters.into(), besides: Box::new([]), spam, cost }
    }

    #[test]
    fn the_gradient_vanishes_at_the_solution() {
        let examples = [
            example(&[0, 1], true, 1.0),
            example(&[1], false, 2.0),
            example(&[0, 2], true, 0.5),
            example(&[2], false, 1.0),
        ];
        let trust = Trust(Box::new([4, 15, 9]));
        let (weights, bias) = solve(&examples.iter().collect::<Vec<_>>(), &trust, 1.0, 7);
        // The primal's gradient: w - sum of cost * label * features * sigma(-label * z); the bias is a weight as well.
        let alone = |place: u32| f64::from(weights[place as usize] / trust.letter(place));
        let mut gradient: Vec<f64> = (0..3).map(alone).chain([f64::from(bias)]).collect();
        for example in &examples {
            let label = if example.spam { 1.0 } else { -1.0 };
            let unit = trust.unit(&example.letters);
            let z = example.dot(&weights, unit, 1.0) + f64::from(bias);
            let pull = example.cost * label / (1.0 + (label * z).exp());
            for place in &example.letters {
                gradient[*place as usize] -= pull * f64::from(trust.letter(*place) * unit);
            }
            gradient[3] -= pull;
        }
        assert!(gradient.iter().all(|g| g.abs() < 0.01), "{gradient:?}");
        assert!(weights[0] > 0.0 && weights[1] < weights[0]);
    }
}
