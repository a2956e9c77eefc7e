//! What a model says of the words of a comment.

use std::hash::{BuildHasher, RandomState};

use super::{Features, Model, words};

/// So many words are remembered. A power of two.
const WORDS: usize = 1 << 14;

/// What a model has said of words that it has met lately, so that they need not be spelt again: most words of most comments
/// are among a few thousand. Nobody can make up a word that is taken for another: words are told apart by a secret.
#[derive(Debug, Clone, Default)]
pub(super) struct Glossary {
    secret: u64,
    /// The model whose words they are.
    model: u64,
    entries: Box<[Entry]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// See [`Glossary::mark`]; 0 for none.
    mark: u64,
    sums: Sums,
}

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
            summed.sums.add(glossary.look_up(self, word.hash, words.letters(word)));
            summed.words += word.times;
            summed.known += if self.knows(word.hash) { word.times } else { 0 };
        }
        features.summed = Some(summed);
        summed
    }
}

impl Glossary {
    /// What the words add up to, by a model that has been opened.
    pub(super) fn look_up(&mut self, model: &Model, hash: u64, letters: &[u32]) -> Sums {
        let mark = self.mark(letters);
        let entry = &mut self.entries[hash as usize & (WORDS - 1)];
        if entry.mark != mark {
            let mut sums = Sums::default();
            words::spell(hash, letters, |place| sums.add(model.at(place)));
            *entry = Entry { mark, sums };
        }
        entry.sums
    }

    /// What a word is known by: a polynomial in the secret over its letters.
    fn mark(&self, letters: &[u32]) -> u64 {
        letters.iter().fold(1, |mark: u64, c| mark.wrapping_add(u64::from(*c)).wrapping_mul(self.secret))
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
        let letters = |word: &str| format!(" {word} ").chars().map(u32::from).collect::<Vec<_>>();
        let spam = glossary.look_up(model, 7, &letters("subscribe"));
        let ham = glossary.look_up(model, 7, &letters("yesterday"));
        assert_ne!(spam, ham);
        assert_eq!(glossary.look_up(model, 7, &letters("subscribe")), spam);
    }
}
