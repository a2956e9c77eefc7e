//! Which parts of a comment moved the model.

use super::{Features, Model, Subject, shape::Shape, trust, words::Word};

/// A word that moves the log-odds by less is not worth naming.
const TELLING: f32 = 0.1;

/// Longer words are no words that a moderator knows.
const WORD_BYTES: usize = 60;

/// A part of a comment with what it adds to the log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// A word in its normal form without accents, or a phrase such as "its share of capitals".
    pub part: String,
    /// Above zero speaks for spam.
    pub log_odds: f32,
}

/// The parts that moved the model most, the strongest first, and at most `most` of them. Words share letters, so that their
/// shares need not add up to the whole.
pub fn explain(model: &Model, subject: &Subject<'_>, most: usize) -> Vec<Share> {
    let mut features = Features::default();
    features.read(subject);
    let shape = features
        .besides
        .iter()
        .zip(Shape::NAMES)
        .map(|(place, name)| Share { part: name.to_owned(), log_odds: model.weight(*place) * model.card.besides });
    let mut shares: Vec<Share> = shape.collect();
    shares.extend(
        of_words(model, &mut features, |_, word| word.times > 0)
            .into_iter()
            .map(|(log_odds, part)| Share { part, log_odds }),
    );
    shares.retain(|share| share.log_odds.abs() > 0.01);
    shares.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()).then_with(|| a.part.cmp(&b.part)));
    shares.truncate(most);
    shares
}

/// The words that spoke most for spam, the strongest first, and at most `most`: only letters, and none that the model has
/// not learned from others, so that nobody's secret is among them but by the chance of a hash.
pub fn telling_words(model: &Model, features: &mut Features, most: usize) -> Vec<String> {
    let telling = |log_odds: f32, word: &Word| log_odds >= TELLING && word.times > 0 && model.knows(word.hash);
    let mut words = of_words(model, features, telling);
    words.retain(|(_, word)| word.len() <= WORD_BYTES && word.chars().all(char::is_alphabetic));
    words.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    words.into_iter().take(most).map(|(_, word)| word).collect()
}

/// The words that are asked for, as features have them, each with what it adds to the log-odds.
fn of_words(model: &Model, features: &mut Features, asked: impl Fn(f32, &Word) -> bool) -> Vec<(f32, String)> {
    let unit = trust::unit(model.sum(features).sums.squares) * model.card.step;
    let Features { words, glossary, .. } = features;
    let share = |word: &Word| {
        let written = words.written(word);
        let log_odds = glossary.look_up(model, word.hash, word.mark, written).0.weights as f32 * unit;
        asked(log_odds, word).then(|| (log_odds, String::from_utf8_lossy(written).into_owned()))
    };
    words.iter().filter_map(share).collect()
}
