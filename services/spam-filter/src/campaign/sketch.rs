//! A text's sketch: equal for copies, near for variants, and of a fixed size.
//!
//! MinHash over short runs of letters (Broder, "On the resemblance and containment of documents", 1997): the share of places in which
//! two signatures agree estimates the share of runs that two texts have in common. What a spinner changes at no cost is
//! left out first: digits, pictures, punctuation, spaces, accents, and every word that holds an address.

use crate::normal::known;

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
    /// How many different runs the text has: how much there is to compare.
    pub runs: u32,
}

impl Sketch {
    /// The sketch of a text in its normal form, with accents and digits for letters folded. `None` where there is not
    /// even one run of letters.
    pub fn of(normal: &str) -> Option<Self> {
        let letters = letters(normal);
        let wide = letters.iter().filter(|c| **c >= '\u{2E80}').count() * 2 > letters.len();
        let mut runs: Vec<u64> = letters.windows(if wide { WIDE_RUN } else { RUN }).map(hash).collect();
        runs.sort_unstable();
        runs.dedup();
        if runs.is_empty() {
            return None;
        }
        let mut first = [u32::MAX; PLACES];
        for run in &runs {
            for (first, order) in first.iter_mut().zip(&ORDERS) {
                *first = (*first).min((run.wrapping_mul(*order) >> 32) as u32);
            }
        }
        Some(Self { signature: first.map(|first| first.to_le_bytes()[0]), runs: runs.len() as u32 })
    }

    /// About which share of their runs two texts have in common, 0 to 1.
    pub fn likeness(a: &[u8; PLACES], b: &[u8; PLACES]) -> f64 {
        let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
        equal as f64 / PLACES as f64
    }
}

/// The letters that count.
fn letters(normal: &str) -> Vec<char> {
    let mut letters = Vec::with_capacity(normal.len().min(MAX_LETTERS));
    for word in normal.split_whitespace().filter(|word| !is_address(word)) {
        letters.extend(word.chars().filter(|c| known(*c).alphabetic).take(MAX_LETTERS - letters.len()));
        if letters.len() == MAX_LETTERS {
            break;
        }
    }
    letters
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

fn hash(run: &[char]) -> u64 {
    mix(run
        .iter()
        .fold(0x9E37_79B9_7F4A_7C15, |hash: u64, c| (hash ^ u64::from(*c)).wrapping_mul(0xD6E8_FEB8_6659_FD93)))
}

/// The last step of SplitMix64: every bit of the input moves every bit of the output.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Odd multipliers, each of which sets all runs in an order of its own.
const ORDERS: [u64; PLACES] = {
    let mut orders = [0; PLACES];
    let mut at = 0;
    while at < PLACES {
        orders[at] = mix((at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1;
        at += 1;
    }
    orders
};
