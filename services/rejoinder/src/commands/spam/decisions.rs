use std::{
    collections::HashMap,
    io::{self, Write},
};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use rejoinder_spam_filter::{Lesson, Lessons, Taught};
use serde_json::json;

use super::{each, log_of};
use crate::{cli::spam::DecisionsArgs, config::Config};

/// `rejoinder spam decisions`
pub async fn run(config: &Config, args: &DecisionsArgs) -> Result<()> {
    let log = log_of(config).await?;
    let wanted = |taught: &Taught| args.site.as_ref().is_none_or(|site| *site == taught.site);
    let mut sites: HashMap<String, Lessons> = HashMap::new();
    each(&log, |taught| {
        if wanted(&taught) {
            sites.entry(taught.site.clone()).or_default().apply(taught);
        }
        Ok(())
    })
    .await?;
    let mut out = io::stdout().lock();
    each(&log, |taught| {
        if wanted(&taught) {
            let learned = sites.get(&taught.site).is_some_and(|lessons| lessons.holds(&taught));
            writeln!(out, "{}", line(&taught, learned, args.json))?;
        }
        Ok(())
    })
    .await
}

fn line(taught: &Taught, learned: bool, as_json: bool) -> String {
    let Taught { seq, site, id, lesson, moderator, decided_at } = taught;
    let at = DateTime::from_timestamp_micros(*decided_at).unwrap_or_default();
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let kind = match lesson {
        Lesson::Ham(_) => "ham",
        Lesson::Spam(_) => "spam",
        Lesson::Trash => "trash",
        Lesson::Withdrawn => "withdrawn",
        Lesson::Reset => "reset",
    };
    if as_json {
        let row = json!({
            "seq": seq, "site": site, "comment": id, "kind": kind, "moderator": moderator, "decided_at": at, "learned": learned,
        });
        return row.to_string();
    }
    let learned = if learned { "learned" } else { "-" };
    format!("{at}  {site}  {kind:<9}  {learned:<7}  {id}  {moderator}")
}
