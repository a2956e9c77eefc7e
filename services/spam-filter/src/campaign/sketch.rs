//! A text's sketch: equal for copies, near for variants, and of a fixed size.
//!
//! MinHash over short runs of letters (Broder, "On the resemblance and containment of documents", 1997): the share of places in which
//! two signatures agree estimates the share of runs that two texts have in common. What a spinner changes at no cost is
//! left out first: digits, pictures, punctuation, spaces, accents, and every word that holds an address.

use crate::{
    bytes::{count_pairs, holds_zero, kept},
    normal::known,
};

/// Places in a signature, a byte each. The estimate's standard error is at most 1/16 with 64 of them.
pub const PLACES: usize = 64;

/// Letters in a run; of Chinese, Japanese and Korean fewer, since one of theirs says as much as a syllable or a word.
const RUN: usize = 4;
const WIDE_RUN: usize = 2;

/// No more letters of a text are looked at: what comes after is read by nobody who reads comments.
const MAX_LETTERS: usize = 8_192;

/// What is kept of a text for comparing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sketch {
    /// For each of [`PLACES`] orders of all runs, the low byte of the text's first.
    pub signature: [u8; PLACES],
    /// About how many different runs the text has: how much there is to compare. Up to a few hundred it is right but for one.
    pub runs: u32,
}

impl Sketch {
    /// The sketch of a text in its normal form, with accents and digits for letters folded. `None` where there is not
    /// even one run of letters.
    pub fn of(normal: &str) -> Option<Self> {
        if normal.is_ascii() {
            return Self::of_runs(
                ascii_letters(normal).windows(RUN).map(|run| hash(run.iter().map(|c| u64::from(*c)))),
            );
        }
        let letters = letters(normal);
        let wide = letters.iter().filter(|c| **c >= '\u{2E80}').count() * 2 > letters.len();
        let runs = letters.windows(if wide { WIDE_RUN } else { RUN });
        Self::of_runs(runs.map(|run| hash(run.iter().map(|c| u64::from(*c)))))
    }

    fn of_runs(runs: impl Iterator<Item = u64>) -> Option<Self> {
        let mut different = Different::default();
        let mut first = [i16::MAX; PLACES];
        for run in runs {
            different.add(run);
            keep_first(run, &mut first);
        }
        (different.count > 0)
            .then(|| Self { signature: first.map(|first| first.to_le_bytes()[0]), runs: different.count })
    }

    /// About which share of their runs two texts have in common, 0 to 1.
    pub fn likeness(a: &[u8; PLACES], b: &[u8; PLACES]) -> f64 {
        // Counted in bytes, sixteen are compared in one step.
        let equal = a.iter().zip(b).fold(0, |equal: u8, (a, b)| equal + u8::from(a == b));
        f64::from(equal) / PLACES as f64
    }
}

/// Eight places of a signature, none of those that lead to candidates.
pub(super) fn glimpse(signature: &[u8; PLACES]) -> u64 {
    let (eights, _) = signature.as_chunks::<8>();
    u64::from_le_bytes(eights[PLACES / 8 / 2])
}

/// Whether the texts of two glimpses agree in one of its places. Of those that have half of their runs in common, 99.6 % do, and
/// 3 % of those that have none.
pub(super) fn may_be_alike(a: u64, b: u64) -> bool {
    holds_zero(a ^ b)
}

/// The letters that count.
fn letters(normal: &str) -> Vec<char> {
    let mut letters = Vec::with_capacity(normal.len().min(MAX_LETTERS));
    let addresses = may_hold_address(normal);
    for word in normal.split_whitespace().filter(|word| !(addresses && is_address(word))) {
        letters.extend(word.chars().filter(|c| known(*c).alphabetic).take(MAX_LETTERS - letters.len()));
        if letters.len() == MAX_LETTERS {
            break;
        }
    }
    letters
}

/// The same of a text without a byte above 127.
fn ascii_letters(normal: &str) -> Vec<u8> {
    let mut letters = if may_hold_address(normal) {
        let words: String = normal.split_whitespace().filter(|word| !is_address(word)).collect();
        kept(words.as_bytes(), u8::is_ascii_alphabetic)
    } else {
        kept(normal.as_bytes(), u8::is_ascii_alphabetic)
    };
    letters.truncate(MAX_LETTERS);
    letters
}

/// Whether a text holds what every address has: `@`, `://`, or a dot before a letter. Hardly any comment does, and few bytes
/// are looked at as quickly as many.
pub(super) fn may_hold_address(text: &str) -> bool {
    let begins_address = |a: u8, b: u8| {
        let letter = b.is_ascii_alphabetic() | !b.is_ascii();
        (b == b'@') | ((a == b':') & (b == b'/')) | ((a == b'.') & letter)
    };
    text.starts_with('@') || count_pairs(text.as_bytes(), begins_address) > 0
}

/// Whether a word holds a link, a domain, a handle or an email address: these are anchors, and change from wave to wave.
pub(super) fn is_address(word: &str) -> bool {
    // Hardly any word has one of these.
    if !word.bytes().any(|byte| matches!(byte, b'.' | b':' | b'@')) {
        return false;
    }
    if word.contains("://") || word.contains('@') {
        return true;
    }
    let host = word.split('/').next().unwrap_or_default();
    let host = host.trim_matches(|c: char| !c.is_alphanumeric());
    let Some((name, ending)) = host.rsplit_once('.') else { return false };
    !name.ends_with('.') && ending.len() >= 2 && ending.chars().all(char::is_alphabetic)
}

fn hash(run: impl Iterator<Item = u64>) -> u64 {
    mix(run.fold(0x9E37_79B9_7F4A_7C15, |hash: u64, c| (hash ^ c).wrapping_mul(0xD6E8_FEB8_6659_FD93)))
}

/// The last step of SplitMix64: every bit of the input moves every bit of the output.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Keeps a run where it comes before what is first by now.
///
/// A quarter of the hash stands for the run in a quarter of the orders, since eight numbers of 16 bits are multiplied and
/// compared in one instruction each on any x86-64, and four such quarters are as good as 64 bits: two unlike texts of 200 runs
/// agree by chance in one place of 600 more than bytes do anyway, and of 8,000 runs, the most there are, in one of 16.
fn keep_first(run: u64, first: &mut [i16; PLACES]) {
    let places = first.iter_mut().zip(&ORDERS.masks).zip(&ORDERS.factors);
    for (at, ((first, mask), factor)) in places.enumerate() {
        let quarter = (run >> (at / (PLACES / 4) * 16)) as u16;
        *first = (*first).min((quarter ^ mask).wrapping_mul(*factor).cast_signed());
    }
}

/// Each place's mask and odd factor set all runs in an order of its own.
struct Orders {
    masks: [u16; PLACES],
    factors: [u16; PLACES],
}

const ORDERS: Orders = {
    let mut orders = Orders { masks: [0; PLACES], factors: [0; PLACES] };
    let mut at = 0;
    while at < PLACES {
        let random = mix((at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        orders.masks[at] = random as u16;
        orders.factors[at] = (random >> 16) as u16 | 1;
        at += 1;
    }
    orders
};

/// Counts different runs by a bit for each, of which two may have the same.
struct Different {
    bits: [u64; 1 << 10],
    count: u32,
}

impl Default for Different {
    fn default() -> Self {
        Self { bits: [0; 1 << 10], count: 0 }
    }
}

impl Different {
    fn add(&mut self, run: u64) {
        let (word, bit) = ((run >> 54) as usize, 1 << (run >> 48 & 63));
        self.count += u32::from(self.bits[word] & bit == 0);
        self.bits[word] |= bit;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Random letters, always the same ones.
    fn letters_from(seed: u64, count: u64) -> String {
        (0..count).map(|n| char::from(b'a' + (mix(seed * 1_000_003 + n) % 26) as u8)).collect()
    }

    fn runs(text: &str) -> HashSet<&[u8]> {
        text.as_bytes().windows(RUN).collect()
    }

    /// What it should be, and what it is on average, over pairs of texts of which so many letters are the same.
    fn shares(same: u64, own: u64) -> (f64, f64, f64) {
        const PAIRS: u64 = 100;
        let (mut wanted, mut found, mut off) = (0.0, 0.0, 0.0);
        for pair in 0..PAIRS {
            let both = letters_from(3 * pair, same);
            let [a, b] = [1, 2].map(|other| format!("{both}{}", letters_from(3 * pair + other, own)));
            let common = runs(&a).intersection(&runs(&b)).count() as f64;
            let share = common / runs(&a).union(&runs(&b)).count() as f64;
            let [of_a, of_b] = [&a, &b].map(|text| Sketch::of(text).expect("it has runs").signature);
            let likeness = Sketch::likeness(&of_a, &of_b);
            wanted += share;
            found += likeness;
            off += (likeness - share).powi(2);
        }
        let mean = |sum: f64| sum / PAIRS as f64;
        (mean(wanted), mean(found), mean(off).sqrt())
    }

    #[test]
    fn about_as_many_places_agree_as_runs_are_in_common() {
        for (same, own) in [(0, 200), (40, 160), (100, 100), (150, 50), (180, 20), (20, 20), (1_000, 1_000)] {
            let (wanted, found, off) = shares(same, own);
            assert!((found - wanted).abs() < 0.02, "{same} of {}: {wanted} and {found}", same + own);
            assert!(off < 1.25 / 16.0, "{same} of {}: off by {off}", same + own);
        }
    }

    proptest! {
        #[test]
        fn a_glimpse_tells_whether_a_place_agrees(a in any::<[u8; 8]>(), b in any::<[u8; 8]>(), at in 0..16_usize) {
            let mut b = b;
            if let Some(place) = b.get_mut(at) {
                *place = a[at];
            }
            let agree = a.iter().zip(&b).any(|(a, b)| a == b);
            prop_assert_eq!(may_be_alike(u64::from_le_bytes(a), u64::from_le_bytes(b)), agree);
        }
    }

    proptest! {
        #[test]
        fn a_text_of_ascii_has_the_letters_that_it_would_have_elsewhere(text in "([ -~]{0,9}[a-d.:/@ \t\u{b}]){0,30}") {
            let quick: String = ascii_letters(&text).into_iter().map(char::from).collect();
            prop_assert_eq!(quick, letters(&text).into_iter().collect::<String>());
        }

        #[test]
        fn no_address_is_overlooked(words in prop::collection::vec("[a-zé0-9.:/@ -]{0,8}", 0..30)) {
            let text = words.join(" ");
            prop_assert!(may_hold_address(&text) || !text.split_whitespace().any(is_address), "{}", text);
        }
    }

    #[test]
    fn different_runs_are_counted_once_each() {
        for count in [4, 10, 40, 200, 800] {
            let text = letters_from(count, count);
            let counted = Sketch::of(&text.repeat(3)).expect("it has runs").runs;
            let exact = runs(&text.repeat(3)).len() as u32;
            assert!(counted <= exact && exact - counted <= count as u32 / 100, "{counted} of {exact}");
        }
        assert_eq!(Sketch::of("abc 1234"), None);
    }
}
