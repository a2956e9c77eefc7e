//! The words of a text as features: each different word once with the letters within it, and what joins neighbours.

use std::{
    hash::{BuildHasher, RandomState},
    hint::select_unpredictable,
    ops::RangeInclusive,
};

use super::{
    features::{BITS, place},
    hash,
    hash::mix,
    runs::{Across, AcrossAscii, WORD_LETTERS, code, spell},
};
use crate::{bytes::words_of, normal::known};

/// So many different words, and so many different pairs, are told apart. Powers of two.
const WORDS: usize = 1 << 10;
const PAIRS: usize = 1 << 11;

/// So many comments are told apart in the tables of those, before they are emptied.
const ROUNDS: u32 = 1 << (u32::BITS - BITS);

/// Words are read in pieces of eight bytes; so many bytes behind each may be read with it.
const BEHIND: usize = 16;

/// The different words of a comment, and what joins them.
#[derive(Debug, Clone)]
pub(super) struct Words {
    words: Vec<Word>,
    /// The texts in which they stand; words that are not written as they are read stand after their text.
    text: Vec<u8>,
    joints: Joints,
    /// The words by their hashes: the upper half of it, the round that it was seen in, and its place among them; 16 bits each of
    /// these two, as no text that is read has so many words. Small, so that a core has it at hand.
    known: Box<[u64]>,
    /// Each comment is one, below [`ROUNDS`].
    round: u32,
    /// What words are told apart by in the glossary.
    secret: u64,
}

/// The places of pairs of words, of runs across them, and of signs. Each pair and sign counts once in a comment, as far as a
/// table of this size can tell, and a run as often as there are different pairs that it reaches across.
#[derive(Debug, Clone)]
struct Joints {
    places: Vec<u32>,
    /// The places, each with the round that it was seen in.
    seen: Box<[u32]>,
}

impl Joints {
    /// Whether it had not come before in this round; one that `is_new` cannot have.
    fn add(&mut self, round: u32, hash: u64, is_new: bool) -> bool {
        let place = place(hash);
        let mark = round << BITS | place;
        let slot = &mut self.seen[place as usize & (PAIRS - 1)];
        let is_new = is_new || *slot != mark;
        if is_new {
            *slot = mark;
            self.places.push(place);
        }
        is_new
    }
}

/// A word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    /// Its hash, and the feature of the whole word.
    pub hash: u64,
    /// Its bytes folded with a secret: nobody can make up another word that has the same.
    pub mark: u64,
    from: u32,
    to: u32,
    /// How often it stands in the text itself; a word of digits alone, and one that only a shadow has, never.
    pub times: u32,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            words: Vec::with_capacity(256),
            text: Vec::with_capacity(4096),
            joints: Joints { places: Vec::with_capacity(1024), seen: vec![0; PAIRS].into() },
            known: vec![0; WORDS].into(),
            round: 0,
            secret: RandomState::new().hash_one(0) | 1,
        }
    }
}

impl Words {
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.text.clear();
        self.joints.places.clear();
        self.round = (self.round + 1) % ROUNDS;
        if self.round == 0 {
            self.known.fill(0);
            self.joints.seen.fill(0);
            self.round = 1;
        }
    }

    /// Reads a text. Only of one that is `counted` the words count in [`Word::times`].
    pub(super) fn read(&mut self, text: &str, counted: bool) {
        match text.is_ascii() {
            true => self.read_ascii(text, counted),
            false => self.read_any(text, counted),
        }
    }

    fn read_ascii(&mut self, text: &str, counted: bool) {
        let start = self.text.len();
        self.text.extend(text.as_bytes());
        self.text.extend([0; BEHIND]);
        let (mut before, mut across) = (hash::PAIR, AcrossAscii::default());
        words_of(text.as_bytes(), |from, to| {
            let (from, to) = (start + from, start + to.min(from + WORD_LETTERS));
            let is_new = self.end_word(from, to, counted, &mut before);
            across.read(&self.text, from, to, is_new, &mut self.joints.places);
        });
    }

    fn read_any(&mut self, text: &str, counted: bool) {
        let (mut before, mut across) = (hash::PAIR, Across::default());
        let mut letters = Vec::with_capacity(WORD_LETTERS);
        let mut from = self.text.len();
        for c in text.chars().chain([' ']) {
            if known(c).alphanumeric {
                if letters.len() < WORD_LETTERS {
                    let c = plain(c);
                    letters.push(code(c));
                    self.text.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                continue;
            }
            if !letters.is_empty() {
                let to = self.text.len();
                self.text.extend([0; BEHIND]);
                let is_new = self.end_word(from, to, counted, &mut before);
                across.read(&letters, is_new, &mut self.joints.places);
                letters.clear();
                from = self.text.len();
            }
            if !c.is_ascii() && !c.is_whitespace() {
                self.joints.add(self.round, mix(hash::SYMBOL, u64::from(c)), false);
            }
        }
    }

    /// The different words in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Word> {
        self.words.iter()
    }

    /// How a word is written, in UTF-8.
    pub(super) fn written(&self, word: &Word) -> &[u8] {
        &self.text[word.from as usize..word.to as usize]
    }

    /// The places of what joins words, and of signs.
    pub(super) fn joints(&self) -> &[u32] {
        &self.joints.places
    }

    /// All places, those of runs of such lengths among them.
    pub(super) fn spell(&self, runs: &RangeInclusive<usize>, mut add: impl FnMut(u32)) {
        self.joints().iter().for_each(|place| add(*place));
        for word in &self.words {
            spell(word.hash, self.written(word), runs, &mut add);
        }
    }

    /// A word is complete. Whether it came after the one before it for the first time.
    fn end_word(&mut self, from: usize, to: usize, counted: bool, before: &mut u64) -> bool {
        let word = &self.text[from..to];
        let (whole, mark) = self.hashes(from, to);
        let counts = counted && word.iter().any(|byte| !byte.is_ascii_digit());
        let pair = before.rotate_left(23) ^ whole;
        *before = whole;
        let slot = &mut self.known[whole as usize & (WORDS - 1)];
        let seen = (whole >> 32 << 16 | u64::from(self.round)) << 16;
        if *slot & !0xffff == seen {
            self.words[*slot as usize & 0xffff].times += u32::from(counts);
            self.joints.add(self.round, pair, false)
        } else {
            *slot = seen | self.words.len() as u64 & 0xffff;
            self.words.push(Word { hash: whole, mark, from: from as u32, to: to as u32, times: u32::from(counts) });
            self.joints.add(self.round, pair, true)
        }
    }

    /// The hash and the mark of a word. No two words have the same bytes, eight at a time, since none has a byte that is
    /// zero. Most have sixteen at most: those are read without a branch, since how long a word is cannot be foreseen.
    fn hashes(&self, from: usize, to: usize) -> (u64, u64) {
        // The mark is folded as in wyhash (Wang Yi).
        let add = |(hash, mark): (u64, u64), at: usize| {
            let eight = self.eight(at, to);
            let product = u128::from(mark ^ eight) * u128::from(self.secret);
            (mix(hash, eight), (product >> 64) as u64 ^ product as u64)
        };
        let first = add((hash::WORD, self.secret), from);
        let second = add(first, from + 8);
        let hashes = select_unpredictable(to - from > 8, second, first);
        (from + 16..to).step_by(8).fold(hashes, add)
    }

    /// Eight bytes, those from the end of the word on as zeros.
    fn eight(&self, at: usize, to: usize) -> u64 {
        let bytes = self.text.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight));
        let beyond = 8 * 8_usize.saturating_sub(to.saturating_sub(at)) as u32;
        bytes & u64::MAX.checked_shr(beyond).unwrap_or(0)
    }
}

/// A Latin letter without its accents: with and without, a word is the same to readers in a hurry.
fn plain(c: char) -> char {
    match c {
        '\u{e0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => {
            let mut first = c;
            unicode_normalization::char::decompose_canonical(c, |part| {
                if !unicode_normalization::char::is_combining_mark(part) {
                    first = part;
                }
            });
            first
        }
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::runs::RUNS, *};

    fn places(text: &str) -> Vec<u32> {
        let (mut words, mut places) = (Words::default(), Vec::new());
        words.clear();
        words.read(text, true);
        words.spell(&RUNS, |place| places.push(place));
        places.sort_unstable();
        places
    }

    fn in_common(a: &str, b: &str) -> usize {
        let b = places(b);
        places(a).iter().filter(|place| b.contains(place)).count()
    }

    #[test]
    fn a_repeated_word_counts_once_and_adds_what_joins_it() {
        let mut words = Words::default();
        words.clear();
        words.read("buy now, buy now! 70707 70707", true);
        let times: Vec<u32> = words.iter().map(|word| word.times).collect();
        assert_eq!(times, [2, 2, 0]);
        let before = words.joints().len();
        words.read("buy now, buy now! 70707 70707 later", false);
        assert_eq!(words.iter().map(|word| word.times).collect::<Vec<_>>(), [2, 2, 0, 0]);
        // The pair with the word before, and the four runs that reach into it.
        assert_eq!(words.joints().len(), before + 5);
        words.clear();
        words.read("now", true);
        assert_eq!(words.iter().count(), 1);
    }

    #[test]
    fn accents_and_other_digits_keep_much_in_common() {
        assert_eq!(places("crème brûlée"), places("creme brulee"));
        // The number whichever digits it has, its kind, and the six runs before the digits.
        assert_eq!(in_common("win500", "win731"), 8);
        assert_ne!(places("жест"), places("жecт"));
    }

    #[test]
    fn words_of_any_length_are_told_apart_and_the_same_wherever_they_stand() {
        let long = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
        let mut seen = Vec::new();
        for length in 1..=WORD_LETTERS {
            let word = &long[..length];
            let mut words = Words::default();
            words.clear();
            words.read(&format!("{word} {}, é {word}", &long[1..=length]), true);
            words.read(&format!("..{word} "), false);
            let read: Vec<_> = words.iter().map(|word| (word.hash, word.mark, words.written(word))).collect();
            assert_eq!((read.len(), read[0].2, words.words[0].times), (3, word.as_bytes(), 2), "{word}");
            seen.extend([read[0].0, read[1].0]);
        }
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn letters_drawn_out_are_read_as_one() {
        // All but the word as it is written, and the same with what stands before it.
        let but_two = |word: &str| places(word).len() - 2;
        assert_eq!(in_common("suubscrribbe", "subscribe"), but_two("subscribe"));
        assert_eq!(in_common("freeee", "freeeeeeeee"), but_two("freeee"));
        assert!(in_common("channel", "chanel") < but_two("chanel"), "one row is spelling");
    }
}
