//! Follows every submitted record to its end, and says where that does not hold.
//!
//! The groups' committed offsets are read first, then everything else. A record that a stage had committed by then has its
//! outcome in the log or in the database by now; one that it had not is in flight. So the audit is right on a running
//! deployment: it speaks of the moment at which it began. What must be remembered is kept in chunks of a fixed size, and
//! where more is to be looked up than a chunk holds, the topics are read again.

mod bloom;
mod follow;
mod groups;
mod mails;
mod report;
mod trace;
mod twice;

use std::io;

use anyhow::{Context, Result, bail};
use rejoinder_pipeline::Range;

use self::report::Report;
pub use self::{
    bloom::{Bloom, Digest, digest},
    groups::Groups,
};
use crate::{cli::AuditArgs, config::Config, deployment};

/// `rejoinder audit`
pub async fn run(config: &Config, args: &AuditArgs) -> Result<()> {
    let log = deployment::records(config)?;
    let groups = Groups::read(log.as_ref()).context("how far the workers are")?;
    let store = deployment::store(config).await?;
    let outbox = deployment::outbox(config).await?;
    let range = args.range();
    let mut report = Report::new(args.json, io::stdout().lock());

    follow::run(log.as_ref(), store.as_ref(), &groups, &range, &mut report).await?;
    twice::run(log.as_ref(), &range, &mut report)?;
    mails::run(outbox.as_ref(), store.as_ref(), &mut report).await?;
    report.finish(range == Range::default())?;
    if report.submitted == 0 && range != Range::default() {
        bail!("no record was submitted in this range, so nothing was audited");
    }
    if !report.holds() {
        bail!(
            "the audit does not hold: {} lost, {} twice, {} mails about comments that are not stored",
            report.lost,
            report.twice(),
            report.unstored_mails
        );
    }
    Ok(())
}
