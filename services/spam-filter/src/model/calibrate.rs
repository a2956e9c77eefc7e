//! Log-odds that are as often right as they say.

/// A score with what it should have been, and how much it counts.
#[derive(Debug, Clone, Copy)]
pub struct Scored {
    /// The log-odds.
    pub log_odds: f32,
    /// Whether it is spam.
    pub spam: bool,
    /// How much it counts.
    pub weight: f64,
}

/// The slope and the offset that make log-odds calibrated (Platt, 1999), by Newton's method.
pub fn platt(scores: &[Scored]) -> (f32, f32) {
    let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
    for _ in 0..50 {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for score in scores {
            let x = f64::from(score.log_odds);
            let p = 1.0 / (1.0 + (-(slope * x + offset)).exp());
            let error = (p - f64::from(u8::from(score.spam))) * score.weight;
            let curve = (p * (1.0 - p)).max(1e-9) * score.weight;
            g0 += error * x;
            g1 += error;
            h00 += curve * x * x;
            h01 += curve * x;
            h11 += curve;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant.abs() < 1e-12 {
            break;
        }
        let (step0, step1) = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
        slope -= step0.clamp(-1.0, 1.0);
        offset -= step1.clamp(-1.0, 1.0);
        if step0.abs() + step1.abs() < 1e-9 {
            break;
        }
    }
    // A slope of zero or less would turn the order round; that few scores say nothing.
    if slope.is_finite() && offset.is_finite() && slope > 0.0 { (slope as f32, offset as f32) } else { (1.0, 0.0) }
}

/// The lowest threshold that at most `share` of the hams reach, where each counts by its weight.
pub fn threshold(scores: &[Scored], share: f64) -> f32 {
    let mut hams: Vec<&Scored> = scores.iter().filter(|score| !score.spam).collect();
    hams.sort_by(|a, b| b.log_odds.total_cmp(&a.log_odds));
    let mut allowed = share * hams.iter().map(|ham| ham.weight).sum::<f64>();
    for ham in hams {
        allowed -= ham.weight;
        if allowed < 0.0 {
            return ham.log_odds.next_up();
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_as_sure_as_it_should_be_is_halved() {
        // At log-odds 2 x the truth is x: 73 % of those at 2, 27 % of those at -2.
        let scores: Vec<Scored> = [(2.0, true, 73.1), (2.0, false, 26.9), (-2.0, true, 26.9), (-2.0, false, 73.1)]
            .map(|(log_odds, spam, weight)| Scored { log_odds, spam, weight })
            .into();
        let (slope, offset) = platt(&scores);
        assert!((slope - 0.5).abs() < 0.01 && offset.abs() < 0.01, "{slope} {offset}");
        assert_eq!(platt(&[]), (1.0, 0.0));
    }

    #[test]
    fn so_many_hams_reach_the_threshold() {
        let ham = |n: u8| Scored { log_odds: f32::from(n), spam: false, weight: 1.0 };
        let scores: Vec<Scored> = (0..100).map(ham).collect();
        let reach = |threshold: f32| scores.iter().filter(|score| score.log_odds >= threshold).count();
        assert_eq!(reach(threshold(&scores, 0.01)), 1);
        assert_eq!(reach(threshold(&scores, 0.0)), 0);
    }
}
