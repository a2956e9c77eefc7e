//! Runs one cell on Kafka and PostgreSQL: start, load, strike, heal, wait, look, judge.

mod strike;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    deployment::{Deployment, Exit},
    invariants::{self, Count},
    load::{self, Plan, Targets},
    matrix::{Cell, Fault, World},
    model::Excuse,
    observe,
    services::{port, smtp::Smtp, wait},
    world::{Paths, Services, fresh},
};

/// Lag must be 0 again within this time after healing: for a machine with other work beside; the row says how long it took.
pub const HEALING: Duration = Duration::from_secs(180);
/// The workers' own time-outs in these tests: short, so that a zombie is one soon.
pub const SESSION: Duration = Duration::from_secs(3);
/// See [`SESSION`].
pub const TRANSACTION: Duration = Duration::from_secs(4);

/// How long a transaction may last in a cell.
///
/// Where the only broker restarts, longer than that takes: Kafka 4.4 was seen to time a transaction out while it was starting,
/// to note its abort as complete without having written the abort to the partitions, and the producer's next commit
/// then committed the aborted records too. No client can see that.
fn transaction_time(cell: &Cell) -> Duration {
    match cell.fault {
        Fault::Broker(..) | Fault::BrokerInCommit if cell.world == World::One => Duration::from_secs(100),
        _ => TRANSACTION,
    }
}

/// What a cell showed.
pub struct Verdict {
    /// What ended how.
    pub count: Count,
    /// From healing to lag 0.
    pub healed: Duration,
    /// What does not hold; empty when it passed.
    pub faults: Vec<String>,
    /// Where its logs are.
    pub folder: PathBuf,
}

/// What a cell's run needs at hand.
pub struct Run<'a> {
    pub cell: &'a Cell,
    pub paths: &'a Paths,
    pub services: &'a Services,
    pub smtp: Smtp,
    pub deployment: Deployment,
    pub random: StdRng,
    pub database: String,
    pub ports: Ports,
    /// Connections that the wires to Kafka or the database had before this cell.
    pub wired: usize,
}

/// Where the processes listen.
#[derive(Clone, Copy)]
pub struct Ports {
    pub gateway: u16,
    /// The probes of the workers in the order of [`WORKERS`].
    pub probes: [u16; 4],
}

/// The workers.
pub const WORKERS: [&str; 4] = ["validator", "spam-filter", "comment-store", "notifier"];

/// The seed of a cell: its own, whichever other cells run.
pub fn seed(seed: u64, cell: &Cell) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, cell.name()).hash(&mut hasher);
    hasher.finish()
}

/// Settings that every deployment under test has.
pub fn common(smtp: u16, gateway: u16) -> String {
    format!(
        "listen = \"127.0.0.1:{gateway}\"\nprobes.listen = \"127.0.0.1:0\"\ngateway.submit_per_minute = 0\n\
         policy.screening.mode = \"post\"\npolicy.validation.flood_seconds = 0\n\
         policy.screening.burst_weight = 0.0\npolicy.screening.campaign_weight = 0.0\n\
         policy.screening.model_weight_max = 0.0\n\
         mail.backend = \"smtp\"\nmail.smtp.host = \"127.0.0.1\"\nmail.smtp.port = {smtp}\nmail.smtp.security = \"none\"\n\
         mail.smtp.command_seconds = 2.0\nmail.smtp.connect_seconds = 1.0\nmail.lease_seconds = 6.0\n\
         mail.poll_seconds = 0.2\nmail.unstored_wait_seconds = 0.2\n\
         mail.retry_seconds = [0.3, 0.5, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]\n\
         [sites.news]\ntitle = \"News\"\nmoderators = [{{ name = \"editor\", email = \"editor@example.org\" }}]\n"
    )
}

/// Runs a cell.
pub async fn run(cell: &Cell, paths: &Paths, services: &Services, number: usize, base: u64) -> Result<Verdict> {
    let seed = seed(base, cell);
    let folder = paths.folder.join("cells").join(cell.name().replace('/', "-"));
    fresh(&folder)?;
    let database = format!("cell{number}");
    services.postgres.create(&database).await?;
    let smtp = Smtp::start().await?;
    let ports = Ports { gateway: port()?, probes: [port()?, port()?, port()?, port()?] };
    let config = format!(
        "data_dir = {:?}\ndeployment = \"distributed\"\nkafka.brokers = {:?}\nkafka.prefix = \"{database}.\"\n\
         kafka.partitions = 3\nkafka.replication_factor = {}\nkafka.session_timeout_ms = {}\n\
         kafka.transaction_timeout_ms = {}\npostgres.url = {:?}\n\
         moderation.keys = [\"0123456789abcdef0123456789abcdef\"]\n{}",
        folder.join("data"),
        services.kafka.brokers(),
        services.kafka.len(),
        SESSION.as_millis(),
        transaction_time(cell).as_millis(),
        services.postgres.proxied(&database),
        common(smtp.port(), ports.gateway)
    );
    let deployment = Deployment::new(&paths.binary, &folder, &config)?;
    let random = StdRng::seed_from_u64(seed);
    let wired = match cell.fault {
        Fault::KafkaWire(_) => services.kafka.connections(),
        _ => services.postgres.connections(),
    };
    let mut run = Run { cell, paths, services, smtp, deployment, random, database: database.clone(), ports, wired };
    run.start().await?;
    let verdict = run.judge(seed).await;
    drop(run.deployment);
    services.kafka.forget(&format!("{database}.")).await?;
    services.postgres.forget(&database).await?;
    verdict.map(|(count, healed, faults)| Verdict { count, healed, faults, folder })
}

impl Run<'_> {
    /// Topics, tables, and every process; the target with what strikes it.
    async fn start(&mut self) -> Result<()> {
        self.deployment.succeed(&["topics", "create"])?;
        self.deployment.succeed(&["migrate"])?;
        for (role, port) in WORKERS.into_iter().zip(self.ports.probes) {
            self.start_process(role, port)?;
        }
        self.start_process("gateway", self.ports.probes[0])?;
        let address = format!("http://127.0.0.1:{}/livez", self.ports.gateway);
        let answers = async || reqwest::get(&address).await.is_ok_and(|answer| answer.status().is_success());
        ensure!(wait(Duration::from_secs(120), answers).await, "the gateway did not start");
        Ok(())
    }

    fn start_process(&mut self, role: &str, probes: u16) -> Result<()> {
        let mut env = vec![("REJOINDER__PROBES__LISTEN", format!("127.0.0.1:{probes}"))];
        let mut once = Vec::new();
        if role == self.cell.component {
            match self.cell.fault {
                Fault::KillAt(moment) => once.push(("FAILPOINTS", self.fail(&[moment], "return(kill)"))),
                Fault::FreezeAt(moment) => once.push(("FAILPOINTS", self.fail(&[moment], "return(stop)"))),
                Fault::LoseAt(moments) => once.push(("FAILPOINTS", self.fail(moments, "return(lose)"))),
                Fault::KafkaWire(_) => env.push(("REJOINDER__KAFKA__BROKERS", self.services.kafka.proxied())),
                Fault::Clock(_) => {
                    env.extend(strike::clock(&self.paths.binary.with_file_name(strike::CLOCK), &self.clock_file())?)
                }
                _ => {}
            }
        }
        if self.cell.fault == Fault::BrokerInCommit && role == "comment-store" {
            once.push(("FAILPOINTS", self.fail(&["commit.before"], "return(stop)")));
        }
        self.deployment.start(role, role, &env, &once)
    }

    /// Not at the first batch, and once; a pair of moments strikes at the first chance of each.
    fn fail(&mut self, moments: &[&str], action: &str) -> String {
        let before = if moments.len() > 1 { 0 } else { self.random.random_range(1..4) };
        let each = moments.iter().map(|moment| match before {
            0 => format!("{moment}=1*{action}"),
            _ => format!("{moment}={before}*off->1*{action}"),
        });
        each.collect::<Vec<_>>().join(";")
    }

    fn clock_file(&self) -> PathBuf {
        self.paths.folder.join("cells").join(self.cell.name().replace('/', "-")).join("clock")
    }

    async fn judge(&mut self, seed: u64) -> Result<(Count, Duration, Vec<String>)> {
        let plan = Plan { posts: 120, events: 280, time: strike::load_time(self.cell.fault) };
        let targets = Targets {
            gateway: format!("http://127.0.0.1:{}", self.ports.gateway),
            kafka: Some((self.services.kafka.brokers(), format!("{}.", self.database))),
        };
        let load = tokio::spawn(load::run(plan, targets, seed));
        let struck = self.strike().await;
        let log = load.await.context("the publishers failed");
        let healed = Instant::now();
        let (mut excuse, log) = (struck?, log??);
        let died = self.deployment.exits().iter().any(|exit| exit.name.starts_with("validator"));
        excuse.forgot = died || self.cell.fault == Fault::Storm;
        let drained = self.drained(&log).await;
        let healed = healed.elapsed();
        let (brokers, prefix) = (self.services.kafka.brokers(), format!("{}.", self.database));
        // A transaction whose owner died lives on for its time-out, and no longer.
        let closed = async || observe::open(&brokers, &prefix).is_ok_and(|open| open.is_empty());
        wait(transaction_time(self.cell) + Duration::from_secs(6), closed).await;
        let database = self.services.postgres.url(&self.database);
        let mut seen = observe::everything(&brokers, &prefix, &database).await?;
        seen.mails = self.smtp.mails();
        let (count, mut faults) = invariants::check(&log, &seen, excuse);
        if !drained {
            faults.push(format!("the lag is not 0 after {HEALING:?}"));
        }
        faults.extend(self.unexpected_exits());
        faults.extend(self.deployment.audit()?);
        Ok((count, healed, faults))
    }

    /// Whether everything accepted has come to its end, the groups have read everything, and no mail is owed.
    async fn drained(&self, log: &crate::model::ClientLog) -> bool {
        let (brokers, prefix) = (self.services.kafka.brokers(), format!("{}.", self.database));
        let database = self.services.postgres.url(&self.database);
        let wanted = log.sent.values().filter(|sent| sent.accepted).count();
        let done = async || -> Result<bool> {
            let rows = observe::rows(&database).await?.len();
            let dead = observe::topic(&brokers, &format!("{prefix}comments.dead-letter"))?.len();
            Ok(rows + dead >= wanted && observe::owed(&database).await? == 0 && observe::is_drained(&brokers, &prefix)?)
        };
        wait(HEALING, async || done().await.unwrap_or(false)).await
    }

    /// No process may end but by our hand, or to be started anew after the log has refused it.
    fn unexpected_exits(&self) -> Vec<String> {
        let ours = |exit: &Exit| match self.cell.fault {
            Fault::Signal(_) | Fault::Storm => true,
            Fault::KillAt(_) => exit.signal == Some(9),
            _ => exit.code == Some(75),
        };
        let exits = self.deployment.exits();
        exits.iter().filter(|exit| !ours(exit)).map(|exit| format!("{} ended by itself: {exit:?}", exit.name)).collect()
    }
}

/// What an interrupted mail excuses.
fn resent(times: usize) -> Excuse {
    Excuse { resent: times, ..Excuse::default() }
}
