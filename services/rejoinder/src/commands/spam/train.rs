use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, Result, bail};
use rejoinder_spam_filter::model::train::{Row, train};
use serde::Deserialize;

use super::rows;
use crate::cli::spam::TrainArgs;

/// A file's entry in the manifest beside it.
#[derive(Deserialize)]
struct Entry {
    file: String,
    licence: String,
    may_train_what_we_ship: bool,
}

/// Trains a model and writes it.
pub fn run(args: &TrainArgs) -> Result<()> {
    let mut all = Vec::new();
    for input in &args.inputs {
        if args.shippable {
            match licence(input)? {
                Some(licence) => eprintln!("{}: {licence}", input.display()),
                None => {
                    eprintln!("{}: left out, since it may not train what ships", input.display());
                    continue;
                }
            }
        }
        all.extend(rows::of_file(input, |row| labelled(&row, input))?);
    }
    let model = train(&all, args.seed)?;
    let bytes = model.encode();
    fs::write(&args.output, &bytes).with_context(|| format!("--output {}", args.output.display()))?;
    let card = model.card();
    let share = |log_odds: f32| 1.0 / (1.0 + (-f64::from(log_odds)).exp());
    println!(
        "{}: model {} from {} rows, {} bytes; holds from {:.4} on, spam from {:.6} on",
        args.output.display(),
        model.version(),
        all.len(),
        bytes.len(),
        share(card.hold_at),
        share(card.spam_at)
    );
    Ok(())
}

/// A row of a file with its label.
pub fn labelled(row: &rows::Row<'_>, path: &Path) -> Result<Row> {
    let spam = row.is_spam().with_context(|| path.display().to_string())?;
    Ok(Row { text: row.text().to_owned(), spam, source: row.source(path) })
}

/// The licence of a file that may train what ships; `None` where it may not.
fn licence(path: &Path) -> Result<Option<String>> {
    let manifest = path.with_file_name("manifest.json");
    let named = || manifest.display().to_string();
    let json = fs::read_to_string(&manifest).with_context(|| format!("--shippable reads {}", named()))?;
    let entries: Vec<Entry> = serde_json::from_str(&json).with_context(named)?;
    let entries: HashMap<&str, &Entry> = entries.iter().map(|entry| (entry.file.as_str(), entry)).collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match entries.get(name.as_ref()) {
        Some(entry) => Ok(entry.may_train_what_we_ship.then(|| entry.licence.clone())),
        None => bail!("{}: has no entry for {name}", named()),
    }
}
