//! How the letters look: capitals, runs, and letters that are drawings of letters.

use super::{hint, name};
use crate::{
    Policy, Signal,
    bytes::{count, count_pairs},
    normal::{is_lettering, known},
};

/// A word or two in styled letters; single ones are enumeration marks and formulas.
const STYLED_LETTERS: u32 = 3;

#[derive(Default)]
struct Tally {
    cased: u32,
    capitals: u32,
    styled: u32,
}

/// Shouting, character runs and styled letters.
pub(super) fn signals(text: &str, policy: &Policy, signals: &mut Vec<Signal>) {
    let tally = tally(text);
    let share = f64::from(tally.capitals) / f64::from(tally.cased.max(1));
    if tally.cased >= policy.shouting_min_letters.max(1) && share >= policy.shouting_share {
        let reason = || format!("{:.0} % of its letters are capitals", share * 100.0);
        signals.extend(hint(name::SHOUTING, policy.shouting_weight, reason));
    }
    if let Some(run) = longest_run(text, policy.run_length.max(2)) {
        let reason = || format!("it has one character {run} times in a row");
        signals.extend(hint(name::CHARACTER_RUN, policy.run_weight, reason));
    }
    if tally.styled >= STYLED_LETTERS {
        let reason = || format!("it is written with {} drawn letters, which word lists do not find", tally.styled);
        signals.extend(hint(name::STYLED_LETTERS, policy.styled_letters_weight, reason));
    }
}

/// Whether the text is one for `styled_letters`.
pub(super) fn is_styled_text(text: &str) -> bool {
    tally(text).styled >= STYLED_LETTERS
}

fn tally(text: &str) -> Tally {
    let bytes = text.as_bytes();
    let mut tally = Tally {
        cased: count(bytes, |byte| byte.is_ascii_alphabetic()),
        capitals: count(bytes, |byte| byte.is_ascii_uppercase()),
        ..Tally::default()
    };
    if text.is_ascii() {
        return tally;
    }
    for c in text.chars().filter(|c| !c.is_ascii()) {
        let known = known(c);
        tally.capitals += u32::from(known.uppercase);
        tally.cased += u32::from(known.uppercase || known.lowercase);
        tally.styled += u32::from(is_lettering(c));
    }
    tally
}

/// The longest run of one letter, digit, or sign that people repeat, if it is at least so long.
fn longest_run(text: &str, at_least: u32) -> Option<u32> {
    // Quick to see: too few letters are like the next one.
    if text.is_ascii() && count_pairs(text.as_bytes(), |a, b| a == b) + 1 < at_least {
        return None;
    }
    let (mut longest, mut run, mut previous) = (0, 0_u32, None);
    for c in text.chars() {
        run = if previous == Some(c) { run.saturating_add(1) } else { 1 };
        if run > longest && (known(c).alphanumeric || matches!(c, '!' | '?' | '$')) {
            longest = run;
        }
        previous = Some(c);
    }
    (longest >= at_least).then_some(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_wherever_it_stands_and_however_it_is_written() {
        for (text, run) in [
            ("sooo", Some(3)),
            ("a bb so!!!! ccc", Some(4)),
            ("ооо-ааааа", Some(5)),
            ("aa bb cc dd", None),
            ("----- *****", None),
            ("so", None),
            ("", None),
        ] {
            assert_eq!(longest_run(text, 3), run, "{text}");
        }
    }
}
