//! Words that mix scripts so that they look like something else. A whole word in another script is a language.

use unicode_script::Script;

use super::{count, hint, name};
use crate::{
    Policy, Signal,
    bytes::count_pairs,
    normal::{Table, known},
};

/// Cyrillic and Greek letters that look like Latin ones (after Unicode's confusables).
static LIKE_LATIN: Table<bool> = Table::new(|c| "АВЕЅІЈКМНОРСТУХаесоруіјѕхһԁԛԝӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγικνορυ".contains(c));

/// Latin letters that look like Cyrillic or Greek ones.
static LIKE_OTHERS: Table<bool> = Table::new(|c| "ABEHIJKMNOPSTXYZaceijopsuvxy".contains(c));

/// Shorter words are units and formulas: `μF`, `Ωm`.
const MIN_LETTERS: usize = 3;

/// Points for each of so many [`disguised`] words.
pub(super) fn mix(mixed: u32, policy: &Policy) -> Option<Signal> {
    let weight = (policy.script_mix_weight * f64::from(mixed)).min(policy.script_mix_weight_max);
    if mixed == 0 {
        return None;
    }
    hint(name::SCRIPT_MIX, weight, || {
        let words = count(mixed as usize, "word", "words");
        format!("it has {words} of look-alike letters from two alphabets, which word lists do not find")
    })
}

/// How many words mix Latin with Cyrillic or Greek, where all the letters of one side have a twin on the other: such a word
/// reads as if it were of one script. `VPNом` does not, and is Russian grammar.
pub(super) fn disguised(text: &str) -> u32 {
    match may_mix(text) {
        true => words(text).filter(|word| is_disguised(word)).fold(0, |count: u32, _| count.saturating_add(1)),
        false => 0,
    }
}

/// Whether an ASCII letter stands next to a character beyond ASCII: true of few texts, and quick to see.
fn may_mix(text: &str) -> bool {
    let beside = |a: u8, b: u8| a.is_ascii_alphabetic() & !b.is_ascii();
    !text.is_ascii() && count_pairs(text.as_bytes(), |a, b| beside(a, b) | beside(b, a)) > 0
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !known(c).alphabetic).filter(|word| !word.is_empty() && !word.is_ascii())
}

fn is_disguised(word: &str) -> bool {
    if !word.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    let (mut letters, mut latin, mut other) = (0, 0, 0);
    let (mut latin_has_twins, mut other_has_twins) = (true, true);
    for c in word.chars() {
        letters += 1;
        match known(c).script {
            Script::Latin => {
                latin += 1;
                latin_has_twins &= LIKE_OTHERS.get(c);
            }
            Script::Cyrillic | Script::Greek => {
                other += 1;
                other_has_twins &= LIKE_LATIN.get(c);
            }
            _ => {}
        }
    }
    letters >= MIN_LETTERS && latin > 0 && other > 0 && (latin_has_twins || other_has_twins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_in_disguise_are_found() {
        for word in ["pаypal", "bitсoin", "Сasino", "зaрaбoтoк", "Кaзинo", "viαgra\u{3bf}", "νiagra"] {
            assert!(words(word).any(is_disguised), "{word}");
        }
        for text in [
            "VPNом",
            "IT-шник",
            "email-ом",
            "Δt",
            "μF",
            "λx",
            "café",
            "ελληνικά and latin",
            "рус lat",
            "Straße",
            "日本語abc",
        ] {
            assert!(!words(text).any(is_disguised), "{text}");
        }
    }
}
