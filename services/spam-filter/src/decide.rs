use rejoinder_proto::v1::{self, Verdict};

use crate::Policy;

/// One thing that spoke for or against a comment.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// A stable name; see [`crate::signals::name`].
    pub name: &'static str,
    /// Points added to the score; above zero speaks for spam.
    pub weight: f64,
    /// A clause for a moderator. It quotes no more of the comment than domains, words of the policy, and words that the
    /// learned model knows.
    pub reason: String,
    /// The least verdict that this signal allows by itself; `Unspecified` when it only adds points.
    pub at_least: Verdict,
}

impl From<Signal> for v1::Signal {
    fn from(signal: Signal) -> Self {
        let Signal { name, weight, reason, at_least } = signal;
        Self { name: name.to_owned(), weight, reason, at_least: at_least.into() }
    }
}

/// The verdict over a comment, and its score.
///
/// 1. The score is the sum of the signals' weights.
/// 2. A score of `spam_at` or more is spam; else one of `hold_at` or more is held; else the comment is approved.
/// 3. No signal's `at_least` is gone below: the verdict is the strictest of rule 2 and of all of them, where approve
///    comes before hold, and hold before spam. So a low score never saves a comment from a rejected word.
/// 4. A weight that is no finite number is not added, and the comment is at least held: what cannot be weighed is never
///    published unchecked. The same for a score or a threshold that cannot be compared.
pub fn decide(signals: &[Signal], policy: &Policy) -> (Verdict, f64) {
    let finite = |signal: &&Signal| signal.weight.is_finite();
    let score: f64 = signals.iter().filter(finite).map(|signal| signal.weight).sum();
    let by_score = if score >= policy.spam_at {
        Verdict::Spam
    } else if score < policy.hold_at && signals.iter().all(|signal| signal.weight.is_finite()) {
        Verdict::Approve
    } else {
        Verdict::Hold
    };
    let verdict = signals.iter().map(|signal| signal.at_least).fold(by_score, Ord::max);
    (verdict, if score.is_finite() { score } else { f64::MAX })
}

/// Sorts the strongest first: by `at_least`, then by weight, then by name.
pub fn strongest_first(signals: &mut [Signal]) {
    signals.sort_by(|a, b| {
        b.at_least.cmp(&a.at_least).then_with(|| b.weight.total_cmp(&a.weight)).then_with(|| a.name.cmp(b.name))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(weight: f64, at_least: Verdict) -> Signal {
        Signal { name: "x", weight, reason: String::new(), at_least }
    }

    #[test]
    fn the_rule_as_it_is_documented() {
        use Verdict::{Approve, Hold, Spam, Unspecified};
        let policy = Policy::default();
        let cases: &[(&[Signal], Verdict, f64)] = &[
            (&[], Approve, 0.0),
            (&[signal(4.9, Unspecified)], Approve, 4.9),
            (&[signal(5.0, Unspecified)], Hold, 5.0),
            (&[signal(2.5, Unspecified), signal(2.5, Unspecified)], Hold, 5.0),
            (&[signal(9.9, Unspecified)], Hold, 9.9),
            (&[signal(10.0, Unspecified)], Spam, 10.0),
            (&[signal(0.0, Hold)], Hold, 0.0),
            (&[signal(12.0, Hold)], Spam, 12.0),
            (&[signal(0.0, Spam), signal(0.0, Hold)], Spam, 0.0),
            (&[signal(-20.0, Unspecified), signal(0.0, Spam)], Spam, -20.0),
            (&[signal(-20.0, Approve), signal(22.0, Unspecified)], Approve, 2.0),
            (&[signal(f64::NAN, Unspecified)], Hold, 0.0),
            (&[signal(f64::NEG_INFINITY, Unspecified), signal(11.0, Unspecified)], Spam, 11.0),
            (&[signal(f64::MAX, Unspecified), signal(f64::MAX, Unspecified)], Spam, f64::MAX),
        ];
        for (signals, verdict, score) in cases {
            assert_eq!(decide(signals, &policy), (*verdict, *score), "{signals:?}");
        }
    }

    #[test]
    fn a_threshold_that_cannot_be_compared_holds() {
        let policy = Policy { hold_at: f64::NAN, spam_at: f64::NAN, ..Policy::default() };
        assert_eq!(decide(&[], &policy).0, Verdict::Hold);
    }
}
