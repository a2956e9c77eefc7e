//! Rows judged as the filter's worker judges a comment of which only the text and the author are known.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use rejoinder_proto::v1::{self, Verdict};
use rejoinder_spam_filter::{
    Facts, Mode, Policy, Reading, Rules, Signal,
    model::{ACQUAINTED, Features, Layer, Model, Opinion},
    verdict,
};

/// The model of a file, or the one that is part of the program.
pub fn model(path: Option<&Path>) -> Result<Model> {
    let Some(path) = path else { return Ok(Model::shipped().clone()) };
    let bytes = fs::read(path).with_context(|| format!("--model {}", path.display()))?;
    Model::decode(&bytes).with_context(|| format!("--model {}", path.display()))
}

/// A model, the default policy in mode `post`, and what was learned since.
pub struct Judge {
    model: Model,
    rules: Rules,
    features: Features,
    layer: Option<Layer>,
    /// Rows learned that the model abstains from.
    foreign: u32,
}

/// What became of a row.
pub struct Judged {
    /// The probability of spam, 0 to 1, by the model and what was learned.
    pub score: f64,
    /// The verdict.
    pub verdict: Verdict,
    /// The signals behind it, the strongest first.
    pub signals: Vec<Signal>,
}

impl Judge {
    /// A judge who learns, or one who stays as they are.
    pub fn new(model: Model, learns: bool) -> Result<Self> {
        let rules = Rules::new(Policy { mode: Mode::Post, ..Policy::default() })?;
        Ok(Self { model, rules, features: Features::default(), layer: learns.then(Layer::default), foreign: 0 })
    }

    /// Judges a comment, and then learns what it really is, if that is known and the judge learns.
    pub fn judge(&mut self, comment: &v1::Comment, spam: Option<bool>) -> Judged {
        let reading = Reading::of(comment);
        let subject = reading.subject(comment);
        self.features.read(&subject);
        let abstains = self.model.abstains(&subject, &mut self.features);
        let acquainted = self.foreign >= ACQUAINTED;
        let log_odds = match &mut self.layer {
            None => self.model.calibrated(self.model.log_odds(&mut self.features)),
            Some(layer) => {
                let log_odds = layer.log_odds(&self.model, &mut self.features);
                if let Some(spam) = spam {
                    layer.learn(&self.model, &mut self.features, spam);
                    self.foreign += u32::from(abstains.is_some());
                }
                log_odds
            }
        };
        let opinion = Opinion::new(&self.model, log_odds, abstains.filter(|_| !acquainted));
        let model = Some(opinion.weigh(self.rules.policy(), self.model.version().to_owned()));
        let facts = Facts { model, ..Facts::default() };
        let (verdict, signals) = verdict(comment, &reading, &facts, &self.rules);
        Judged { score: opinion.probability(), verdict, signals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_that_the_model_does_not_know_is_held_until_it_is_learned() {
        let comment = |n: u32| v1::Comment {
            text: format!("τι ωραίο τραγούδι, το άκουσα {n} φορές σήμερα"),
            ..v1::Comment::default()
        };
        let shipped = || Model::shipped().clone();
        let verdicts = |judge: &mut Judge, label: Option<bool>| -> Vec<Verdict> {
            (0..=ACQUAINTED).map(|n| judge.judge(&comment(n), label).verdict).collect()
        };
        let learned = verdicts(&mut Judge::new(shipped(), true).expect("a judge"), Some(false));
        let (last, before) = learned.split_last().expect("verdicts");
        assert!(before.iter().all(|verdict| *verdict == Verdict::Hold), "{before:?}");
        assert_eq!(*last, Verdict::Approve);
        let unlearned = verdicts(&mut Judge::new(shipped(), false).expect("a judge"), None);
        assert!(unlearned.iter().all(|verdict| *verdict == Verdict::Hold), "{unlearned:?}");
    }
}
