//! Which parts of a comment moved the model.

use super::{Features, Model, Subject, shape::Shape};
use crate::normal::Normal;

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
    let mut words: Vec<&str> = [first, last].iter().flat_map(|text| text.split_whitespace()).collect();
    words.sort_unstable();
    words.dedup();
    for word in words {
        let normal = Normal { words: word.to_owned(), ..Normal::default() };
        features.read(&Subject { visible: word, normal: &normal, links: subject.links, name: "", email: "", ip: "" });
        let sum: f32 = features.letters().iter().map(|place| model.weight(*place)).sum();
        shares.push(Share { part: word.to_owned(), log_odds: sum * unit });
    }
    shares.retain(|share| share.log_odds.abs() > 0.01);
    shares.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()).then_with(|| a.part.cmp(&b.part)));
    shares.truncate(most);
    shares
}
