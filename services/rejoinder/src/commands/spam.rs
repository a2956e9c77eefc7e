//! The spam filter's tools, which need neither log nor database.

mod eval;
mod judge;
mod rows;
mod score;
mod train;

use anyhow::Result;

use crate::cli::spam::SpamCommand;

/// Runs a tool.
pub fn run(command: &SpamCommand) -> Result<()> {
    match command {
        SpamCommand::Train(args) => train::run(args),
        SpamCommand::Score(args) => score::run(args, false),
        SpamCommand::Learn(args) => score::run(args, true),
        SpamCommand::Eval(args) => eval::run(args),
    }
}
