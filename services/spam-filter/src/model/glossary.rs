//! What a model says of the words of a comment.

use std::hash::{BuildHasher, RandomState};

use super::{Features, Model, trust, words};

/// So many words are remembered. A power of two.
const WORDS: usize = 1 << 16;

/// What a model has said of words that it has met lately, so that they need not be spelt again: most words of most comments
/// are among some ten thousand. Nobody can make up a word that is taken for another: words are told apart by a secret.
#[derive(Debug, Clone, Default)]
pub(super) struct Glossary {
    secret: u64,
    /// The model whose words they are.
    model: u64,
    entries: Box<[Entry]>,
}

/// Small, so that many are near.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The upper half of [`Glossary::mark`] with the lowest bit set; the lower half says where it stands. 0 for none.
    mark: u32,
    weights: i16,
    squares: u16,
}

// The sums of any word fit.
const _: () = assert!(words::MOST_FEATURES * i8::MAX as usize <= i16::MAX as usize);
const _: () = assert!(words::MOST_FEATURES * (trust::STEPS as usize).pow(2) <= u16::MAX as usize);

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
            summed.sums.add(glossary.look_up(self, word.hash, words.written(word)));
            summed.words += word.times;
            summed.known += if self.knows(word.hash) { word.times } else { 0 };
        }
        features.summed = Some(summed);
        summed
    }
}

impl Glossary {
    /// What the words add up to, by a model that has been opened.
    pub(super) fn look_up(&mut self, model: &Model, hash: u64, word: &[u8]) -> Sums {
        let mark = self.mark(word);
        let (place, mark) = (mark as usize & (WORDS - 1), (mark >> 32) as u32 | 1);
        let entry = &mut self.entries[place];
        if entry.mark != mark {
            let mut sums = Sums::default();
            words::spell(hash, word, &words::RUNS, |place| sums.add(model.at(place)));
            *entry = Entry { mark, weights: sums.weights as i16, squares: sums.squares as u16 };
        }
        Sums { weights: entry.weights.into(), squares: entry.squares.into() }
    }

    /// What a word is known by: its bytes folded with the secret, as in wyhash (Wang Yi).
    fn mark(&self, word: &[u8]) -> u64 {
        words::eights(word).fold(self.secret, |mark, eight| {
            let product = u128::from(mark ^ eight) * u128::from(self.secret);
            (product >> 64) as u64 ^ product as u64
        })
    }

    /// Forgets another model's words.
    pub(super) fn open(&mut self, model: &Model) {
        if self.model != model.id || self.entries.is_empty() {
            let secret = RandomState::new().hash_one(model.id) | 1;
            *self = Self { secret, model: model.id, entries: vec![Entry::default(); WORDS].into() };
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
        let spam = glossary.look_up(model, 7, b"subscribe");
        let ham = glossary.look_up(model, 7, b"yesterday");
        assert_ne!(spam, ham);
        assert_eq!(glossary.look_up(model, 7, b"subscribe"), spam);
    }
}
