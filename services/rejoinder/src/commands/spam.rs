//! The spam filter's tools: a model is trained, asked and measured; a verdict is explained; and what the filter learns from
//! moderators can be looked at and taken back.

mod backtest;
mod campaigns;
mod decisions;
mod eval;
mod explain;
mod forget;
mod history;
mod judge;
mod rescreen;
mod reset;
mod rows;
mod score;
mod train;
mod undo;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use rejoinder_pipeline::{Record, log::Transactor};
use rejoinder_proto::v1;
use rejoinder_spam_filter::{Decisions, Taught};

use crate::{cli::spam::SpamCommand, config::Config, deployment, seams::StoreDecisions};

/// Rows in one question.
const PAGE: u32 = 500;
/// Events in one transaction.
const BATCH: usize = 500;
/// Who takes something back, in the log.
const OPERATOR: &str = "operator";

/// `rejoinder spam`
pub async fn run(config: &Config, command: SpamCommand) -> Result<()> {
    match &command {
        SpamCommand::Explain(args) => explain::run(config, args).await,
        SpamCommand::Decisions(args) => decisions::run(config, args).await,
        SpamCommand::Forget(args) => forget::run(config, args).await,
        SpamCommand::Reset(args) => reset::run(config, args).await,
        SpamCommand::Campaigns(args) => campaigns::run(config, args).await,
        SpamCommand::Undo(args) => undo::run(config, args).await,
        SpamCommand::Backtest(args) => backtest::run(config, args).await,
        SpamCommand::Rescreen(args) => rescreen::run(config, args).await,
        SpamCommand::Train(_) | SpamCommand::Score(_) | SpamCommand::Learn(_) | SpamCommand::Eval(_) => {
            tokio::task::spawn_blocking(move || work(&command)).await?
        }
    }
}

/// The tools that need neither log nor database.
fn work(command: &SpamCommand) -> Result<()> {
    match command {
        SpamCommand::Train(args) => train::run(args),
        SpamCommand::Score(args) => score::run(args, false),
        SpamCommand::Learn(args) => score::run(args, true),
        SpamCommand::Eval(args) => eval::run(args),
        _ => Ok(()),
    }
}

async fn log_of(config: &Config) -> Result<StoreDecisions> {
    Ok(StoreDecisions(deployment::store(config).await?))
}

/// Visits every row of the decision log in its order.
async fn each(decisions: &dyn Decisions, mut visit: impl FnMut(Taught) -> Result<()>) -> Result<()> {
    let mut last = 0;
    loop {
        let page = decisions.decisions_after(last, PAGE).await.context("the decision log")?;
        let Some(row) = page.last() else { return Ok(()) };
        last = row.seq;
        page.into_iter().try_for_each(&mut visit)?;
    }
}

/// Refuses a site that is none, and a reason that says nothing.
fn check(config: &Config, site: &str, reason: &str) -> Result<()> {
    if !config.sites.contains_key(site) {
        bail!("--site: there is no site {site:?}; see `sites` in the configuration");
    }
    if reason.trim().is_empty() {
        bail!("--reason is empty; say why, for whoever reads the decisions later");
    }
    Ok(())
}

/// Appends events of the operator's to comments.moderated, from where the comment store takes them.
async fn append(config: &Config, events: Vec<v1::CommentModerated>) -> Result<()> {
    append_records(config, events.iter().map(|event| Record::of(event, OPERATOR, "")).collect()).await
}

/// Appends an operator's records, in their order.
async fn append_records(config: &Config, records: Vec<Record>) -> Result<()> {
    Appender::open(config).await?.append(records).await.map(drop)
}

/// Appends an operator's records, as they come.
struct Appender(Box<dyn Transactor>);

impl Appender {
    async fn open(config: &Config) -> Result<Self> {
        let log = deployment::log(config)?;
        let begin = move || log.transactor("spam").context("cannot begin");
        Ok(Self(tokio::task::spawn_blocking(begin).await??))
    }

    async fn append(mut self, records: Vec<Record>) -> Result<Self> {
        let append = move || {
            for part in records.chunks(BATCH) {
                self.0
                    .append(part.to_vec())
                    .context("stopped; run the same command again, what was done stays done")?;
            }
            Ok(self)
        };
        tokio::task::spawn_blocking(append).await?
    }
}

/// When comments were submitted that are so many days old.
fn days_ago(days: u32) -> DateTime<Utc> {
    Utc::now().checked_sub_signed(TimeDelta::days(days.into())).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The sites that are meant: the one that is named, else all.
fn sites<'a>(config: &'a Config, site: Option<&'a String>) -> Result<Vec<&'a String>> {
    match site {
        Some(site) if !config.sites.contains_key(site) => {
            bail!("--site: there is no site {site:?}; see `sites` in the configuration")
        }
        Some(site) => Ok(vec![site]),
        None => {
            let mut all: Vec<_> = config.sites.keys().collect();
            all.sort_unstable();
            Ok(all)
        }
    }
}
