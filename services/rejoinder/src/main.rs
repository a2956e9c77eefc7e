//! Reads the configuration, and runs what the command line names until it is done or told to stop.
// The binary talks to a person on standard output; its log goes to standard error.
#![allow(clippy::print_stdout)]

mod acls;
mod akismet;
#[cfg(test)]
mod asyncapi;
mod cli;
mod commands;
mod config;
mod deployment;
mod reload;
mod seams;
mod seats;
mod secrets;
mod services;
mod workers;

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Parser;
use rejoinder_gateway::Dev;
use rejoinder_pipeline::telemetry::{self, Service};

use self::{
    cli::{Cli, Command, SubmitArgs},
    config::{Config, Deployment, Layers},
    services::House,
};

/// Comments are many small pieces of memory, taken on one thread and given back on another, by librdkafka too: with the C
/// library's own allocator the spam filter is a tenth slower. `.cargo/config.toml` says how it is set.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exit code of a worker that the log has refused, fenced by another or after an error that leaves its client unusable:
/// nothing is lost, and a new process goes on where it stood. EX_TEMPFAIL of BSD's sysexits. Whatever needs a person first
/// ends with 1.
const START_ANEW: u8 = 75;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _armed = rejoinder_pipeline::moment::arm();
    let cli = Cli::parse();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rejoinder: {error:#}");
            match workers::is_refusal(&error) {
                true => ExitCode::from(START_ANEW),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// How long the process waits for what still runs when it has ended its work.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn start(cli: Cli) -> Result<()> {
    if let Command::Config(command) = &cli.command {
        return commands::config::run(command, cli.config.as_deref());
    }
    if let Command::Ready { address } = &cli.command {
        return commands::ready::run(address);
    }
    let layers = Layers::load(cli.config.as_deref())?;
    let config = layers.config()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let telemetry = {
        let _within = runtime.enter();
        telemetry::init(config.log.format, &config.log.filter, &service(&cli.command, &config))?
    };
    let result = runtime.block_on(run(cli.command, config, cli.config.as_deref().map(|file| (file, &layers))));
    telemetry.end();
    // A start that failed half way leaves followers on their threads, which nobody has told to stop.
    runtime.shutdown_timeout(LAST_WORDS);
    result
}

/// What the process is called in telemetry.
fn service(command: &Command, config: &Config) -> Service {
    let name = match command {
        Command::Validator => "rejoinder-validator",
        Command::SpamFilter => "rejoinder-spam-filter",
        Command::CommentStore => "rejoinder-comment-store",
        Command::Notifier => "rejoinder-notifier",
        Command::Gateway => "rejoinder-gateway",
        _ => "rejoinder",
    };
    Service { name: name.to_owned(), instance: config.instance(), version: env!("CARGO_PKG_VERSION") }
}

/// Where the configuration was read, and what stood there.
type Read<'a> = Option<(&'a Path, &'a Layers)>;

async fn run(command: Command, mut config: Config, read: Read<'_>) -> Result<()> {
    match command {
        Command::Dev | Command::Run => {
            config.deployment = Deployment::Embedded;
            everything(config, matches!(command, Command::Dev), read).await
        }
        Command::Validator | Command::SpamFilter | Command::CommentStore | Command::Notifier | Command::Gateway => {
            worker(command, config, read).await
        }
        Command::Migrate => commands::migrate::run(&config).await,
        Command::Topics(command) => {
            tokio::task::spawn_blocking(move || commands::topics::run(&config, &command)).await?
        }
        Command::Submit(args) => submit(&args, config).await,
        Command::DeadLetters(command) => {
            tokio::task::spawn_blocking(move || commands::dead_letters::run(&config, command)).await?
        }
        Command::Audit(args) => commands::audit::run(&config, &args).await,
        Command::Replay(args) => commands::replay::run(&config, &args).await,
        Command::Checksum(args) => commands::checksum::run(&config, &args).await,
        Command::Spam(command) => commands::spam::run(&config, command).await,
        // Done before a configuration is read.
        Command::Config(_) | Command::Ready { .. } => Ok(()),
    }
}

/// Every worker and the gateway in this process.
async fn everything(mut config: Config, dev: bool, read: Read<'_>) -> Result<()> {
    let log = deployment::embedded_log(&config)?;
    let listener = services::listen(&config.listen, "listen").await?;
    let address = listener.local_addr()?.to_string();
    config.reached_at(&address);
    let page = match dev {
        true => Some(Dev { site: only_site(&config)?, mailbox: config.mail.folder.clone() }),
        false => None,
    };
    let house = House::with_log(config, Arc::new(log.clone())).await?;
    let mut workers = house.workers()?;
    start_workers(&house, &mut workers).await?;
    house.retention(&mut workers, log);
    follow(&house, &mut workers, read)?;
    house.gateway(&mut workers, listener, page)?;
    println!("rejoinder listens on http://{address}");
    if dev {
        println!("  a sample article to comment on: http://{address}/");
        println!("  the moderator's mailbox:        http://{address}/mailbox");
    }
    workers.run().await
}

/// Follows the configuration file, where there is one.
fn follow(house: &House, workers: &mut workers::Workers, read: Read<'_>) -> Result<()> {
    match read {
        Some((file, layers)) => house.reload(workers, file, layers),
        None => Ok(()),
    }
}

async fn start_workers(house: &House, workers: &mut workers::Workers) -> Result<()> {
    house.validator(workers)?;
    house.spam_filter(workers)?;
    house.comment_store(workers)?;
    house.notifier(workers).await
}

/// One worker of the distributed deployment.
async fn worker(command: Command, config: Config, read: Read<'_>) -> Result<()> {
    if config.deployment == Deployment::Embedded {
        bail!(
            "deployment is \"embedded\": its log belongs to one process, so run all workers in it with `rejoinder run`; \
             for a process each, set deployment = \"distributed\""
        );
    }
    let mut house = House::open(config).await?;
    let mut workers = house.workers()?;
    follow(&house, &mut workers, read)?;
    match command {
        Command::Validator => house.validator(&mut workers)?,
        Command::SpamFilter => house.spam_filter(&mut workers)?,
        Command::CommentStore => house.comment_store(&mut workers)?,
        Command::Notifier => house.notifier(&mut workers).await?,
        // The gateway serves its own probes.
        _ => {
            let listener = services::listen(&house.config.listen, "listen").await?;
            let address = listener.local_addr()?.to_string();
            house.config.reached_at(&address);
            house.gateway(&mut workers, listener, None)?;
            println!("rejoinder listens on http://{address}");
            return workers.run().await;
        }
    }
    house.probes(&mut workers).await?;
    workers.run().await
}

/// Submits a file. The embedded deployment has no workers elsewhere, so they run here meanwhile.
async fn submit(args: &SubmitArgs, config: Config) -> Result<()> {
    let site = match &args.site {
        Some(site) if config.sites.contains_key(site) => site.clone(),
        Some(site) => bail!("--site: there is no site {site:?}; the sites are {}", names(&config)),
        None => only_site(&config).context("--site")?,
    };
    let embedded = config.deployment == Deployment::Embedded;
    let house = House::open(config).await?;
    let mut workers = house.workers()?;
    if embedded {
        start_workers(&house, &mut workers).await?;
    }
    let submitted = commands::submit::run(Arc::clone(&house.log), house.store.clone(), args, &site);
    tokio::select! {
        result = submitted => {
            workers.end().await?;
            result
        }
        error = workers.broken() => Err(error),
    }
}

fn only_site(config: &Config) -> Result<String> {
    match config.sites.keys().collect::<Vec<_>>().as_slice() {
        [site] => Ok((*site).clone()),
        _ => bail!("several sites are configured ({}); name one", names(config)),
    }
}

fn names(config: &Config) -> String {
    let mut names: Vec<&str> = config.sites.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.join(", ")
}
