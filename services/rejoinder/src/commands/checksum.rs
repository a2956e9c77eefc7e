use std::io::{self, Write};

use anyhow::Result;
use rejoinder_comment_store::inspect::{Checksum, checksum};

use crate::{cli::ChecksumArgs, config::Config, deployment};

/// `rejoinder checksum`
pub async fn run(config: &Config, args: &ChecksumArgs) -> Result<()> {
    let store = deployment::store_in(args.database.as_deref(), config, false).await?;
    print(&checksum(store.as_ref()).await?)
}

/// Prints the lines that two stores have alike when they hold the same.
pub fn print(Checksum { rows, decisions, logged, sha256 }: &Checksum) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:>10} {rows}", "rows")?;
    writeln!(out, "{:>10} {decisions}", "decisions")?;
    writeln!(out, "{:>10} {logged}", "learnable")?;
    writeln!(out, "{:>10} {sha256}", "sha256")?;
    Ok(())
}
