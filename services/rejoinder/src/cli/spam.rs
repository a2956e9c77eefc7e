//! `rejoinder spam`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::values::Moment;

/// The spam filter's tools. For those that train, ask and measure a model, rows are JSON Lines, `{id, text, author?, date?, label?, source?}`; they are read and written
/// one by one.
#[derive(Debug, Subcommand)]
pub enum SpamCommand {
    /// Train a model from labelled rows; equal files, order and seed give equal bytes
    Train(TrainArgs),
    /// Add score (0 to 1), verdict and signals to each row of standard input
    Score(ModelArgs),
    /// Predict each row of standard input as `score` does, then learn its label as a site learns its moderator's decision
    Learn(ModelArgs),
    /// Say how good a model is on labelled files
    Eval(EvalArgs),
    /// Say in words why a comment was approved, held or taken for spam
    Explain(ExplainArgs),
    /// Print moderators' decisions, and which of them the filter learns
    Decisions(DecisionsArgs),
    /// Take back what was learnt from decisions about a comment, or by a moderator; no comment's state changes
    Forget(ForgetArgs),
    /// Take back all that was learnt about a site; no comment's state changes
    Reset(ResetArgs),
    /// List campaigns: waves of near copies, with what became of their members
    Campaigns(CampaignsArgs),
    /// Take back what a wrong campaign has led to, for all its members that no moderator has decided about
    Undo(UndoArgs),
    /// Say what another policy or model would have made of stored comments, against what moderators decided; changes nothing
    Backtest(BacktestArgs),
    /// Screen stored comments again by the policy and the model in force, but for those that moderators decided about
    Rescreen(RescreenArgs),
}

/// `rejoinder spam train`
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// A file of rows with a label, spam or ham; may be repeated
    #[arg(long = "input", value_name = "FILE", required = true)]
    pub inputs: Vec<PathBuf>,

    /// Where the model goes
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,

    /// Leave out every file that the manifest.json beside it does not mark with may_train_what_we_ship
    #[arg(long)]
    pub shippable: bool,

    /// Of everything that is random in the training
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Which model.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// A model by `rejoinder spam train`; without it, the one that is part of the program
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
}

/// `rejoinder spam eval`
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Which.
    #[command(flatten)]
    pub model: ModelArgs,

    /// A file of labelled rows; may be repeated
    #[arg(long = "input", value_name = "FILE", required = true)]
    pub inputs: Vec<PathBuf>,

    /// Judge each source by a model that is trained on all the others, in place of --model
    #[arg(long, conflicts_with = "model")]
    pub leave_one_out: bool,

    /// Judge each row by a model that is trained on other rows than it and its near copies, in five parts, in place of --model
    #[arg(long, conflicts_with_all = ["model", "leave_one_out"])]
    pub cross_validate: bool,

    /// Learn each row after it was judged, as `rejoinder spam learn` does, a layer for each file
    #[arg(long)]
    pub learn: bool,

    /// Print JSON Lines, one object for each file, with the reliability in ten steps
    #[arg(long)]
    pub json: bool,

    /// Of everything that is random in the training
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// `rejoinder spam explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The comment
    #[arg(value_name = "ID")]
    pub id: Uuid,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
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
pub struct ForgetArgs {
    /// The site
    #[arg(long)]
    pub site: String,

    /// What was decided about this comment
    #[arg(long, value_name = "ID", group = "which", required_unless_present = "moderator")]
    pub comment: Option<Uuid>,

    /// What this moderator decided, where nobody else has decided since
    #[arg(long, group = "which")]
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

/// `rejoinder spam campaigns`
#[derive(Debug, Args)]
pub struct CampaignsArgs {
    /// Only of this site
    #[arg(long)]
    pub site: Option<String>,

    /// Of comments that were submitted in the last so many days
    #[arg(long, default_value_t = 7)]
    pub days: u32,

    /// Print JSON Lines
    #[arg(long)]
    pub json: bool,
}

/// `rejoinder spam undo`
#[derive(Debug, Args)]
pub struct UndoArgs {
    /// The campaign's name, as `rejoinder spam campaigns` lists it
    #[arg(value_name = "CAMPAIGN")]
    pub campaign: Uuid,

    /// Only on this site
    #[arg(long)]
    pub site: Option<String>,

    /// Why; kept with the decisions
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `rejoinder spam backtest`
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// A model in place of the live one. Without it and --policy, what the configuration has on trial
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,

    /// A TOML file with the settings of policy.screening that differ from the live ones: `hold_at = 4.0`
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,

    /// Of comments that were submitted in the last so many days
    #[arg(long, default_value_t = 30)]
    pub days: u32,

    /// Only of this site
    #[arg(long)]
    pub site: Option<String>,

    /// Print JSON Lines, an object for each change and the totals last
    #[arg(long)]
    pub json: bool,
}

/// `rejoinder spam rescreen`
#[derive(Debug, Args)]
pub struct RescreenArgs {
    /// Comments that were submitted in the last so many days
    #[arg(long)]
    pub days: u32,

    /// Only of this site
    #[arg(long)]
    pub site: Option<String>,

    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
}
