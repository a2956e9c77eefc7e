//! `rejoinder spam`

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::values::Moment;

/// The spam filter's tools.
#[derive(Debug, Subcommand)]
pub enum SpamCommand {
    /// Print moderators' decisions, and which of them the filter learns
    Decisions(DecisionsArgs),
    /// Take back what was learnt from decisions about a comment, or by a moderator; no comment's state changes
    Forget(ForgetArgs),
    /// Take back all that was learnt about a site; no comment's state changes
    Reset(ResetArgs),
}

/// `rejoinder spam decisions`
#[derive(Debug, Args)]
pub struct DecisionsArgs {
    /// Only of this site
    #[arg(long)]
    pub site: Option<String>,

    /// Print JSON Lines
    #[arg(long)]
    pub json: bool,
}

/// `rejoinder spam forget`
#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = false, args = ["comment", "moderator"])]
pub struct ForgetArgs {
    /// The site
    #[arg(long)]
    pub site: String,

    /// What was decided about this comment
    #[arg(long, value_name = "ID")]
    pub comment: Option<Uuid>,

    /// What this moderator decided, where nobody else has decided since
    #[arg(long)]
    pub moderator: Option<String>,

    /// Only what was decided at this time or later: 2026-01-31T12:00:00Z, or a day in UTC
    #[arg(long, value_name = "TIME", conflicts_with = "comment")]
    pub since: Option<Moment>,

    /// Why; kept with the decisions
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `rejoinder spam reset`
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// The site
    #[arg(long)]
    pub site: String,

    /// Why; kept with the decisions
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
