//! What the model says of a comment, as a site's policy weighs it.

use rejoinder_proto::v1::Verdict;

use super::{Abstains, Card, Model, probability};
use crate::{ModelScore, Policy};

/// Log-odds below the threshold for holding from which the model begins to speak against a comment, and so many below
/// that it speaks for it as much as it may.
const SILENT: f32 = 3.0;
const ASSURED: f32 = 7.0;

/// What the model says of a comment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opinion {
    /// Calibrated log-odds that it is spam.
    pub log_odds: f32,
    /// Why they should not be relied upon.
    pub abstains: Option<Abstains>,
    hold_at: f32,
    spam_at: f32,
}

impl Opinion {
    /// The opinion behind calibrated log-odds.
    pub fn new(model: &Model, log_odds: f32, abstains: Option<Abstains>) -> Self {
        let Card { hold_at, spam_at, .. } = *model.card();
        Self { log_odds, abstains, hold_at, spam_at }
    }

    /// The probability that it is spam, 0 to 1. Where the model abstains, it is never as sure as spam takes.
    pub fn probability(&self) -> f64 {
        match self.abstains {
            Some(_) => probability(self.log_odds.min(self.spam_at.next_down())),
            None => probability(self.log_odds),
        }
    }

    /// The points of the opinion: `hold_at` of the policy at the model's threshold for holding, `spam_at` at that for spam,
    /// in straight lines between.
    pub fn weigh(&self, policy: &Policy, version: String) -> ModelScore {
        if let Some(abstains) = self.abstains {
            let what = match abstains {
                Abstains::Script => "script",
                Abstains::Language => "language",
            };
            let reason = format!("it is in a {what} that the learned model does not know, so the model has no opinion");
            let at_least = if policy.hold_unknown_language { Verdict::Hold } else { Verdict::Unspecified };
            return ModelScore { weight: 0.0, at_least, reason, version };
        }
        let points = [
            (self.hold_at - ASSURED, -policy.model_relief_max),
            (self.hold_at - SILENT, 0.0),
            (self.hold_at, policy.hold_at),
            (self.spam_at, policy.spam_at),
            (self.spam_at + 2.0, policy.spam_at * 1.2),
        ];
        let weight = between(&points, self.log_odds).min(policy.model_weight_max);
        // Two digits: a tenth of a point more or less is no evidence.
        let weight = (weight * 100.0).round() / 100.0;
        let chance = match self.probability() * 100.0 {
            percent if percent >= 99.5 => "more than 99 %".to_owned(),
            percent if percent >= 10.0 => format!("{percent:.0} %"),
            percent => format!("{percent:.1} %"),
        };
        let reason = format!("the learned model sees a chance of {chance} that it is spam");
        ModelScore { weight, at_least: Verdict::Unspecified, reason, version }
    }
}

/// The value at `x` of the line through the points, which are in order; level before the first and after the last.
fn between(points: &[(f32, f64)], x: f32) -> f64 {
    let after = points.partition_point(|(at, _)| *at <= x);
    match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
        (Some((from, low)), Some((to, high))) => low + (high - low) * f64::from((x - from) / (to - from)),
        (Some((_, value)), None) | (None, Some((_, value))) => *value,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opinion(log_odds: f32) -> Opinion {
        Opinion { log_odds, abstains: None, hold_at: 1.0, spam_at: 6.0 }
    }

    #[test]
    fn the_thresholds_of_the_model_are_those_of_the_policy() {
        let policy = Policy { model_weight_max: 12.0, model_relief_max: 2.0, ..Policy::default() };
        let weight = |log_odds| opinion(log_odds).weigh(&policy, String::new()).weight;
        assert_eq!(weight(1.0), policy.hold_at);
        assert_eq!(weight(6.0), policy.spam_at);
        assert_eq!(weight(60.0), policy.spam_at * 1.2);
        assert_eq!(weight(-2.0), 0.0);
        assert_eq!(weight(-60.0), -policy.model_relief_max);
        assert!((weight(3.5) - 7.5).abs() < 0.01);
        let capped = Policy { model_weight_max: 5.0, ..policy };
        assert_eq!(opinion(60.0).weigh(&capped, String::new()).weight, 5.0);
    }

    #[test]
    fn who_abstains_calls_nothing_spam() {
        let unknown = Opinion { abstains: Some(Abstains::Script), ..opinion(60.0) };
        let score = unknown.weigh(&Policy::default(), String::new());
        assert_eq!((score.weight, score.at_least), (0.0, Verdict::Hold));
        assert!(unknown.probability() < opinion(6.0).probability());
        let open = Policy { hold_unknown_language: false, ..Policy::default() };
        assert_eq!(unknown.weigh(&open, String::new()).at_least, Verdict::Unspecified);
    }
}
