//! Words in disguise: what the normaliser had to undo.

use super::{count, hint, letters, name};
use crate::{Policy, Signal, normal::Obfuscations, reading::Reading};

/// Points for each word in disguise. What `styled_letters` and `script_mix` judge is left to them: styled texts, and
/// the words that mix scripts.
pub(super) fn obfuscated(reading: &Reading<'_>, mixed: u32, policy: &Policy) -> Option<Signal> {
    let mut found = reading.normal.obfuscations;
    if found.drawn > 0 && letters::is_styled_text(&reading.visible) {
        found.drawn = 0;
    }
    found.look_alikes = found.look_alikes.saturating_sub(mixed);
    let weight = (policy.obfuscated_weight * f64::from(found.total())).min(policy.obfuscated_weight_max);
    if found.total() == 0 {
        return None;
    }
    hint(name::OBFUSCATED, weight, || format!("it hides words from word lists: {}", said(found)))
}

/// What was found, in a moderator's words.
fn said(found: Obfuscations) -> String {
    let Obfuscations { hidden, marks, drawn, look_alikes, spaced, domains } = found;
    let words = |n: u32| count(n as usize, "word", "words");
    let kinds = [
        (hidden, format!("{} with invisible characters or reversed", words(hidden))),
        (marks, format!("{} under piled-up marks", words(marks))),
        (drawn, format!("{} in drawn letters", words(drawn))),
        (look_alikes, format!("{} with look-alike letters", words(look_alikes))),
        (spaced, format!("{} with the letters set apart", words(spaced))),
        (domains, format!("{} spelt out", count(domains as usize, "web address", "web addresses"))),
    ];
    let said: Vec<_> = kinds.into_iter().filter(|(n, _)| *n > 0).map(|(_, said)| said).collect();
    said.join(", ")
}
