//! The configuration: checked, described, shown.

mod check;
mod documented;
mod reference;
mod schema;
mod show;

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::Result;

use crate::{
    cli::ConfigCommand,
    config::{DEFAULT, Layers},
};

/// `rejoinder config`, with the file of `--config`.
pub fn run(command: &ConfigCommand, file: Option<&Path>) -> Result<()> {
    let mut out = io::stdout().lock();
    match command {
        ConfigCommand::Default => write!(out, "{DEFAULT}")?,
        ConfigCommand::Check(args) => {
            check::run(args.file.as_deref().or(file), !args.no_files)?;
            writeln!(out, "the configuration is good")?;
        }
        ConfigCommand::Schema => writeln!(out, "{:#}", schema::schema())?,
        ConfigCommand::Show => write!(out, "{}", show::show(&Layers::load(file)?)?)?,
        ConfigCommand::Reference => write!(out, "{}", reference::reference())?,
    }
    Ok(())
}
