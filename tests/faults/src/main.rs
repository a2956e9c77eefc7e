//! Breaks a real deployment on purpose, cell by cell, and checks from the outside that its promises hold.
//!
//! Kafka, PostgreSQL, an SMTP server and the `rejoinder` processes are real; a seed decides when each fault strikes and
//! what the publishers send, so a cell that failed can be run again by its name and the same seed.
#![allow(clippy::print_stdout)]

mod cell;
mod deployment;
mod embedded;
mod invariants;
mod load;
mod matrix;
mod model;
mod observe;
mod roll;
mod services;
mod soak;
mod world;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};
use tokio::{
    runtime::Handle,
    sync::{RwLock, Semaphore},
    task::JoinHandle,
};

use crate::{
    cell::Verdict,
    matrix::{Cell, World},
    world::{Paths, Services, fresh},
};

/// What to run with.
#[derive(Parser)]
struct Arguments {
    /// The `rejoinder` binary, built with the feature `failpoints`
    #[arg(long)]
    rejoinder: PathBuf,
    /// Data and logs of the run; emptied first
    #[arg(long)]
    folder: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The fault matrix
    Matrix(MatrixArgs),
    /// Many events while workers are killed
    Soak(soak::SoakArgs),
    /// Planned restarts and scaling under load
    Roll(roll::RollArgs),
}

#[derive(Args)]
struct MatrixArgs {
    /// Decides when faults strike and what is sent
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Only cells whose name (component/fault/moment) holds this
    #[arg(long)]
    cell: Option<String>,
    /// Only the fixed few that show each mechanism once
    #[arg(long)]
    short: bool,
    /// So many cells run beside each other, as far as their faults let them
    #[arg(long, default_value_t = 3)]
    beside: usize,
    /// Print the cells' names, and run none
    #[arg(long)]
    list: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Arguments { rejoinder, folder, command } = Arguments::parse();
    let folder = std::path::absolute(folder)?;
    let repository = std::env::current_dir()?;
    let paths = Paths { repository, binary: std::path::absolute(rejoinder)?, folder };
    let passed = match command {
        Command::Matrix(arguments) => matrix(&arguments, &paths).await?,
        Command::Soak(arguments) => soak::run(&arguments, &paths).await?,
        Command::Roll(arguments) => roll::run(&arguments, &paths).await?,
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the cells, some at a time, and prints a row for each in their order.
async fn matrix(arguments: &MatrixArgs, paths: &Paths) -> Result<bool> {
    let wanted = |cell: &Cell| {
        (!arguments.short || cell.short)
            && arguments.cell.as_ref().is_none_or(|name| cell.name().contains(name.as_str()))
    };
    let cells: Vec<Cell> = matrix::all().into_iter().filter(wanted).collect();
    if arguments.list {
        cells.iter().for_each(|cell| println!("{}", cell.name()));
        return Ok(true);
    }
    if cells.is_empty() {
        bail!("no cell is called so; --list prints the names");
    }
    fresh(&paths.folder)?;
    println!("seed {}", arguments.seed);
    println!(
        "{:<14} {:<22} {:<26} {:>5} {:>6} {:>8} {:>5} {:>6} {:>5} {:>7}  verdict",
        "component", "fault", "moment", "sent", "stored", "rejected", "dead", "twice", "mails", "lag 0 s"
    );
    let (mut passed, mut failed) = (0, 0);
    for world in [World::One, World::Three, World::Own, World::Embedded] {
        let cells: Vec<Cell> = cells.iter().filter(|cell| cell.world == world).cloned().collect();
        for (cell, verdict) in in_one_world(world, cells, paths, arguments).await? {
            let verdict = verdict.await.map_err(anyhow::Error::from).flatten();
            if print(&cell, &verdict) {
                passed += 1;
            } else {
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

type Running = (Cell, JoinHandle<Result<Verdict>>);

/// Starts the cells of a world. Those that only hit their own processes run beside each other; one that hits a service
/// runs alone.
async fn in_one_world(world: World, cells: Vec<Cell>, paths: &Paths, arguments: &MatrixArgs) -> Result<Vec<Running>> {
    let services = match world {
        _ if cells.is_empty() => None,
        World::One => Some(Services::start(paths, "one", 1).await?),
        World::Three => Some(Services::start(paths, "three", 3).await?),
        World::Own | World::Embedded => None,
    };
    let services = Arc::new(services);
    let (places, alone) = (Arc::new(Semaphore::new(arguments.beside)), Arc::new(RwLock::new(())));
    let start = |(number, cell): (usize, Cell)| {
        let (services, places, alone) = (Arc::clone(&services), Arc::clone(&places), Arc::clone(&alone));
        let (paths, seed, name) = (paths.clone(), arguments.seed, cell.clone());
        // A thread each, which may block: what is looked at is often asked for without await.
        let handle = Handle::current();
        let running = tokio::task::spawn_blocking(move || {
            handle.block_on(async move {
                let _place = places.acquire().await?;
                let (mut shared, mut exclusive) = (None, None);
                match cell.fault.is_shared() {
                    true => exclusive = Some(alone.write().await),
                    false => shared = Some(alone.read().await),
                }
                let verdict = match services.as_ref() {
                    Some(services) => cell::run(&cell, &paths, services, number, seed).await,
                    None if cell.world == World::Embedded => embedded::run(&cell, &paths, seed).await,
                    None => {
                        let own = Services::on_small_disks(&paths, &format!("own-{number}")).await?;
                        cell::run(&cell, &paths, &own, number, seed).await
                    }
                };
                drop((shared.take(), exclusive.take()));
                verdict
            })
        });
        (name, running)
    };
    Ok(cells.into_iter().enumerate().map(start).collect())
}

/// Prints a cell's row; whether it passed.
fn print(cell: &Cell, verdict: &Result<Verdict>) -> bool {
    let (component, fault, moment) = (cell.component, cell.fault.to_string(), cell.moment());
    match verdict {
        Ok(Verdict { count, healed, faults, folder }) => {
            let word = if faults.is_empty() { "passed" } else { "FAILED" };
            println!(
                "{component:<14} {fault:<22} {moment:<26} {:>5} {:>6} {:>8} {:>5} {:>6} {:>5} {:>7.1}  {word}",
                count.sent,
                count.stored,
                count.rejected,
                count.dead,
                count.twice,
                count.over,
                healed.as_secs_f64()
            );
            for fault in faults.iter().take(10) {
                println!("    {fault}");
            }
            if !faults.is_empty() {
                println!("    {} in all; logs in {}", faults.len(), folder.display());
            }
            faults.is_empty()
        }
        Err(error) => {
            println!("{component:<14} {fault:<22} {moment:<26} {:>58}  FAILED", "");
            println!("    could not be run: {error:#}");
            false
        }
    }
}
