//! What the filter learns from moderators, to look at and to take back.

mod decisions;
mod forget;
mod reset;

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rejoinder_pipeline::Record;
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
pub async fn run(config: &Config, command: &SpamCommand) -> Result<()> {
    match command {
        SpamCommand::Decisions(args) => decisions::run(config, args).await,
        SpamCommand::Forget(args) => forget::run(config, args).await,
        SpamCommand::Reset(args) => reset::run(config, args).await,
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
    let log = deployment::log(config)?;
    let append = move || -> Result<()> {
        let mut transactor = Arc::clone(&log).transactor("spam").context("cannot begin")?;
        for part in events.chunks(BATCH) {
            let records = part.iter().map(|event| Record::of(event, "operator", "")).collect();
            transactor.append(records).context("stopped; run the same command again, what was done stays done")?;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(append).await?
}
