use std::{
    collections::{BTreeMap, HashSet},
    io::{self, Write},
};

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use rejoinder_comment_store::{State, inspect::ScreenedComment};
use serde_json::json;

use super::{PAGE, days_ago, sites};
use crate::{cli::spam::CampaignsArgs, config::Config, deployment};

/// `rejoinder spam campaigns`
pub async fn run(config: &Config, args: &CampaignsArgs) -> Result<()> {
    let store = deployment::store(config).await?;
    let from = days_ago(args.days);
    let mut out = io::stdout().lock();
    for site in sites(config, args.site.as_ref())? {
        let mut campaigns: BTreeMap<String, Members> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = store.stored_since(site, from, after, PAGE).await.context("the comment store")?;
            let Some(last) = page.last() else { break };
            after = Some((last.submitted_at, last.id));
            for comment in page.iter().filter(|comment| !comment.screened.campaign.is_empty()) {
                campaigns.entry(comment.screened.campaign.clone()).or_default().add(comment);
            }
        }
        for (name, members) in &campaigns {
            writeln!(out, "{}", members.line(site, name, args.json))?;
        }
    }
    Ok(())
}

/// What became of a campaign's members.
#[derive(Default)]
struct Members {
    approved: u32,
    pending: u32,
    spam: u32,
    trash: u32,
    decided: u32,
    threads: HashSet<String>,
    /// When the first and the last one were submitted.
    times: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Members {
    fn add(&mut self, comment: &ScreenedComment) {
        *match comment.state {
            State::Approved => &mut self.approved,
            State::Pending => &mut self.pending,
            State::Spam => &mut self.spam,
            State::Trash => &mut self.trash,
        } += 1;
        self.decided += u32::from(comment.decision.is_some());
        let thread = comment.screened.comment.as_ref().and_then(|comment| comment.thread.as_ref());
        self.threads.extend(thread.map(|thread| thread.id.clone()));
        let at = comment.submitted_at;
        self.times = self.times.map_or(Some((at, at)), |(first, last)| Some((first.min(at), last.max(at))));
    }

    fn line(&self, site: &str, name: &str, as_json: bool) -> String {
        let Self { approved, pending, spam, trash, decided, threads, times } = self;
        let size = approved + pending + spam + trash;
        let said = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let (first, last) = times.map_or_else(Default::default, |(first, last)| (said(first), said(last)));
        let threads = threads.len();
        if as_json {
            let states = json!({"approved": approved, "pending": pending, "spam": spam, "trash": trash});
            let line = json!({
                "site": site, "campaign": name, "members": size, "states": states, "decided": decided,
                "threads": threads, "first": first, "last": last,
            });
            return line.to_string();
        }
        format!(
            "{site}  {name}  {size} members on {threads} threads, {first} to {last}: {approved} approved, {pending} pending, \
             {spam} spam, {trash} in the trash; {decided} by moderators"
        )
    }
}
