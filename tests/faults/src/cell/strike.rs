//! The faults themselves: each strikes, makes sure that it did, and heals.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use rand::{RngExt, seq::IndexedRandom};
use rustix::process::Signal;
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::sleep;

use super::{Run, SESSION, TRANSACTION, WORKERS, resent};
use crate::{
    matrix::Fault,
    model::Excuse,
    services::{proxy::Mode, smtp::Whim, wait},
};

/// How long a fault may need until it has struck.
const STRIKING: Duration = Duration::from_secs(120);
/// Longer than session, transaction and their timers in the broker together.
const TOO_LONG: Duration = Duration::from_secs(SESSION.as_secs() + TRANSACTION.as_secs() + 2);

/// How long the publishers are to publish, so that the fault falls into their time.
pub fn load_time(fault: Fault) -> Duration {
    Duration::from_secs(match fault {
        Fault::Freeze | Fault::FreezeAt(_) | Fault::KafkaWire(_) | Fault::DatabaseWire(_) => 8,
        Fault::Storm | Fault::BrokersRoll | Fault::BrokerFreeze(_) => 8,
        _ => 4,
    })
}

/// The library that lets a clock jump; `tests/faults/run` builds it beside the binary.
pub const CLOCK: &str = "clock.so";

/// The environment of a process whose time of day follows a file.
pub fn clock(library: &Path, file: &Path) -> Result<Vec<(&'static str, String)>> {
    fs::write(file, "0")?;
    Ok(vec![("LD_PRELOAD", library.display().to_string()), ("CLOCK_FILE", file.display().to_string())])
}

impl Run<'_> {
    /// Strikes and heals. Fails when the fault did not happen: then the cell has shown nothing.
    pub async fn strike(&mut self) -> Result<Excuse> {
        let who = self.cell.component;
        let moment = Duration::from_millis(self.random.random_range(800..1800));
        sleep(moment).await;
        match self.cell.fault {
            Fault::Quiet => {}
            Fault::Signal(signal) => {
                self.deployment.signal(who, signal)?;
                self.until_exit(|exit| exit.name == who).await?;
                // Mails under way when the process died may go out again.
                return Ok(resent(usize::from(signal == Signal::KILL)));
            }
            Fault::Freeze => {
                self.deployment.signal(who, Signal::STOP)?;
                sleep(TOO_LONG).await;
                self.deployment.signal(who, Signal::CONT)?;
                return Ok(resent(1));
            }
            Fault::KillAt(_) => {
                self.until_exit(|exit| exit.name == who && exit.signal == Some(9)).await?;
                return Ok(resent(1));
            }
            Fault::FreezeAt(moment) => {
                let frozen = wait(STRIKING, async || self.deployment.is_frozen(who)).await;
                ensure!(frozen, "{who} never came to {moment}");
                sleep(TOO_LONG).await;
                self.deployment.signal(who, Signal::CONT)?;
                return Ok(resent(1));
            }
            Fault::LoseAt(moments) => self.until_lost(moments).await?,
            Fault::Namesake => self.namesake().await?,
            Fault::Storm => self.storm().await?,
            Fault::Clock(seconds) => {
                ensure!(self.deployment.has_loaded(who, CLOCK), "{who} goes by the machine's own clock");
                fs::write(self.clock_file(), seconds.to_string())?;
                // A lease that another clock lets run out lets one mail come again.
                return Ok(resent(1));
            }
            Fault::KafkaWire(mode) => {
                ensure!(self.services.kafka.connections() > self.wired, "{who} does not use the wire to Kafka");
                self.services.kafka.wire(mode);
                sleep(cut_time(mode)).await;
                self.services.kafka.wire(Mode::Pass);
            }
            Fault::DatabaseWire(mode) => {
                ensure!(self.services.postgres.connections() > self.wired, "nobody uses the wire to the database");
                self.services.postgres.wire(mode);
                sleep(cut_time(mode)).await;
                self.services.postgres.wire(Mode::Pass);
            }
            Fault::MailWire(mode) => {
                let wired = wait(STRIKING, async || self.smtp.connections() > 0).await;
                ensure!(wired, "nobody uses the wire to the SMTP server");
                self.smtp.wire(mode);
                sleep(cut_time(mode)).await;
                self.smtp.wire(Mode::Pass);
                // Each attempt that reached DATA and whose answer was swallowed; the schedule bounds them.
                return Ok(resent(10));
            }
            Fault::Mail(whims) => {
                self.smtp.has(whims.iter().copied());
                let struck = wait(STRIKING, async || self.smtp.struck() == whims.len()).await;
                ensure!(struck, "only {} of {} whims struck", self.smtp.struck(), whims.len());
                let count = |wanted: fn(&Whim) -> bool| whims.iter().filter(|whim| wanted(whim)).count();
                return Ok(Excuse {
                    forgot: false,
                    resent: count(|whim| *whim == Whim::Cut),
                    refused: count(|whim| matches!(whim, Whim::Recipient(550..))),
                });
            }
            Fault::Database(signal) => {
                self.services.postgres.end(signal).await?;
                sleep(Duration::from_secs(1)).await;
                self.services.postgres.up().await?;
            }
            Fault::Deadlock => self.deadlock().await?,
            Fault::DatabaseFull => self.database_full().await?,
            Fault::Broker(node, signal) => {
                self.services.kafka.signal(node, signal)?;
                self.services.kafka.until_ended(node).await?;
                sleep(Duration::from_secs(1)).await;
                self.services.kafka.start_again(node).await?;
            }
            Fault::BrokerFreeze(node) => {
                self.services.kafka.signal(node, Signal::STOP)?;
                sleep(Duration::from_secs(8)).await;
                self.services.kafka.signal(node, Signal::CONT)?;
            }
            Fault::BrokersRoll => {
                for node in 1..=self.services.kafka.len() {
                    self.services.kafka.signal(node, Signal::TERM)?;
                    self.services.kafka.until_ended(node).await?;
                    self.services.kafka.start_again(node).await?;
                }
            }
            Fault::BrokerInCommit => {
                let frozen = wait(STRIKING, async || self.deployment.is_frozen("comment-store")).await;
                ensure!(frozen, "the store never came to its commit");
                self.services.kafka.signal(1, Signal::KILL)?;
                self.services.kafka.until_ended(1).await?;
                self.deployment.signal("comment-store", Signal::CONT)?;
                self.services.kafka.start_again(1).await?;
            }
            Fault::BrokerFull => self.broker_full().await?,
            Fault::DiskFull | Fault::Intruder => bail!("this fault is for the embedded deployment"),
        }
        Ok(Excuse::default())
    }

    async fn until_exit(&self, wanted: impl Fn(&crate::deployment::Exit) -> bool) -> Result<()> {
        let ended = wait(STRIKING, async || self.deployment.exits().iter().any(&wanted)).await;
        ensure!(ended, "the fault never struck: {} did not end", self.cell.component);
        Ok(())
    }

    /// The lost answer is told from the outside by what follows from it: a second producer, or an aborted batch.
    async fn until_lost(&self, moments: &[&str]) -> Result<()> {
        let at = WORKERS.iter().position(|role| *role == self.cell.component).context("no worker")?;
        let address = format!("http://127.0.0.1:{}/metrics", self.ports.probes[at]);
        let wanted = match moments {
            ["send.after"] => ("rejoinder_replays_total", 1.0),
            ["fetch.stuck"] => ("rejoinder_rejoins_total", 1.0),
            _ => ("rejoinder_producers_total", 2.0),
        };
        let is_there = async || match reqwest::get(&address).await {
            Ok(answer) => metric(&answer.text().await.unwrap_or_default(), wanted.0) >= wanted.1,
            Err(_) => false,
        };
        ensure!(wait(STRIKING, is_there).await, "{} did not rise: no answer was lost", wanted.0);
        Ok(())
    }

    /// A process of the same name fences the first, which must end asking to be started anew.
    async fn namesake(&mut self) -> Result<()> {
        let who = self.cell.component;
        let env = [("REJOINDER__INSTANCE", who.to_owned()), ("REJOINDER__PROBES__LISTEN", "127.0.0.1:0".into())];
        self.deployment.start(who, "namesake", &env, &[])?;
        self.until_exit(|exit| exit.code == Some(75)).await?;
        self.deployment.end("namesake", Signal::TERM)?;
        Ok(())
    }

    async fn storm(&mut self) -> Result<()> {
        let roles: Vec<&str> = match self.cell.component {
            "everybody" => WORKERS.to_vec(),
            one => vec![one],
        };
        let mut extra: Vec<String> = Vec::new();
        for second in 0..7 {
            for role in &roles {
                if extra.len() > 2 * roles.len() || (!extra.is_empty() && self.random.random_bool(0.4)) {
                    let gone = extra.swap_remove(self.random.random_range(0..extra.len()));
                    let signal = [Signal::TERM, Signal::KILL].choose(&mut self.random).copied();
                    self.deployment.end(&gone, signal.unwrap_or(Signal::KILL))?;
                } else {
                    let name = format!("{role}-{second}");
                    self.deployment.start(role, &name, &[("REJOINDER__PROBES__LISTEN", "127.0.0.1:0".into())], &[])?;
                    extra.push(name);
                }
            }
            sleep(Duration::from_secs(1)).await;
        }
        for name in extra {
            self.deployment.end(&name, Signal::TERM)?;
        }
        Ok(())
    }

    /// A session that holds the decisions and then wants the comments, while the store holds the comments and wants the
    /// decisions. The store's own timer is the shorter, so it is the one that the server lets go.
    async fn deadlock(&mut self) -> Result<()> {
        let mut session = PgConnection::connect(&self.services.postgres.superuser(&self.database)).await?;
        for _ in 0..20 {
            session.execute("SET deadlock_timeout = '60s'").await?;
            session.execute("BEGIN; LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE").await?;
            let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks w JOIN pg_locks h ON h.pid = w.pid
                 WHERE NOT w.granted AND w.relation = 'decisions'::regclass
                   AND h.granted AND h.relation = 'comments'::regclass)";
            let waiting = async |session: &mut PgConnection| -> Result<bool> {
                Ok(sqlx::query_scalar::<_, bool>(waits).fetch_one(session).await?)
            };
            let mut closed = false;
            for _ in 0..100 {
                if waiting(&mut session).await? {
                    closed = true;
                    break;
                }
                sleep(Duration::from_millis(10)).await;
            }
            if closed {
                session.execute("LOCK TABLE comments IN ACCESS EXCLUSIVE MODE").await?;
            }
            session.execute("ROLLBACK").await?;
            let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
            let counted = async |session: &mut PgConnection| {
                sqlx::query_scalar::<_, i64>(deadlocks).fetch_one(session).await.unwrap_or(0) > 0
            };
            if closed {
                for _ in 0..100 {
                    if counted(&mut session).await {
                        return Ok(());
                    }
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
        bail!("no deadlock came about")
    }

    async fn database_full(&mut self) -> Result<()> {
        let (_, disk) = self.services.disks.as_ref().context("the disk is not small")?;
        disk.fill()?;
        // Full, it may go on for a while in what it has; make it want more.
        let mut filler = PgConnection::connect(&self.services.postgres.superuser(&self.database)).await?;
        let full = filler
            .execute("CREATE TABLE filler AS SELECT repeat(md5(n::text), 100) FROM generate_series(1, 100000) n")
            .await;
        ensure!(full.is_err(), "the disk was not full");
        sleep(Duration::from_secs(3)).await;
        disk.free()?;
        self.services.postgres.up().await
    }

    async fn broker_full(&mut self) -> Result<()> {
        let (disk, _) = self.services.disks.as_ref().context("the disk is not small")?;
        disk.fill()?;
        // A broker whose only disk fails ends itself.
        let log = self.services.kafka.log(1);
        let failed = async || fs::read_to_string(log).is_ok_and(|log| log.contains("No space left on device"));
        let full = wait(STRIKING, failed).await;
        sleep(Duration::from_secs(2)).await;
        disk.free()?;
        ensure!(full, "the broker did not notice that its disk is full");
        let _ = self.services.kafka.signal(1, Signal::KILL);
        self.services.kafka.until_ended(1).await?;
        self.services.kafka.start_again(1).await
    }
}

/// A reset is over in an instant; the others last longer than every time-out.
fn cut_time(mode: Mode) -> Duration {
    match mode {
        Mode::Pass | Mode::Reset => Duration::from_secs(2),
        Mode::Slow => Duration::from_secs(5),
        Mode::BlackHole | Mode::HalfOpen => TOO_LONG,
    }
}

/// The sum of a counter over its labels in Prometheus' text format.
fn metric(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}
