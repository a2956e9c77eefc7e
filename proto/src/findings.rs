//! A screening in a moderator's words: the mail, the page behind its link and the command line say the same.
//!
//! What comes out is text. It may name domains and words of the comment, so whoever makes HTML of it escapes it.

use crate::v1::{Signal, Verdict};

/// So many findings stand in a mail and on a page.
pub const TOP: usize = 3;

/// What is said where no signal spoke.
pub const NOTHING: &str = "Nothing spoke against it.";

/// What one signal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<'a> {
    /// The signal's stable name.
    pub name: &'a str,
    /// What it found, as a sentence.
    pub sentence: String,
    /// What that counts: `+2.50 points`, or what it demands, or both.
    pub counts: String,
}

/// What the signals of a screening say: first those that argue against publishing, the strongest first as the filter left
/// them; then the others, those that argue most for publishing first.
pub fn findings(signals: &[Signal]) -> Vec<Finding<'_>> {
    let (mut ordered, mut others): (Vec<_>, Vec<_>) =
        signals.iter().partition(|signal| signal.weight > 0.0 || signal.at_least() >= Verdict::Hold);
    others.sort_by(|a, b| a.weight.total_cmp(&b.weight));
    ordered.extend(others);
    ordered.into_iter().map(finding).collect()
}

impl Verdict {
    /// As tools and metrics write it; what was not said is a hold, as everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Approve => "approve",
            Verdict::Spam => "spam",
            Verdict::Hold | Verdict::Unspecified => "hold",
        }
    }
}

/// What became of a comment, and its score: `was held for a person, with 7.50 points`.
pub fn verdict(verdict: Verdict, score: f64) -> String {
    let became = match verdict {
        Verdict::Approve => "was approved",
        Verdict::Spam => "was taken for spam",
        Verdict::Hold | Verdict::Unspecified => "was held for a person",
    };
    format!("{became}, with {} points", number(score))
}

/// A clause as a sentence: a capital and a full stop.
pub fn sentence(clause: &str) -> String {
    let mut letters = clause.trim().chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let mut sentence: String = first.chain(letters).collect();
    if !sentence.is_empty() && !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

fn finding(signal: &Signal) -> Finding<'_> {
    let said = if signal.reason.trim().is_empty() { &signal.name } else { &signal.reason };
    let demand = match signal.at_least() {
        Verdict::Hold => "asks for a person",
        Verdict::Spam => "is spam by itself",
        Verdict::Approve | Verdict::Unspecified => "",
    };
    let points = match signal.weight > 0.0 {
        true => format!("+{} points", number(signal.weight)),
        false => format!("{} points", number(signal.weight)),
    };
    let counts = match (signal.weight == 0.0, demand) {
        (_, "") => points,
        (true, demand) => demand.to_owned(),
        (false, demand) => format!("{points}, {demand}"),
    };
    Finding { name: &signal.name, sentence: sentence(said), counts }
}

/// Two digits, or as few as a number has that a misconfigured policy has made enormous.
fn number(points: f64) -> String {
    if points.abs() < 1e9 { format!("{points:.2}") } else { format!("{points:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(name: &str, weight: f64, at_least: Verdict) -> Signal {
        Signal { name: name.into(), weight, reason: format!("it is {name}"), at_least: at_least.into() }
    }

    #[test]
    fn what_argues_against_publishing_comes_first() {
        use Verdict::{Hold, Spam, Unspecified};
        let signals = [
            signal("listed", 0.0, Spam),
            signal("new", 0.0, Hold),
            signal("linked", 2.5, Unspecified),
            signal("unsure", 0.0, Unspecified),
            signal("long", -0.5, Unspecified),
            signal("honest", -2.0, Unspecified),
            signal("odd", -1.0, Hold),
        ];
        let found = findings(&signals);
        let said: Vec<_> = found.iter().map(|found| (found.name, found.counts.as_str())).collect();
        let expected = [
            ("listed", "is spam by itself"),
            ("new", "asks for a person"),
            ("linked", "+2.50 points"),
            ("odd", "-1.00 points, asks for a person"),
            ("honest", "-2.00 points"),
            ("long", "-0.50 points"),
            ("unsure", "0.00 points"),
        ];
        assert_eq!(said, expected);
        assert_eq!(found[0].sentence, "It is listed.");
    }

    #[test]
    fn a_signal_without_a_reason_has_its_name() {
        let signals = [Signal { name: "links".into(), weight: 1.0, ..Signal::default() }];
        assert_eq!(findings(&signals)[0].sentence, "Links.");
    }

    #[test]
    fn a_verdict_is_said_with_its_score() {
        assert_eq!(verdict(Verdict::Hold, 7.5), "was held for a person, with 7.50 points");
        assert_eq!(verdict(Verdict::Spam, f64::MAX), "was taken for spam, with 1.7976931348623157e308 points");
    }

    #[test]
    fn a_sentence_begins_and_ends_as_one() {
        assert_eq!(sentence("ß is a letter"), "SS is a letter.");
        assert_eq!(sentence(" really? "), "Really?");
        assert_eq!(sentence(""), "");
    }
}
