//! The words of a text as features: each different word once with the letters within it, and what joins neighbours.

use super::{features::place, hash, hash::mix};
use crate::normal::known;

/// Letters of a word that are looked at. What follows in a longer one is noise.
const WORD_LETTERS: usize = 40;

/// So many different words, and so many different pairs, are told apart. Powers of two.
const WORDS: usize = 1 << 10;
const PAIRS: usize = 1 << 11;

/// A word is paired with so many before it, each distance for itself: orthogonal sparse bigrams (Siefkes, Assis, Chhabra
/// and Yerazunis, PKDD 2004).
const BEFORE: usize = 3;

/// Runs of so many letters, and of one more, are features of a word; it begins and ends with a space.
const RUN: usize = 3;

/// So many letters in a row, with what stands between left out, are a feature where they are of three words or more: what
/// somebody has taken apart.
const TORN: usize = 4;

/// The different words of a comment, and what joins them.
#[derive(Debug, Clone)]
pub(super) struct Words {
    words: Vec<Word>,
    /// All their letters, each word with a space before and after.
    letters: Vec<u32>,
    joints: Vec<u32>,
    /// The words by their hashes, and joints by their places, each with the round that it was seen in.
    known: Box<[(u64, u32, u32)]>,
    seen: Box<[u64]>,
    round: u32,
}

/// A word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    /// Its hash, and the feature of the whole word.
    pub hash: u64,
    from: u32,
    to: u32,
    /// How often it stands in the text itself; a word of digits alone, and one that only a shadow has, never.
    pub times: u32,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            words: Vec::with_capacity(256),
            letters: Vec::with_capacity(4096),
            joints: Vec::with_capacity(1024),
            known: vec![(0, 0, 0); WORDS].into(),
            seen: vec![0; PAIRS].into(),
            round: 0,
        }
    }
}

impl Words {
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.letters.clear();
        self.joints.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            *self = Self { round: 1, ..Self::default() };
        }
    }

    /// Reads a text. Only of one that is `counted` the words count in [`Word::times`].
    pub(super) fn read(&mut self, text: &str, counted: bool) {
        let mut before = Before::default();
        if text.is_ascii() {
            // Most texts are: their words are copied at a time, not letter by letter.
            let mut rest = text.as_bytes();
            while let Some(start) = rest.iter().position(u8::is_ascii_alphanumeric) {
                rest = &rest[start..];
                let length = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
                let start = self.letters.len();
                self.letters.push(u32::from(' '));
                self.letters.extend(rest[..length.min(WORD_LETTERS)].iter().map(|byte| u32::from(*byte)));
                self.end_word(start, counted, &mut before);
                rest = &rest[length..];
            }
            return;
        }
        let mut start = self.letters.len();
        for c in text.chars().chain([' ']) {
            if known(c).alphanumeric {
                let length = self.letters.len() - start;
                if length == 0 {
                    self.letters.push(u32::from(' '));
                }
                if length <= WORD_LETTERS {
                    self.letters.push(u32::from(plain(c)));
                }
                continue;
            }
            if self.letters.len() > start {
                self.end_word(start, counted, &mut before);
                start = self.letters.len();
            }
            if !c.is_ascii() && !c.is_whitespace() {
                self.join(mix(hash::SYMBOL, u64::from(c)));
            }
        }
    }

    /// The different words in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Word> {
        self.words.iter()
    }

    /// A word's letters, with a space before and after.
    pub(super) fn letters(&self, word: &Word) -> &[u32] {
        &self.letters[word.from as usize..word.to as usize]
    }

    /// The places of what joins words, and of signs.
    pub(super) fn joints(&self) -> &[u32] {
        &self.joints
    }

    /// Adds all places.
    pub(super) fn spell(&self, places: &mut Vec<u32>) {
        places.extend(&self.joints);
        for word in &self.words {
            spell(word.hash, self.letters(word), |place| places.push(place));
        }
    }

    /// The word whose letters stand from `start` on is complete.
    fn end_word(&mut self, start: usize, counted: bool, before: &mut Before) {
        let word = &self.letters[start + 1..];
        let whole = whole(word);
        let counts = counted && word.iter().any(|c| !is_digit(*c));
        before.torn.read(word, |hash| join(&mut self.joints, &mut self.seen, self.round, hash));
        for (gap, before) in (0..).zip(before.words) {
            self.join(mix(mix(before, gap), whole));
        }
        let [last, one_before, _] = before.words;
        before.words = [mix(hash::PAIR, whole), last, one_before];
        let (hash, round, index) = &mut self.known[whole as usize & (WORDS - 1)];
        if *hash == whole && *round == self.round {
            self.words[*index as usize].times += u32::from(counts);
            self.letters.truncate(start);
        } else {
            (*hash, *round, *index) = (whole, self.round, self.words.len() as u32);
            self.letters.push(u32::from(' '));
            let (from, to) = (start as u32, self.letters.len() as u32);
            self.words.push(Word { hash: whole, from, to, times: u32::from(counts) });
        }
    }

    fn join(&mut self, hash: u64) {
        join(&mut self.joints, &mut self.seen, self.round, hash);
    }
}

/// A joint counts once in a comment, as far as a table of this size can tell.
fn join(joints: &mut Vec<u32>, seen: &mut [u64], round: u32, hash: u64) {
    let place = place(hash);
    let mark = u64::from(round) << 32 | u64::from(place);
    let slot = &mut seen[place as usize & (PAIRS - 1)];
    if *slot != mark {
        *slot = mark;
        joints.push(place);
    }
}

/// The hash of a word without its spaces, two letters at a time.
fn whole(word: &[u32]) -> u64 {
    let (pairs, rest) = word.as_chunks::<2>();
    let hash = pairs.iter().fold(hash::WORD, |hash, [a, b]| mix(hash, u64::from(*a) << 32 | u64::from(*b)));
    rest.iter().fold(hash, |hash, c| mix(hash, u64::from(*c)))
}

/// The places of a word: the whole, the same without doubled letters, what it is like if it has digits, and the letters
/// within. It comes with a space before and after.
pub(super) fn spell(hash: u64, word: &[u32], mut add: impl FnMut(u32)) {
    add(place(hash));
    let inner = &word[1..word.len() - 1];
    let mut squeezed = hash::SQUEEZED;
    for n in 0..inner.len() {
        if n == 0 || inner[n] != inner[n - 1] {
            squeezed = mix(squeezed, u64::from(inner[n]));
        }
    }
    add(place(squeezed));
    if inner.iter().any(|c| is_digit(*c)) {
        spell_number(inner, &mut add);
    }
    for from in 0..word.len() - (RUN - 1) {
        let short = word[from..from + RUN].iter().fold(hash::INSIDE, |hash, c| mix(hash, u64::from(*c)));
        add(place(short));
        if let Some(next) = word.get(from + RUN) {
            add(place(mix(short, u64::from(*next))));
        }
    }
}

/// A word with digits, whichever they are; and the kind of word: letters then digits, and so on.
fn spell_number(word: &[u32], add: &mut impl FnMut(u32)) {
    const DIGIT: u64 = b'0' as u64;
    const LETTER: u64 = b'a' as u64;
    let (mut any, mut kind, mut last) = (hash::NUMBER, hash::KIND_OF_WORD, 0);
    for c in word {
        let digit = is_digit(*c);
        any = mix(any, if digit { DIGIT } else { u64::from(*c) });
        let class = if digit { DIGIT } else { LETTER };
        if class != last {
            kind = mix(kind, class);
            last = class;
        }
    }
    add(place(any));
    add(place(kind));
}

/// What stands before a word.
struct Before {
    /// The last words, the nearest first.
    words: [u64; BEFORE],
    torn: Torn,
}

impl Default for Before {
    fn default() -> Self {
        Self { words: [hash::PAIR; BEFORE], torn: Torn::default() }
    }
}

/// The last letters, each with the number of its word; of doubled ones, one.
#[derive(Debug, Default)]
struct Torn {
    letters: [(u32, u32); TORN - 1],
    word: u32,
}

impl Torn {
    /// Reads a word without its spaces.
    fn read(&mut self, word: &[u32], mut add: impl FnMut(u64)) {
        self.word += 1;
        // Most words stand between others that are as long: nothing reaches over the word before, and all that counts
        // later is how this one ends.
        if let &[_, second, .., a, b, c] = word
            && self.letters[0].1 + 1 == self.word
            && second != a
            && a != b
            && b != c
        {
            self.letters = [a, b, c].map(|letter| (letter, self.word));
            return;
        }
        // From the third letter on nothing reaches over the word before, and only the last ones are looked back at.
        let last = word.len().saturating_sub(TORN - 1).max(2).min(word.len());
        for letter in word.iter().take(2).chain(&word[last..]) {
            let [first, second, third] = self.letters;
            if third.0 == *letter {
                continue;
            }
            if first.0 != 0 && self.word - first.1 >= 2 {
                let hash = [first, second, third].iter().fold(hash::TORN, |hash, (c, _)| mix(hash, u64::from(*c)));
                add(mix(hash, u64::from(*letter)));
            }
            self.letters = [second, third, (*letter, self.word)];
        }
    }
}

fn is_digit(c: u32) -> bool {
    (u32::from(b'0')..=u32::from(b'9')).contains(&c)
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
    use super::*;

    fn places(text: &str) -> Vec<u32> {
        let (mut words, mut places) = (Words::default(), Vec::new());
        words.clear();
        words.read(text, true);
        words.spell(&mut places);
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
        assert_eq!(words.joints().len(), before + BEFORE);
        words.clear();
        words.read("now", true);
        assert_eq!(words.iter().count(), 1);
    }

    #[test]
    fn accents_doubled_letters_and_other_digits_keep_much_in_common() {
        assert_eq!(places("crème brûlée"), places("creme brulee"));
        assert!(in_common("freeee", "free") > in_common("freeze", "free"));
        // The number whichever digits it has, its kind, and the three runs before the digits.
        assert_eq!(in_common("win500", "win731"), 5);
        assert_ne!(places("жест"), places("жecт"));
    }

    #[test]
    fn letters_taken_apart_are_read_together() {
        let torn = |text: &str| {
            let mut found = Vec::new();
            let mut torn = Torn::default();
            for word in text.split(' ') {
                let word: Vec<u32> = word.chars().map(u32::from).collect();
                torn.read(&word, |hash| found.push(hash));
            }
            found
        };
        assert!(torn("f r e").is_empty());
        assert_eq!(torn("c a s i n o").len(), 3);
        assert_eq!(torn("ca s ino"), torn("c a s ino"));
        assert!(torn("some honest words here").is_empty());
    }
}
