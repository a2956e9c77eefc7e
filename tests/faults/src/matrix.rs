//! The cells: which component meets which fault at which moment.

use std::fmt;

use rustix::process::Signal;

use crate::services::{proxy::Mode, smtp::Whim};

/// What happens, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Nothing at all: what the others are compared with.
    Quiet,
    /// A signal in the midst of the load.
    Signal(Signal),
    /// SIGSTOP for longer than the session and the transaction may last, then SIGCONT.
    Freeze,
    /// At a fail point, the process is ended as by SIGKILL.
    KillAt(&'static str),
    /// At a fail point, the process is frozen for longer than every time-out.
    FreezeAt(&'static str),
    /// At these fail points, answers are lost: whether it happened is not known.
    LoseAt(&'static [&'static str]),
    /// Another process takes its name.
    Namesake,
    /// Replicas come and go every second.
    Storm,
    /// Its clock jumps by so many seconds.
    Clock(i32),
    /// Its wire to Kafka.
    KafkaWire(Mode),
    /// Everybody's wire to the database.
    DatabaseWire(Mode),
    /// The wire to the SMTP server.
    MailWire(Mode),
    /// The SMTP server has whims.
    Mail(&'static [Whim]),
    /// PostgreSQL is ended by this signal and started again.
    Database(Signal),
    /// Another session closes a circle of locks.
    Deadlock,
    /// PostgreSQL's disk is full for a while.
    DatabaseFull,
    /// A node of the cluster is ended by this signal and started again.
    Broker(usize, Signal),
    /// A node is frozen for longer than the cluster waits for it.
    BrokerFreeze(usize),
    /// All nodes are restarted, one after the other.
    BrokersRoll,
    /// The broker is restarted while a worker is about to commit.
    BrokerInCommit,
    /// A node's disk is full for a while. With a single node even acknowledged records could be lost by this.
    BrokerFull,
    /// The data folder's disk is full for a while.
    DiskFull,
    /// Another process opens the same data folder.
    Intruder,
}

impl Fault {
    /// Whether it hits services that other cells use as well.
    pub fn is_shared(self) -> bool {
        match self {
            Fault::KafkaWire(_) | Fault::DatabaseWire(_) | Fault::Database(_) | Fault::DatabaseFull => true,
            Fault::Broker(..) | Fault::BrokerFreeze(_) | Fault::BrokersRoll => true,
            Fault::BrokerInCommit | Fault::BrokerFull => true,
            Fault::Quiet | Fault::Signal(_) | Fault::Freeze | Fault::KillAt(_) | Fault::FreezeAt(_) => false,
            Fault::LoseAt(_) | Fault::Namesake | Fault::Storm | Fault::Clock(_) | Fault::Deadlock => false,
            Fault::MailWire(_) | Fault::Mail(_) | Fault::DiskFull | Fault::Intruder => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Quiet => f.write_str("quiet"),
            Fault::Signal(signal) | Fault::Database(signal) => f.write_str(name(*signal)),
            Fault::Freeze => f.write_str("zombie"),
            Fault::KillAt(_) => f.write_str("killed"),
            Fault::FreezeAt(_) => f.write_str("frozen"),
            Fault::LoseAt(_) => f.write_str("answer-lost"),
            Fault::Namesake => f.write_str("namesake"),
            Fault::Storm => f.write_str("storm"),
            Fault::Clock(seconds) => write!(f, "clock{seconds:+}"),
            Fault::KafkaWire(mode) => write!(f, "kafka-{}", wire(*mode)),
            Fault::DatabaseWire(mode) => write!(f, "database-{}", wire(*mode)),
            Fault::MailWire(mode) => write!(f, "smtp-{}", wire(*mode)),
            Fault::Mail(whims) => f.write_str(match whims.first() {
                Some(Whim::Busy) => "421",
                Some(Whim::Recipient(450)) => "450-rcpt",
                Some(Whim::Recipient(_)) => "550-rcpt",
                Some(Whim::Content(_)) => "451-data",
                Some(Whim::Cut) => "cut-before-250",
                None => "no-whim",
            }),
            Fault::Deadlock => f.write_str("deadlock"),
            Fault::DatabaseFull | Fault::BrokerFull | Fault::DiskFull => f.write_str("disk-full"),
            Fault::Broker(node, signal) => write!(f, "{}-node{node}", name(*signal)),
            Fault::BrokerFreeze(node) => write!(f, "frozen-node{node}"),
            Fault::BrokersRoll => f.write_str("rolling"),
            Fault::BrokerInCommit => f.write_str("bounced"),
            Fault::Intruder => f.write_str("second-process"),
        }
    }
}

fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::TERM => "sigterm",
        Signal::KILL => "sigkill",
        Signal::INT => "restart",
        Signal::QUIT => "crash",
        _ => "signal",
    }
}

fn wire(mode: Mode) -> &'static str {
    match mode {
        Mode::Pass => "pass",
        Mode::Reset => "reset",
        Mode::BlackHole => "blackhole",
        Mode::HalfOpen => "half-open",
        Mode::Slow => "slow",
    }
}

/// Which services a cell needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Kafka with one node, PostgreSQL.
    One,
    /// Kafka with three nodes, PostgreSQL.
    Three,
    /// PostgreSQL and Kafka with three nodes, PostgreSQL and the first node on small disks; their own, because these are filled.
    Own,
    /// One process on SQLite.
    Embedded,
}

/// A cell of the matrix.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Who is hit.
    pub component: &'static str,
    /// What happens.
    pub fault: Fault,
    /// Where.
    pub world: World,
    /// Whether it belongs to the short run.
    pub short: bool,
}

impl Cell {
    /// When it happens.
    pub fn moment(&self) -> String {
        match self.fault {
            Fault::KillAt(moment) | Fault::FreezeAt(moment) => moment.to_owned(),
            Fault::LoseAt(moments) => moments.join("+"),
            Fault::BrokerInCommit => "commit.before".to_owned(),
            Fault::Quiet => "never".to_owned(),
            _ => "load".to_owned(),
        }
    }

    /// `component/fault/moment`, which `--cell` selects.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.component, self.fault, self.moment())
    }
}

const WORKERS: [&str; 4] = ["validator", "spam-filter", "comment-store", "notifier"];

/// The moments of a transaction on Kafka, in their order.
const ON_KAFKA: [&str; 5] = ["stage.done", "send.after", "offsets.before", "commit.before", "commit.after"];

/// Every cell.
pub fn all() -> Vec<Cell> {
    let mut cells = vec![];
    let mut add = |world, short, component, fault| cells.push(Cell { component, fault, world, short });

    add(World::One, true, "nobody", Fault::Quiet);
    for who in WORKERS.into_iter().chain(["gateway"]) {
        add(World::One, false, who, Fault::Signal(Signal::TERM));
        add(World::One, who == "validator", who, Fault::Signal(Signal::KILL));
        add(World::One, who == "comment-store", who, Fault::Freeze);
    }
    for who in WORKERS {
        for moment in ON_KAFKA {
            let short = matches!(
                (who, moment),
                ("comment-store", "stage.done") | ("validator", "commit.before") | ("spam-filter", "commit.after")
            );
            add(World::One, short, who, Fault::KillAt(moment));
        }
        add(World::One, who == "validator", who, Fault::FreezeAt("commit.before"));
    }
    add(World::One, false, "validator", Fault::FreezeAt("send.after"));
    add(World::One, true, "notifier", Fault::KillAt("mail.sent"));
    add(World::One, false, "notifier", Fault::FreezeAt("mail.sent"));
    add(World::One, true, "gateway", Fault::KillAt("gateway.appended"));
    add(World::One, false, "gateway", Fault::FreezeAt("gateway.appended"));
    for who in ["validator", "comment-store"] {
        add(World::One, false, who, Fault::LoseAt(&["offsets.answer"]));
        add(World::One, who == "comment-store", who, Fault::LoseAt(&["commit.answer"]));
        add(World::One, false, who, Fault::LoseAt(&["send.after"]));
        add(World::One, who == "validator", who, Fault::LoseAt(&["send.after", "abort.answer"]));
        add(World::One, who == "validator", who, Fault::Namesake);
        add(World::One, who == "comment-store", who, Fault::LoseAt(&["fetch.stuck"]));
    }
    for mode in [Mode::Reset, Mode::BlackHole, Mode::HalfOpen, Mode::Slow] {
        for who in ["gateway", "validator", "comment-store"] {
            let short = (who, mode) == ("validator", Mode::HalfOpen);
            add(World::One, short, who, Fault::KafkaWire(mode));
        }
        add(World::One, mode == Mode::Reset, "postgres", Fault::DatabaseWire(mode));
        add(World::One, false, "smtp", Fault::MailWire(mode));
    }
    add(World::One, false, "smtp", Fault::Mail(&[Whim::Busy; 4]));
    add(World::One, false, "smtp", Fault::Mail(&[Whim::Recipient(450); 4]));
    add(World::One, false, "smtp", Fault::Mail(&[Whim::Recipient(550); 2]));
    add(World::One, false, "smtp", Fault::Mail(&[Whim::Content(451); 4]));
    add(World::One, true, "smtp", Fault::Mail(&[Whim::Cut; 3]));
    add(World::One, false, "postgres", Fault::Database(Signal::INT));
    add(World::One, true, "postgres", Fault::Database(Signal::QUIT));
    add(World::One, true, "postgres", Fault::Deadlock);
    for who in ["validator", "comment-store", "everybody"] {
        add(World::One, who == "everybody", who, Fault::Storm);
    }
    for (who, seconds) in [("gateway", 1800), ("gateway", -1800), ("validator", -1800), ("notifier", 1800)] {
        add(World::One, false, who, Fault::Clock(seconds));
    }
    add(World::One, false, "broker", Fault::Broker(1, Signal::TERM));
    add(World::One, false, "broker", Fault::Broker(1, Signal::KILL));
    add(World::One, false, "broker", Fault::BrokerFreeze(1));
    add(World::One, false, "broker", Fault::BrokerInCommit);
    for node in 1..=3 {
        add(World::Three, node == 2, "cluster", Fault::Broker(node, Signal::KILL));
        add(World::Three, false, "cluster", Fault::BrokerFreeze(node));
    }
    add(World::Three, false, "cluster", Fault::BrokersRoll);
    add(World::Own, false, "cluster", Fault::BrokerFull);
    add(World::Own, false, "postgres", Fault::DatabaseFull);

    add(World::Embedded, true, "embedded", Fault::Quiet);
    add(World::Embedded, false, "embedded", Fault::Signal(Signal::TERM));
    add(World::Embedded, true, "embedded", Fault::Signal(Signal::KILL));
    for moment in ON_SQLITE {
        add(World::Embedded, moment == "comment-store/stage.done", "embedded", Fault::KillAt(moment));
    }
    add(World::Embedded, true, "embedded", Fault::LoseAt(&["validator/stage.done"]));
    add(World::Embedded, true, "embedded", Fault::DiskFull);
    add(World::Embedded, true, "embedded", Fault::Intruder);
    cells
}

/// The moments of one process with all workers: on the thread of each stage, and of the publisher.
const ON_SQLITE: [&str; 15] = [
    "validator/stage.done",
    "validator/commit.before",
    "validator/commit.after",
    "spam-filter/stage.done",
    "spam-filter/commit.before",
    "spam-filter/commit.after",
    "comment-store/stage.done",
    "comment-store/commit.before",
    "comment-store/commit.after",
    "notifier/stage.done",
    "notifier/commit.before",
    "notifier/commit.after",
    "log-publisher/commit.before",
    "log-publisher/commit.after",
    "mail.sent",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_cell_has_a_name_of_its_own() {
        let cells = all();
        let mut names = BTreeSet::new();
        for cell in &cells {
            assert!(names.insert(cell.name()), "{} stands there twice", cell.name());
        }
        assert!(cells.len() >= 60, "{} cells", cells.len());
        assert!(cells.iter().filter(|cell| cell.short).count() >= 15);
    }
}
