use anyhow::{Context, Result, bail};
use rejoinder_comment_store::{Fate, StoredComment};
use rejoinder_proto::{
    findings::{NOTHING, findings, verdict},
    v1::Comment,
};
use rejoinder_spam_filter::{
    Reading,
    model::{Share, explain},
};
use serde_json::json;

use crate::{cli::spam::ExplainArgs, config::Config, deployment};

/// So many parts of a comment are named.
const PARTS: usize = 8;

/// A part that moves the log-odds by less decides nothing.
const TELLING: f32 = 0.1;

/// Prints why a comment got its verdict: every signal, and what the model found in its words.
pub async fn run(config: &Config, args: &ExplainArgs) -> Result<()> {
    let store = deployment::store(config).await?;
    let fates = store.fates(&[args.id]).await.context("the comment store")?;
    let comment = match fates.into_iter().next().flatten() {
        Some(Fate::Stored(comment)) => comment,
        Some(Fate::Rejected(errors)) => {
            let fields: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
            bail!("{} was no valid comment, so the filter never saw it: {}", args.id, fields.join("; "));
        }
        None => bail!("{} is not stored; see `rejoinder audit` for where it is", args.id),
    };
    let read = Comment { text: comment.text.clone(), html: comment.public.html.clone(), ..Comment::default() };
    let reading = Reading::of(&read);
    let parts = explain(&config.model()?, &reading.subject(&read), PARTS);
    if args.json {
        json(args, &comment, &parts)
    } else {
        words(args, &comment, &parts)
    }
    Ok(())
}

fn words(args: &ExplainArgs, comment: &StoredComment, parts: &[Share]) {
    println!("{} {}.", args.id, verdict(comment.verdict, comment.score));
    if comment.signals.is_empty() {
        println!("  {NOTHING}");
    }
    for finding in findings(&comment.signals) {
        println!("  {}: {} ({})", finding.name, finding.sentence, finding.counts);
    }
    if let Some(decision) = &comment.decision {
        println!("Since then {} has decided: {:?}.", decision.moderator, decision.action);
    }
    let telling: Vec<&Share> = parts.iter().filter(|part| part.log_odds.abs() >= TELLING).collect();
    if !telling.is_empty() {
        println!("What the shared model finds in it, in log-odds (above zero speaks for spam):");
        for part in telling {
            println!("  {:+.2}  {}", part.log_odds, part.part);
        }
    }
}

fn json(args: &ExplainArgs, comment: &StoredComment, parts: &[Share]) {
    let signals: Vec<_> = comment
        .signals
        .iter()
        .map(|signal| json!({"name": signal.name, "weight": signal.weight, "reason": signal.reason, "at_least": signal.at_least().as_str_name()}))
        .collect();
    let parts: Vec<_> = parts.iter().map(|part| json!({"part": part.part, "log_odds": part.log_odds})).collect();
    println!(
        "{}",
        json!({
            "id": args.id,
            "verdict": comment.verdict.as_str_name(),
            "score": comment.score,
            "signals": signals,
            "model": parts,
        })
    );
}
