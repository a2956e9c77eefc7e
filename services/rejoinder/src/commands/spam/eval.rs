use anyhow::Result;
use rejoinder_proto::v1::{Comment, Verdict};
use rejoinder_spam_filter::model::{
    Model,
    measure::{auc, calibration_error, recall_at, reliability},
    train::{Row, folds, train},
};
use serde_json::json;

use super::{
    judge::{Judge, model},
    rows,
    train::labelled,
};
use crate::cli::spam::EvalArgs;

/// In so many parts rows are judged when each is judged by the others.
const PARTS: usize = 5;

/// A labelled row, and the place of its file among the inputs.
struct Labelled {
    input: usize,
    row: Row,
    comment: Comment,
}

/// What became of a file's rows.
#[derive(Default)]
struct Outcome {
    spam: Scores,
    ham: Scores,
}

/// The scores of the rows with one label, and how many of them were held or taken for spam.
#[derive(Default)]
struct Scores {
    scores: Vec<f64>,
    held: usize,
    thrown: usize,
}

/// Prints a table of measures, a line for each file.
pub fn run(args: &EvalArgs) -> Result<()> {
    let mut all = Vec::new();
    for (input, path) in args.inputs.iter().enumerate() {
        all.extend(rows::of_file(path, |row| {
            Ok(Labelled { input, row: labelled(&row, path)?, comment: row.comment() })
        })?);
    }
    let outcomes = outcomes(args, &all)?;
    if !args.json {
        heading();
    }
    for (path, outcome) in args.inputs.iter().zip(&outcomes) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if args.json { json(&name, outcome) } else { line(&name, outcome) }
    }
    Ok(())
}

fn outcomes(args: &EvalArgs, all: &[Labelled]) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = args.inputs.iter().map(|_| Outcome::default()).collect();
    let trained_on = |is_in: &dyn Fn(usize, &Labelled) -> bool| -> Result<Model> {
        let rows = all.iter().enumerate().filter(|(n, labelled)| is_in(*n, labelled));
        let rows: Vec<Row> = rows.map(|(_, labelled)| labelled.row.clone()).collect();
        Ok(train(&rows, args.seed)?)
    };
    if args.cross_validate {
        let folds = folds(all.iter().map(|labelled| labelled.row.text.as_str()), PARTS);
        for part in 0..PARTS {
            let model = trained_on(&|n, _| folds[n] != part)?;
            for (input, outcome) in outcomes.iter_mut().enumerate() {
                let rows = all.iter().zip(&folds).filter(|(row, fold)| row.input == input && **fold == part);
                outcome.judge(model.clone(), args.learn, rows.map(|(row, _)| row))?;
            }
        }
        return Ok(outcomes);
    }
    for (input, outcome) in outcomes.iter_mut().enumerate() {
        let rows = || all.iter().filter(move |row| row.input == input);
        let model = match args.leave_one_out {
            true => trained_on(&|_, labelled| rows().all(|own| own.row.source != labelled.row.source))?,
            false => model(args.model.model.as_deref())?,
        };
        outcome.judge(model, args.learn, rows())?;
    }
    Ok(outcomes)
}

impl Outcome {
    fn judge<'a>(&mut self, model: Model, learn: bool, rows: impl Iterator<Item = &'a Labelled>) -> Result<()> {
        let mut judge = Judge::new(model, learn)?;
        for labelled in rows {
            let judged = judge.judge(&labelled.comment, Some(labelled.row.spam));
            let scores = if labelled.row.spam { &mut self.spam } else { &mut self.ham };
            scores.scores.push(judged.score);
            match judged.verdict {
                Verdict::Spam => scores.thrown += 1,
                Verdict::Approve => {}
                Verdict::Hold | Verdict::Unspecified => scores.held += 1,
            }
        }
        Ok(())
    }

    /// The share of rows on the wrong side of one half.
    fn errors(&self) -> f64 {
        let wrong = self.spam.scores.iter().filter(|score| **score < 0.5).count()
            + self.ham.scores.iter().filter(|score| **score >= 0.5).count();
        wrong as f64 / (self.spam.scores.len() + self.ham.scores.len()).max(1) as f64
    }
}

impl Scores {
    fn share(&self, count: usize) -> f64 {
        count as f64 / self.scores.len().max(1) as f64
    }
}

fn heading() {
    println!(
        "{:<16} {:>5} {:>5}  {:^6} {:^15} {:>5} {:>6}  {:^13}  {:^13}",
        "", "", "", "", "recall at", "", "", "of ham, %", "of spam, %"
    );
    println!(
        "{:<16} {:>5} {:>5} {:>6}  {:>7} {:>7} {:>6} {:>6}  {:>6} {:>6}  {:>6} {:>6}",
        "file", "spam", "ham", "AUC", "1 %", "0.1 %", "ECE", "errors", "held", "lost", "held", "caught"
    );
}

fn line(name: &str, outcome: &Outcome) {
    let Outcome { spam, ham } = outcome;
    let number = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.3}"));
    let recall = |share| number(recall_at(&spam.scores, &ham.scores, share));
    let percent = |scores: &Scores, count| match scores.scores.len() {
        0 => "-".to_owned(),
        _ => format!("{:.2}", 100.0 * scores.share(count)),
    };
    println!(
        "{name:<16} {:>5} {:>5} {:>6}  {:>7} {:>7} {:>6.3} {:>5.1}%  {:>6} {:>6}  {:>6} {:>6}",
        spam.scores.len(),
        ham.scores.len(),
        number(auc(&spam.scores, &ham.scores)),
        recall(0.01),
        recall(0.001),
        calibration_error(&spam.scores, &ham.scores),
        100.0 * outcome.errors(),
        percent(ham, ham.held),
        percent(ham, ham.thrown),
        percent(spam, spam.held),
        percent(spam, spam.thrown),
    );
}

fn json(name: &str, outcome: &Outcome) {
    let Outcome { spam, ham } = outcome;
    let bins = reliability(&spam.scores, &ham.scores);
    let bins: Vec<_> = bins.iter().map(|bin| json!({"said": bin.said, "was": bin.was, "count": bin.count})).collect();
    let object = json!({
        "file": name,
        "spam": spam.scores.len(),
        "ham": ham.scores.len(),
        "auc": auc(&spam.scores, &ham.scores),
        "recall_at_1_percent": recall_at(&spam.scores, &ham.scores, 0.01),
        "recall_at_0.1_percent": recall_at(&spam.scores, &ham.scores, 0.001),
        "calibration_error": calibration_error(&spam.scores, &ham.scores),
        "errors": outcome.errors(),
        "ham_held": ham.share(ham.held),
        "ham_lost": ham.share(ham.thrown),
        "spam_held": spam.share(spam.held),
        "spam_caught": spam.share(spam.thrown),
        "reliability": bins,
    });
    println!("{object}");
}
