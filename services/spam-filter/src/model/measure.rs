//! How good scores are. Higher scores mean spam.

/// The area under the ROC curve; ties count half. `None` without both kinds.
pub fn auc(spam: &[f64], ham: &[f64]) -> Option<f64> {
    if spam.is_empty() || ham.is_empty() {
        return None;
    }
    let all = |scores: &[f64], spam| scores.iter().map(|score| (*score, spam)).collect::<Vec<_>>();
    let mut all = [all(spam, true), all(ham, false)].concat();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut area) = (0_f64, 0_f64);
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let spams = tied.iter().filter(|(_, spam)| *spam).count() as f64;
        let hams = tied.len() as f64 - spams;
        area += spams * (below + hams / 2.0);
        below += hams;
    }
    Some(area / (spam.len() as f64 * ham.len() as f64))
}

/// The share of the spam that is caught where at most `share` of the hams are flagged. A spam with the score of a ham
/// that must not be flagged is not caught. `None` without both kinds.
pub fn recall_at(spam: &[f64], ham: &[f64], share: f64) -> Option<f64> {
    let mut ham = ham.to_vec();
    ham.sort_by(|a, b| b.total_cmp(a));
    let first_kept = *ham.get((ham.len() as f64 * share) as usize)?;
    let caught = spam.iter().filter(|score| **score > first_kept).count();
    (!spam.is_empty()).then(|| caught as f64 / spam.len() as f64)
}

/// A tenth of the scores: its mean score, the share of spam, and how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// The mean of the probabilities.
    pub said: f64,
    /// The share that is spam.
    pub was: f64,
    /// How many.
    pub count: usize,
}

/// Probabilities in ten equal steps with what came true; steps without scores are left out.
pub fn reliability(spam: &[f64], ham: &[f64]) -> Vec<Bin> {
    let mut bins = [(0.0, 0_usize, 0_usize); 10];
    for (scores, is_spam) in [(spam, true), (ham, false)] {
        for score in scores {
            let bin = &mut bins[((score * 10.0) as usize).min(9)];
            bin.0 += score;
            bin.1 += usize::from(is_spam);
            bin.2 += 1;
        }
    }
    let filled = bins.into_iter().filter(|(_, _, count)| *count > 0);
    filled.map(|(sum, spam, count)| Bin { said: sum / count as f64, was: spam as f64 / count as f64, count }).collect()
}

/// The expected calibration error: how far what was said lies from what came true, over all steps of
/// [`reliability`] (Naeini, Cooper and Hauskrecht, AAAI 2015).
pub fn calibration_error(spam: &[f64], ham: &[f64]) -> f64 {
    let all = (spam.len() + ham.len()).max(1) as f64;
    reliability(spam, ham).iter().map(|bin| (bin.said - bin.was).abs() * bin.count as f64 / all).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_order_a_reversed_one_and_ties() {
        assert_eq!(auc(&[0.9, 0.8], &[0.1, 0.2]), Some(1.0));
        assert_eq!(auc(&[0.1], &[0.9]), Some(0.0));
        assert_eq!(auc(&[0.5, 0.5], &[0.5]), Some(0.5));
        assert_eq!(auc(&[], &[0.5]), None);
    }

    #[test]
    fn ties_count_against_recall() {
        let ham: Vec<f64> = (0..100).map(|n| f64::from(n) / 200.0).collect();
        // One of a hundred hams may be flagged: the highest, 0.495. The next, 0.49, may not.
        assert_eq!(recall_at(&[0.9, 0.495, 0.491, 0.49], &ham, 0.01), Some(0.75));
        assert_eq!(recall_at(&[0.5; 4], &[0.5; 4], 0.01), Some(0.0));
        assert_eq!(recall_at(&[], &ham, 0.01), None);
        assert_eq!(recall_at(&[0.9], &[], 0.01), None);
    }

    #[test]
    fn calibration_is_measured_in_steps() {
        assert!(calibration_error(&[0.75; 3], &[0.75]) < 1e-9);
        assert!((calibration_error(&[], &[0.75; 4]) - 0.75).abs() < 1e-9);
        assert_eq!(reliability(&[1.0], &[]), [Bin { said: 1.0, was: 1.0, count: 1 }]);
    }
}
