//! Which parts of a comment moved the model.

use super::{Features, Model, Subject, shape::Shape};
use crate::{links::Links, normal::Normal};

/// A word that moves the log-odds by less is not worth naming.
const TELLING: f32 = 0.1;

/// Of a longer text this many words are looked at: it costs as much as to read them once more.
const LOOKED_AT: usize = 200;

/// Longer words are no words that a moderator knows.
const WORD_BYTES: usize = 60;

/// A part of a comment with what it adds to the log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// A word in its normal form, or a phrase such as "its share of capitals".
    pub part: String,
    /// Above zero speaks for spam.
    pub log_odds: f32,
}

/// The parts that moved the model most, the strongest first, and at most `most` of them. Words share letters, so that their
/// shares need not add up to the whole.
pub fn explain(model: &Model, subject: &Subject<'_>, most: usize) -> Vec<Share> {
    let mut features = Features::default();
    features.read(subject);
    let unit = model.trust.unit(features.letters());
    let shape = features
        .besides()
        .iter()
        .zip(Shape::NAMES)
        .map(|(place, name)| Share { part: name.to_owned(), log_odds: model.weight(*place) * model.card.besides });
    let mut shares: Vec<Share> = shape.collect();
    let (first, last) = super::features::ends(&subject.normal.words);
    for word in distinct([first, last].iter().flat_map(|text| text.split_whitespace())) {
        read_word(&mut features, word);
        shares.push(Share { part: word.to_owned(), log_odds: weight(model, &features) * unit });
    }
    shares.retain(|share| share.log_odds.abs() > 0.01);
    shares.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()).then_with(|| a.part.cmp(&b.part)));
    shares.truncate(most);
    shares
}

/// The words that spoke most for spam, the strongest first, and at most `most`: only letters, and none that the model has
/// not learned from others, so that nobody's secret is among them but by the chance of a hash. Few words of a long text
/// are looked at. Uses up what `features` hold.
pub fn telling_words(model: &Model, subject: &Subject<'_>, features: &mut Features, most: usize) -> Vec<String> {
    features.read(subject);
    let unit = model.trust.unit(features.letters());
    let words = subject.normal.words.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| word.len() <= WORD_BYTES && word.chars().all(char::is_alphabetic));
    let mut telling = Vec::new();
    for word in distinct(words.filter(|word| !word.is_empty()).take(LOOKED_AT)) {
        read_word(features, word);
        let log_odds = weight(model, features) * unit;
        if log_odds >= TELLING && features.words().iter().all(|place| model.knows(*place)) {
            telling.push((log_odds, word));
        }
    }
    telling.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    telling.into_iter().take(most).map(|(_, word)| word.to_owned()).collect()
}

fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn read_word(features: &mut Features, word: &str) {
    let normal = Normal { words: word.to_owned(), ..Normal::default() };
    let links = Links::default();
    features.read(&Subject { visible: word, normal: &normal, links: &links, name: "", email: "", ip: "" });
}

/// What the features of a word weigh together.
fn weight(model: &Model, features: &Features) -> f32 {
    features.letters().iter().map(|place| model.weight(*place)).sum()
}
