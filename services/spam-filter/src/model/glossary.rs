//! What a model says of the words of a comment.

use super::{Features, Model, runs, trust};

/// Words are remembered in so many sets, a power of two, of so many each.
const SETS: usize = 1 << 14;
const WAYS: usize = 4;

/// What a model has said of words that it has met lately, so that they need not be spelt again: most words of most comments
/// are among some ten thousand. Nobody can make up a word that is taken for another: they are told apart by `Word::mark`.
#[derive(Debug, Clone, Default)]
pub(super) struct Glossary {
    /// The model whose words they are.
    model: u64,
    sets: Box<[[Entry; WAYS]]>,
    /// Where the next new word takes the place of another in its set.
    turn: usize,
}

/// Small, so that many are near.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The upper half of `Word::mark` but for its two lowest bits, which are [`TAKEN`] and [`KNOWN`]; the lower half says in
    /// which set it stands.
    mark: u32,
    weights: i16,
    squares: u16,
}

/// A word stands here.
const TAKEN: u32 = 1;
/// The model has learned it.
const KNOWN: u32 = 2;

// The sums of any word fit.
const _: () = assert!(runs::MOST_FEATURES * i8::MAX as usize <= i16::MAX as usize);
const _: () = assert!(runs::MOST_FEATURES * (trust::STEPS as usize).pow(2) <= u16::MAX as usize);

/// Sums over the letters' features of a word or a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Of their weights, in steps.
    pub weights: i32,
    /// Of the squares of how much they tell, in steps.
    pub squares: u32,
}

/// What a model says of the words of a comment together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summed {
    model: u64,
    pub sums: Sums,
    /// How many words there are, repeated ones counted, and how many of them the model knows.
    pub words: u32,
    pub known: u32,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.weights += other.weights;
        self.squares += other.squares;
    }
}

impl Model {
    /// Sums over the letters' features and the words of a comment.
    pub(super) fn sum(&self, features: &mut Features) -> Summed {
        if let Some(summed) = features.summed.filter(|summed| summed.model == self.id) {
            return summed;
        }
        let Features { words, glossary, .. } = features;
        glossary.open(self);
        let mut summed = Summed { model: self.id, sums: Sums::default(), words: 0, known: 0 };
        for place in words.joints() {
            summed.sums.add(self.at(*place));
        }
        for word in words.iter() {
            let (sums, is_known) = glossary.look_up(self, word.hash, word.mark, words.written(word));
            summed.sums.add(sums);
            summed.words += word.times;
            summed.known += word.times * u32::from(is_known);
        }
        features.summed = Some(summed);
        summed
    }
}

impl Glossary {
    /// What a word adds up to, by a model that has been opened, and whether the model knows it.
    pub(super) fn look_up(&mut self, model: &Model, hash: u64, mark: u64, written: &[u8]) -> (Sums, bool) {
        let (set, mark) = (mark as usize & (SETS - 1), (mark >> 32) as u32 & !KNOWN | TAKEN);
        let set = &mut self.sets[set];
        // Without a branch: where in its set a word stands cannot be foreseen.
        let found =
            (0..).zip(&*set).fold(0, |found, (way, entry)| found | u32::from(entry.mark & !KNOWN == mark) << way);
        let way = match found {
            0 => {
                let mut sums = Sums::default();
                runs::spell(hash, written, &runs::RUNS, |place| sums.add(model.at(place)));
                let known = if model.knows(hash) { KNOWN } else { 0 };
                let entry = Entry { mark: mark | known, weights: sums.weights as i16, squares: sums.squares as u16 };
                self.turn = self.turn.wrapping_add(1);
                let way = self.turn % WAYS;
                set[way] = entry;
                way
            }
            found => found.trailing_zeros() as usize % WAYS,
        };
        let Entry { mark, weights, squares } = set[way];
        (Sums { weights: weights.into(), squares: squares.into() }, mark & KNOWN != 0)
    }

    /// Forgets another model's words.
    pub(super) fn open(&mut self, model: &Model) {
        if self.model != model.id || self.sets.is_empty() {
            *self = Self { model: model.id, sets: vec![[Entry::default(); WAYS]; SETS].into(), turn: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_the_hash_of_another_is_not_taken_for_it() {
        let model = Model::shipped();
        let mut glossary = Glossary::default();
        glossary.open(model);
        let mut look_up = |mark, written| glossary.look_up(model, 7, mark, written).0;
        let spam = look_up(1 << 40, b"subscribe");
        let ham = look_up(2 << 40, b"yesterday");
        assert_ne!(spam, ham);
        assert_eq!(look_up(1 << 40, b"subscribe"), spam);
    }

    #[test]
    fn more_words_than_a_set_takes_are_all_right() {
        let model = Model::shipped();
        let words = ["subscribe", "channel", "yesterday", "video", "love", "money", "the", "0777"];
        let said = |glossary: &mut Glossary, n: usize| {
            glossary.open(model);
            // All in one set.
            glossary.look_up(model, n as u64, (n as u64 + 1) << 40, words[n].as_bytes())
        };
        let mut glossary = Glossary::default();
        for n in (0..words.len()).chain((0..words.len()).rev()).cycle().take(100) {
            assert_eq!(said(&mut glossary, n), said(&mut Glossary::default(), n), "{}", words[n]);
        }
    }
}
