//! A model from labelled comments.

use std::collections::BTreeMap;

use rejoinder_proto::v1;

use super::{
    BUCKETS, Card, Entry, Features, KNOWN, Model, Source,
    calibrate::{Scored, platt, threshold},
    disguise::disguise,
    features::place,
    folds, scripts,
    solve::{Example, Random, solve},
    trust::Trust,
};
use crate::reading::Reading;

/// A labelled comment.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its text as it was written.
    pub text: String,
    /// Whether it is spam.
    pub spam: bool,
    /// Where it comes from. Each source counts the same, however many rows it has, and so does each label within it.
    pub source: String,
}

/// How dear mistakes are, against how dear large weights are; shared among the rows of a source and a label.
const COST: f64 = 30_000.0;

/// What a feature besides the letters counts.
const BESIDES: f32 = 0.15;

/// Half of the rows are learned a second time in disguise, at a part of the cost.
const DISGUISED: f64 = 0.5;
const DISGUISED_COST: f64 = 0.15;

/// The model is made of all rows; how sure it may be is found on folds that it was not made of.
const FOLDS: usize = 5;

/// So many hams of the sources are held, each source counted the same.
const HELD_HAMS: f64 = 0.01;

/// So many are taken for spam; a real comment that is lost is found by nobody.
const LOST_HAMS: f64 = 0.0002;

/// And this much is added to be on the safe side, since other sites are not like those trained on, in log-odds.
const MARGIN: f32 = 1.5;

/// A part of `count` for each text, such that near copies are in the same: what is learned on some parts can honestly be
/// judged on another.
pub fn folds<'a>(texts: impl Iterator<Item = &'a str>, count: usize) -> Vec<usize> {
    folds::of(texts, count)
}

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// Nothing to tell apart.
    #[error("there are {spam} rows of spam and {ham} of ham; at least 10 of each are needed")]
    TooFew {
        /// Rows of spam.
        spam: usize,
        /// Rows of ham.
        ham: usize,
    },
}

/// Trains a model. Equal rows in the same order and an equal seed give equal bytes.
pub fn train(rows: &[Row], seed: u64) -> Result<Model, TrainError> {
    let spam = rows.iter().filter(|row| row.spam).count();
    let ham = rows.len() - spam;
    if spam < 10 || ham < 10 {
        return Err(TrainError::TooFew { spam, ham });
    }
    let prepared = Prepared::of(rows, seed);
    let (weights, bias, trust) = prepared.solve(|_| true, seed);
    let scores = prepared.judge(rows, seed);
    let (slope, offset) = platt(&scores);
    let calibrated: Vec<Scored> =
        scores.iter().map(|score| Scored { log_odds: slope * score.log_odds + offset, ..*score }).collect();
    let hold_at = threshold(&calibrated, HELD_HAMS);
    let spam_at = threshold(&calibrated, LOST_HAMS).max(hold_at) + MARGIN;
    let (weights, step) = quantise(&weights);
    let card = Card {
        step,
        bias,
        besides: BESIDES,
        slope,
        offset,
        hold_at,
        spam_at,
        scripts: scripts::learned(rows.iter().map(|row| row.text.as_str())),
        sources: sources(rows),
        seed,
    };
    let entry = |place: usize| Entry {
        weight: weights[place],
        trust: trust.0[place] | if prepared.known[place] { KNOWN } else { 0 },
    };
    let model = Model { card, table: (0..BUCKETS).map(entry).collect(), version: String::new(), id: 0 };
    Ok(Model::decode(&model.encode()).expect("its own bytes"))
}

/// Rows as examples.
struct Prepared {
    /// Each row's own example, then those in disguise with the row that they come from.
    examples: Vec<(usize, Example)>,
    folds: Vec<usize>,
    known: Box<[bool]>,
}

impl Prepared {
    fn of(rows: &[Row], seed: u64) -> Self {
        let mut counts: BTreeMap<(&str, bool), f64> = BTreeMap::new();
        for row in rows {
            *counts.entry((&row.source, row.spam)).or_default() += 1.0;
        }
        let mut random = Random::new(seed);
        let mut features = Features::default();
        let mut seen: Vec<u8> = vec![0; BUCKETS];
        let mut examples = Vec::new();
        let mut disguised = Vec::new();
        for (n, row) in rows.iter().enumerate() {
            let cost = COST / counts[&(row.source.as_str(), row.spam)];
            examples.push((n, example(&row.text, row.spam, cost, &mut features)));
            for word in features.words.iter() {
                let times = &mut seen[place(word.hash) as usize];
                *times = times.saturating_add(u8::try_from(word.times).unwrap_or(u8::MAX));
            }
            if random.chance(DISGUISED) {
                let text = disguise(&row.text, row.spam, &mut random);
                disguised.push((n, example(&text, row.spam, cost * DISGUISED_COST, &mut features)));
            }
        }
        examples.append(&mut disguised);
        // A word that came once may be a slip.
        let known = seen.iter().map(|times| *times > 1).collect();
        let folds = folds::of(rows.iter().map(|row| row.text.as_str()), FOLDS);
        Self { examples, folds, known }
    }

    fn solve(&self, of: impl Fn(usize) -> bool, seed: u64) -> (Vec<f32>, f32, Trust) {
        let some: Vec<&Example> =
            self.examples.iter().filter(|(row, _)| of(*row)).map(|(_, example)| example).collect();
        let trust = Trust::of(&some, BUCKETS);
        let (weights, bias) = solve(&some, &trust, BESIDES, seed);
        (weights, bias, trust)
    }

    /// Each row's score by a model that has seen neither it nor its near copies. Each source weighs the same.
    fn judge(&self, rows: &[Row], seed: u64) -> Vec<Scored> {
        let mut scores = vec![0_f32; rows.len()];
        for fold in 0..FOLDS {
            let (weights, bias, trust) = self.solve(|row| self.folds[row] != fold, seed);
            for (row, example) in &self.examples[..rows.len()] {
                if self.folds[*row] == fold {
                    scores[*row] = example.dot(&weights, trust.unit(&example.letters), BESIDES) as f32 + bias;
                }
            }
        }
        let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
        for row in rows {
            *counts.entry(&row.source).or_default() += 1.0;
        }
        let scored = rows.iter().zip(scores);
        scored
            .map(|(row, log_odds)| Scored { log_odds, spam: row.spam, weight: 1.0 / counts[row.source.as_str()] })
            .collect()
    }
}

fn example(text: &str, spam: bool, cost: f64, features: &mut Features) -> Example {
    let comment = v1::Comment { text: text.to_owned(), ..v1::Comment::default() };
    let reading = Reading::of(&comment);
    features.read(&reading.subject(&comment));
    Example { letters: features.letters().into(), besides: features.besides.as_slice().into(), spam, cost }
}

/// Whole-numbered weights, and what one step of them is. The largest weight is 127: cutting off the largest ones instead,
/// for finer steps, measures worse.
fn quantise(weights: &[f32]) -> (Box<[i8]>, f32) {
    let largest = weights.iter().fold(0_f32, |largest, weight| largest.max(weight.abs()));
    let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    (weights.iter().map(|weight| (weight / step).round() as i8).collect(), step)
}

fn sources(rows: &[Row]) -> Vec<Source> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in rows {
        let (spam, ham) = counts.entry(&row.source).or_default();
        *(if row.spam { spam } else { ham }) += 1;
    }
    counts.into_iter().map(|(name, (spam, ham))| Source { name: name.to_owned(), spam, ham }).collect()
}
