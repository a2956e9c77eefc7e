use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

const COMMON: &str = r#"
listen = "127.0.0.1:0"
log.filter = "error"
gateway.submit_per_minute = 0
policy.screening.mode = "post"
policy.validation.flood_seconds = 0
policy.screening.burst_weight = 0.0
policy.screening.model_weight_max = 0.0
policy.screening.campaign_weight = 0.0
sites.bench.title = "Bench"
"#;

/// All of them.
pub const WORKERS: [&str; 4] = ["validator", "spam-filter", "comment-store", "notifier"];

/// A configuration in a folder of its own.
pub struct Deployment {
    binary: PathBuf,
    folder: TempDir,
}

impl Deployment {
    pub fn embedded(binary: &Path) -> Result<Self> {
        Self::new(binary, "")
    }

    fn new(binary: &Path, config: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        fs::write(folder.path().join("rejoinder.toml"), format!("data_dir = {data:?}\n{config}{COMMON}"))?;
        Ok(Self { binary: binary.to_owned(), folder })
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(self.folder.path().join("rejoinder.toml")).args(arguments).stdin(Stdio::null());
        command
    }

    /// Starts a process that says where it listens.
    pub fn start(&self, arguments: &[&'static str]) -> Result<Process> {
        let mut child = self.command(arguments).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no pipe")?).lines();
        let address = loop {
            let line = lines.next().context("it ended before it listened")??;
            if let Some((_, address)) = line.split_once("listens on ") {
                break address.to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Process { name: arguments[0], child, address })
    }

    /// Starts a worker, with its probes at a free port.
    fn worker(&self, name: &'static str) -> Result<Process> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut command = self.command(&[name]);
        let child = command.env("REJOINDER__PROBES__LISTEN", &address).stdout(Stdio::null()).spawn()?;
        Ok(Process { name, child, address })
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command(arguments).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

/// The workers and the gateway, a process each.
pub struct Distributed {
    pub deployment: Deployment,
    pub gateway: Process,
    pub prefix: String,
    workers: Vec<Process>,
}

impl Distributed {
    pub fn start(binary: &Path, kafka: &str, postgres: &str) -> Result<Self> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let name = format!("bench{}n{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let created = Command::new("psql")
            .args([&format!("{postgres}/postgres"), "-qc", &format!("CREATE DATABASE {name}")])
            .status()
            .context("psql is needed to make a database")?;
        ensure!(created.success(), "the database could not be made");
        let config = format!(
            "deployment = \"distributed\"\nkafka.brokers = {kafka:?}\nkafka.prefix = \"{name}.\"\n\
             kafka.partitions = 4\nkafka.replication_factor = 1\npostgres.url = \"{postgres}/{name}\"\n\
             moderation.keys = [\"0123456789abcdef0123456789abcdef\"]\n"
        );
        let deployment = Deployment::new(binary, &config)?;
        deployment.run(&["topics", "create"])?;
        deployment.run(&["migrate"])?;
        let mut workers = Vec::new();
        for name in WORKERS {
            workers.push(deployment.worker(name)?);
        }
        let gateway = deployment.start(&["gateway"])?;
        Ok(Self { deployment, gateway, prefix: format!("{name}."), workers })
    }

    /// Ends a worker.
    pub fn stop(&mut self, name: &str) -> Result<()> {
        let at = self.workers.iter().position(|worker| worker.name == name).context("no such worker")?;
        self.workers.remove(at).end()
    }

    /// Starts a worker again.
    pub fn start_again(&mut self, name: &'static str) -> Result<&Process> {
        let worker = self.deployment.worker(name)?;
        self.workers.push(worker);
        self.workers.last().context("it was just added")
    }

    /// The most memory that each running process ever had in RAM, in MB of 10^6 bytes.
    pub fn peaks(&self) -> Result<BTreeMap<&'static str, f64>> {
        let processes = self.workers.iter().chain([&self.gateway]);
        processes.map(|process| Ok((process.name, process.peak_megabytes()?))).collect()
    }
}

/// A running process; killed when dropped.
pub struct Process {
    pub name: &'static str,
    child: Child,
    address: String,
}

impl Process {
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Linux only.
    fn peak_megabytes(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kilobytes * 1024.0 / 1e6)
    }

    pub fn end(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
