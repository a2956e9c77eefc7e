//! Runs of letters as features: those within a word, and those that reach from one word into the next.

use std::{hint::select_unpredictable, ops::RangeInclusive};

use super::{features::place, hash, hash::mix};

/// Letters of a word that are looked at. What follows in a longer one is noise.
pub(super) const WORD_LETTERS: usize = 40;

/// The lengths, in letters, of the runs that are features of a word; it begins and ends with a space.
pub(super) const RUNS: RangeInclusive<usize> = 2..=5;

/// Those that a site's layer learns: with the others it learns no better. Measured: see docs/spam-filter.md.
pub(super) const LEARNED_RUNS: RangeInclusive<usize> = 3..=4;

/// No word has more features: of each place where runs begin one for each length, and four besides.
pub(super) const MOST_FEATURES: usize = (WORD_LETTERS + 2) * (*RUNS.end() - 1) + 4;

/// So many letters in a row, with what stands between words left out, are a feature where they are of two words or more, the
/// same as within one: so a word that somebody has taken apart still has most of its own, and words that often come
/// together have some in common.
const ACROSS: usize = *RUNS.end();

/// A letter as runs have it. One of ASCII is itself, so that a run of them is eight bytes that are read in one step.
pub(super) fn code(letter: char) -> u64 {
    if letter.is_ascii() { u64::from(letter) } else { mix(hash::INSIDE, u64::from(letter)) }
}

/// Letters in a row, as one: each a byte further than the one before.
fn packed(letters: impl IntoIterator<Item = u64>) -> u64 {
    (0..).step_by(8).zip(letters).fold(0, |run, (bits, letter)| run ^ letter.rotate_left(bits))
}

fn place_of(packed: u64) -> u32 {
    place(mix(hash::INSIDE, packed))
}

/// The places of a word: the whole, the same without doubled letters, what it is like if it has digits, and the runs of
/// letters within that have such lengths.
#[inline]
pub(super) fn spell(hash: u64, word: &[u8], runs: &RangeInclusive<usize>, mut add: impl FnMut(u32)) {
    const SPACE: u64 = b' ' as u64;
    let mut letters = [SPACE; WORD_LETTERS + 2];
    let mut length = 1;
    let mut put = |letter: u64| {
        letters[length] = letter;
        length += 1;
    };
    match word.is_ascii() {
        true => word.iter().for_each(|byte| put(u64::from(*byte))),
        false => String::from_utf8_lossy(word).chars().for_each(|c| put(code(c))),
    }
    let inner = &letters[1..length];
    add(place(hash));
    let squeezed = inner.chunk_by(|a, b| a == b).fold(hash::SQUEEZED, |hash, same| mix(hash, same[0]));
    add(place(squeezed));
    if inner.iter().any(|letter| is_digit(*letter)) {
        spell_number(inner, &mut add);
    }
    if inner.windows(2).filter(|pair| pair[0] == pair[1]).count() > 1 {
        length = squeeze(&mut letters[..length]);
        letters[length] = SPACE;
    }
    for from in 0..length {
        let longest = &letters[from..(from + runs.end()).min(length + 1)];
        for length in *runs.start()..=longest.len() {
            add(place_of(packed(longest[..length].iter().copied())));
        }
    }
}

/// Leaves one of each row of equal letters, and says how many are left. Hardly any word is spelt with more than one such row:
/// the others are drawn out, or in disguise.
fn squeeze(letters: &mut [u64]) -> usize {
    let mut length = 1;
    for at in 1..letters.len() {
        if letters[at] != letters[length - 1] {
            letters[length] = letters[at];
            length += 1;
        }
    }
    length
}

/// A word with digits, whichever they are; and the kind of word: letters then digits, and so on.
fn spell_number(word: &[u64], add: &mut impl FnMut(u32)) {
    const DIGIT: u64 = b'0' as u64;
    const LETTER: u64 = b'a' as u64;
    let (mut any, mut kind, mut last) = (hash::NUMBER, hash::KIND_OF_WORD, 0);
    for letter in word {
        let digit = is_digit(*letter);
        any = mix(any, if digit { DIGIT } else { *letter });
        let class = if digit { DIGIT } else { LETTER };
        if class != last {
            kind = mix(kind, class);
            last = class;
        }
    }
    add(place(any));
    add(place(kind));
}

fn is_digit(letter: u64) -> bool {
    (u64::from(b'0')..=u64::from(b'9')).contains(&letter)
}

/// The last letters before a word, of whichever words; zeros before the first. Where a word is new after the one before it,
/// each run is a feature that ends in it and begins before it.
#[derive(Debug, Default)]
pub(super) struct Across([u64; ACROSS - 1]);

impl Across {
    /// Reads a word.
    pub fn read(&mut self, word: &[u64], is_new: bool, places: &mut Vec<u32>) {
        for letter in word.iter().take(ACROSS - 1) {
            let [first, second, third, fourth] = self.0;
            if is_new && first != 0 {
                places.push(place_of(packed([first, second, third, fourth, *letter])));
            }
            self.0 = [second, third, fourth, *letter];
        }
        if let Some(last) = word.last_chunk() {
            self.0 = *last;
        }
    }
}

/// [`Across`] for ASCII, a letter a byte. It has no branch that depends on how long a word is, which cannot be foreseen.
#[derive(Debug, Default)]
pub(super) struct AcrossAscii(u32);

impl AcrossAscii {
    /// Reads the word that stands there in a text, with more than three bytes behind it, whatever they are.
    pub fn read(&mut self, text: &[u8], from: usize, to: usize, is_new: bool, places: &mut Vec<u32>) {
        const BYTES: usize = ACROSS - 1;
        let first = text[from..].first_chunk().map_or(0, |first| u32::from_le_bytes(*first));
        let last = text[..to].last_chunk().map_or(0, |last| u32::from_le_bytes(*last));
        let (length, before) = (to - from, self.0);
        let both = u64::from(before) | u64::from(first) << (8 * BYTES);
        let count = length.min(BYTES);
        if is_new {
            let run = |n: usize| place_of(both >> (8 * n) & (u64::MAX >> (64 - 8 * ACROSS)));
            // At the beginning of a text there are not letters enough.
            let too_few = if before == 0 { BYTES } else { before.trailing_zeros() as usize / 8 };
            if too_few == 0 {
                let length = places.len();
                places.resize(length + BYTES, 0);
                if let Some(runs) = places.last_chunk_mut::<BYTES>() {
                    (0..).zip(runs).for_each(|(n, place)| *place = run(n));
                }
                places.truncate(length + count);
            } else {
                places.extend((too_few..count).map(run));
            }
        }
        self.0 = select_unpredictable(length > BYTES, last, (both >> (8 * count)) as u32);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn across(text: &str) -> Vec<u32> {
        let (mut across, mut places) = (Across::default(), Vec::new());
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            across.read(&word.chars().map(code).collect::<Vec<_>>(), true, &mut places);
        }
        places
    }

    #[test]
    fn a_word_taken_apart_keeps_runs_of_the_whole() {
        assert!(across("some").is_empty() && across("so me").is_empty());
        let mut whole = Vec::new();
        spell(0, b"subscribe", &RUNS, |place| whole.push(place));
        for (apart, count) in [("sub scribe", 3), ("su bsc ribe", 5), ("subs cr ibe", 5)] {
            let runs = across(apart);
            assert!(runs.len() == count && runs.iter().all(|run| whole.contains(run)), "{apart}: {runs:?}");
        }
    }

    #[test]
    fn runs_of_any_letters_are_told_apart() {
        let run = |word: &str| packed(word.chars().map(code));
        let words = ["ab", "ba", "abc", "абв", "бав", "aбc", "cбa", "注文す", "文注す", "ab\u{1D400}"];
        for (n, word) in words.iter().enumerate() {
            assert!(words[..n].iter().all(|other| run(other) != run(word)), "{word}");
        }
    }

    proptest! {
        #[test]
        fn ascii_is_read_as_any_text(words in prop::collection::vec(("[a-z0-9]{1,12}", any::<bool>()), 0..12)) {
            let (mut across, mut ascii) = (Across::default(), AcrossAscii::default());
            let (mut expected, mut places, mut text) = (Vec::new(), Vec::new(), String::new());
            for (word, is_new) in &words {
                let from = text.len();
                text.push_str(word);
                across.read(&word.chars().map(code).collect::<Vec<_>>(), *is_new, &mut expected);
                ascii.read(format!("{text}, ..").as_bytes(), from, text.len(), *is_new, &mut places);
            }
            prop_assert_eq!(places, expected);
        }
    }
}
