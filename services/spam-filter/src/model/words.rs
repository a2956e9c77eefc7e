//! The words of a text as features: each different word once with the letters within it, and what joins neighbours.

use std::ops::RangeInclusive;

use super::{features::place, hash, hash::mix};
use crate::{bytes::words_of, normal::known};

/// Letters of a word that are looked at. What follows in a longer one is noise.
const WORD_LETTERS: usize = 40;

/// So many different words, and so many different pairs, are told apart. Powers of two.
const WORDS: usize = 1 << 10;
const PAIRS: usize = 1 << 11;

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

/// The different words of a comment, and what joins them.
#[derive(Debug, Clone)]
pub(super) struct Words {
    words: Vec<Word>,
    /// The texts in which they stand; words that are not written as they are read stand after their text.
    text: Vec<u8>,
    joints: Joints,
    /// The words by their hashes, each with the round that it was seen in and its place among them.
    known: Box<[(u64, u32, u32)]>,
    round: u32,
}

/// The places of pairs of words, of runs across them, and of signs. Each pair and sign counts once in a comment, as far as a
/// table of this size can tell, and a run as often as there are different pairs that it reaches across.
#[derive(Debug, Clone)]
struct Joints {
    places: Vec<u32>,
    /// The places, each with the round that it was seen in.
    seen: Box<[u64]>,
}

impl Joints {
    /// Whether it had not come before in this round; one that `is_new` cannot have.
    fn add(&mut self, round: u32, hash: u64, is_new: bool) -> bool {
        let place = place(hash);
        let mark = u64::from(round) << 32 | u64::from(place);
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
            known: vec![(0, 0, 0); WORDS].into(),
            round: 0,
        }
    }
}

impl Words {
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.text.clear();
        self.joints.places.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            *self = Self { round: 1, ..Self::default() };
        }
    }

    /// Reads a text. Only of one that is `counted` the words count in [`Word::times`].
    pub(super) fn read(&mut self, text: &str, counted: bool) {
        let mut before = Before::default();
        if text.is_ascii() {
            let start = self.text.len();
            self.text.extend(text.as_bytes());
            words_of(text.as_bytes(), |from, to| {
                let (from, to) = (start + from, start + to.min(from + WORD_LETTERS));
                let is_new = self.end_word(from, to, counted, &mut before);
                before.across.read(&self.text[from..to], is_new, &mut self.joints.places);
            });
            return;
        }
        let mut letters = Vec::with_capacity(WORD_LETTERS);
        for c in text.chars().chain([' ']) {
            if known(c).alphanumeric {
                if letters.len() < WORD_LETTERS {
                    letters.push(u32::from(plain(c)));
                }
                continue;
            }
            if !letters.is_empty() {
                let from = self.text.len();
                for c in letters.iter().filter_map(|c| char::from_u32(*c)) {
                    self.text.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                let is_new = self.end_word(from, self.text.len(), counted, &mut before);
                before.across.read(&letters, is_new, &mut self.joints.places);
                letters.clear();
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

    /// Adds all places, those of runs of such lengths among them.
    pub(super) fn spell(&self, runs: &RangeInclusive<usize>, places: &mut Vec<u32>) {
        places.extend(self.joints());
        for word in &self.words {
            spell(word.hash, self.written(word), runs, |place| places.push(place));
        }
    }

    /// A word is complete. Whether it came after the one before it for the first time.
    fn end_word(&mut self, from: usize, to: usize, counted: bool, before: &mut Before) -> bool {
        let word = &self.text[from..to];
        let whole = whole(word);
        let counts = counted && word.iter().any(|byte| !byte.is_ascii_digit());
        let pair = before.word.rotate_left(23) ^ whole;
        before.word = whole;
        let (hash, round, index) = &mut self.known[whole as usize & (WORDS - 1)];
        if *hash == whole && *round == self.round {
            self.words[*index as usize].times += u32::from(counts);
            self.joints.add(self.round, pair, false)
        } else {
            (*hash, *round, *index) = (whole, self.round, self.words.len() as u32);
            self.words.push(Word { hash: whole, from: from as u32, to: to as u32, times: u32::from(counts) });
            self.joints.add(self.round, pair, true)
        }
    }
}

/// The hash of a word as it is written.
fn whole(word: &[u8]) -> u64 {
    eights(word).fold(hash::WORD, mix)
}

/// A word's bytes, eight at a time. No two words have the same, since none has a byte that is zero.
pub(super) fn eights(word: &[u8]) -> impl Iterator<Item = u64> {
    let (eights, rest) = word.as_chunks::<8>();
    let rest = (!rest.is_empty()).then(|| last_eight(rest));
    eights.iter().map(|eight| u64::from_le_bytes(*eight)).chain(rest)
}

/// Fewer than eight bytes, and zeros. Reads that overlap, and no loop: how long words are cannot be foreseen.
fn last_eight(bytes: &[u8]) -> u64 {
    let at = |place: usize| u64::from(bytes[place]) << (8 * place);
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            let at = 8 * (bytes.len() - 4);
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << at
        }
        _ => at(0) | at(bytes.len() / 2) | at(bytes.len() - 1),
    }
}

/// The places of a word: the whole, the same without doubled letters, what it is like if it has digits, and the runs of
/// letters within that have such lengths.
#[inline]
pub(super) fn spell(hash: u64, word: &[u8], runs: &RangeInclusive<usize>, mut add: impl FnMut(u32)) {
    const SPACE: u32 = b' ' as u32;
    let mut letters = [SPACE; WORD_LETTERS + 2];
    let mut length = 1;
    let mut put = |c: u32| {
        letters[length] = c;
        length += 1;
    };
    match word.is_ascii() {
        true => word.iter().for_each(|byte| put(u32::from(*byte))),
        false => String::from_utf8_lossy(word).chars().for_each(|c| put(u32::from(c))),
    }
    let inner = &letters[1..length];
    add(place(hash));
    let squeezed = inner.chunk_by(|a, b| a == b).fold(hash::SQUEEZED, |hash, same| mix(hash, u64::from(same[0])));
    add(place(squeezed));
    if inner.iter().any(|c| is_digit(*c)) {
        spell_number(inner, &mut add);
    }
    if inner.windows(2).filter(|pair| pair[0] == pair[1]).count() > 1 {
        length = squeeze(&mut letters[..length]);
        letters[length] = SPACE;
    }
    for from in 0..length {
        let mut run = mix(hash::INSIDE, u64::from(letters[from]));
        for (length, c) in (2..).zip(&letters[from + 1..(from + runs.end()).min(length + 1)]) {
            run = mix(run, u64::from(*c));
            if runs.contains(&length) {
                add(place(run));
            }
        }
    }
}

/// Leaves one of each row of equal letters, and says how many are left. Hardly any word is spelt with more than one such row:
/// the others are drawn out, or in disguise.
fn squeeze(letters: &mut [u32]) -> usize {
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
    /// The hash of the last one.
    word: u64,
    across: Across,
}

impl Default for Before {
    fn default() -> Self {
        Self { word: hash::PAIR, across: Across::default() }
    }
}

/// The last letters, of whichever words; zeros before the first.
#[derive(Debug, Default)]
struct Across([u32; ACROSS - 1]);

impl Across {
    /// Reads a word. Where it is new after the one before it, the place is added of each run that ends in it and begins
    /// before it, but of those of which it has one letter only: they tell least, and speed matters.
    fn read<L: Copy + Into<u32>>(&mut self, word: &[L], is_new: bool, places: &mut Vec<u32>) {
        for (n, letter) in word.iter().take(ACROSS - 1).map(|letter| (*letter).into()).enumerate() {
            let [first, second, third, fourth] = self.0;
            if is_new && n > 0 && first != 0 {
                let run = [first, second, third, fourth, letter];
                places.push(place(run.iter().fold(hash::INSIDE, |hash, letter| mix(hash, u64::from(*letter)))));
            }
            self.0 = [second, third, fourth, letter];
        }
        if let Some(last) = word.last_chunk() {
            self.0 = last.map(L::into);
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
        words.spell(&RUNS, &mut places);
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
        // The pair with the word before, and the three runs that reach into it.
        assert_eq!(words.joints().len(), before + 4);
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
    fn the_bytes_of_a_word_come_eight_at_a_time() {
        let word = b"abcdefghijklmnopq";
        for length in 1..word.len() {
            let bytes: Vec<u8> = eights(&word[..length]).flat_map(u64::to_le_bytes).collect();
            assert_eq!(bytes.len(), length.next_multiple_of(8));
            assert_eq!((&bytes[..length], bytes[length..].iter().max().unwrap_or(&0)), (&word[..length], &0));
        }
    }

    #[test]
    fn a_word_taken_apart_keeps_runs_of_the_whole() {
        let across = |text: &str| {
            let (mut across, mut places) = (Across::default(), Vec::new());
            text.split(' ').for_each(|word| across.read(word.as_bytes(), true, &mut places));
            places
        };
        assert!(across("some").is_empty() && across("so me").is_empty());
        let whole = places("subscribe");
        for (apart, count) in [("sub scribe", 3), ("su bsc ribe", 4), ("subs cr ibe", 3)] {
            let runs = across(apart);
            assert!(runs.len() == count && runs.iter().all(|run| whole.contains(run)), "{apart}: {runs:?}");
        }
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
