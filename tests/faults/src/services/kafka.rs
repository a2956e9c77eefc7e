//! Apache Kafka: one node or three, in KRaft mode. Each node has a second listener that is reached through a proxy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
};
use rejoinder_proto::Topic;
use rustix::process::{Pid, Signal, kill_process};

use super::{
    port,
    proxy::{Mode, Proxy},
    wait,
};

const STARTING: Duration = Duration::from_secs(90);

/// A cluster.
pub struct Kafka {
    nodes: Vec<Node>,
}

struct Node {
    number: usize,
    port: u16,
    folder: PathBuf,
    log: PathBuf,
    jars: PathBuf,
    repository: PathBuf,
    proxy: Proxy,
    child: Mutex<Option<Child>>,
}

impl Kafka {
    /// Starts a node for each folder, which holds its data, with the logs in `logs`, from the jars that
    /// `deploy/local/up fetch` brings.
    pub async fn start(repository: &Path, folders: &[PathBuf], logs: &Path) -> Result<Self> {
        let four = |_| Ok([port()?, port()?, port()?, port()?]);
        let ports: Vec<[u16; 4]> = folders.iter().map(four).collect::<Result<_>>()?;
        let voters: Vec<String> =
            ports.iter().enumerate().map(|(at, ports)| format!("{}@127.0.0.1:{}", at + 1, ports[2])).collect();
        let mut cluster = Self { nodes: Vec::new() };
        for (at, [port, behind, controller, proxied]) in ports.iter().copied().enumerate() {
            let node = Node {
                number: at + 1,
                port,
                folder: folders[at].clone(),
                log: logs.join(format!("kafka-{}.log", at + 1)),
                jars: repository.join("target/local/jars"),
                repository: repository.to_owned(),
                proxy: Proxy::start(proxied, behind).await?,
                child: Mutex::default(),
            };
            fs::create_dir_all(&node.folder)?;
            let config = properties(&node, [behind, controller, proxied], &voters.join(","));
            fs::write(node.folder.join("server.properties"), config)?;
            node.format()?;
            cluster.nodes.push(node);
        }
        for node in &cluster.nodes {
            node.start()?;
        }
        for node in &cluster.nodes {
            node.until_started().await?;
        }
        Ok(cluster)
    }

    /// Addresses of every node.
    pub fn brokers(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        addresses.join(",")
    }

    /// Addresses of every node by way of the proxies, which the brokers name to whoever comes that way.
    pub fn proxied(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.proxy.port())).collect();
        addresses.join(",")
    }

    /// Changes what the proxies do.
    pub fn wire(&self, mode: Mode) {
        for node in &self.nodes {
            node.proxy.set(mode);
        }
    }

    /// How many connections have come by way of the proxies.
    pub fn connections(&self) -> usize {
        self.nodes.iter().map(|node| node.proxy.connections()).sum()
    }

    /// Deletes the topics of a prefix: what one cell leaves is no burden to the next.
    pub async fn forget(&self, prefix: &str) -> Result<()> {
        let admin: AdminClient<_> = ClientConfig::new().set("bootstrap.servers", self.brokers()).create()?;
        let names: Vec<String> = Topic::ALL.iter().map(|topic| format!("{prefix}{topic}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        admin.delete_topics(&names, &AdminOptions::new()).await?;
        Ok(())
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The log of a node, counted from 1.
    pub fn log(&self, number: usize) -> &Path {
        &self.nodes[number - 1].log
    }

    /// Sends a signal to a node, counted from 1.
    pub fn signal(&self, number: usize, signal: Signal) -> Result<()> {
        self.nodes[number - 1].signal(signal)
    }

    /// Waits until a node has ended; it is killed when it does not.
    pub async fn until_ended(&self, number: usize) -> Result<()> {
        let node = &self.nodes[number - 1];
        let ended = || node.child().as_mut().is_none_or(|child| child.try_wait().is_ok_and(|ended| ended.is_some()));
        let in_time = wait(Duration::from_secs(20), async || ended()).await;
        if let Some(mut child) = node.child().take().filter(|_| !in_time) {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts a node again.
    pub async fn start_again(&self, number: usize) -> Result<()> {
        let node = &self.nodes[number - 1];
        node.start()?;
        node.until_started().await
    }
}

impl Node {
    fn java(&self) -> Command {
        let log4j = self.repository.join("deploy/local/log4j2.properties");
        let mut java = Command::new("java");
        java.args(["-Xmx320m", "-Xms64m", "-XX:+UseSerialGC"])
            .arg(format!("-Dlog4j2.configurationFile={}", log4j.display()))
            .arg("-cp")
            .arg(self.jars.join("*"))
            .stdin(Stdio::null());
        java
    }

    fn format(&self) -> Result<()> {
        let output = self
            .java()
            .args(["kafka.tools.StorageTool", "format", "--cluster-id", "cmVqb2luZGVyLWZhdWx0cw", "--config"])
            .arg(self.folder.join("server.properties"))
            .output()
            .context("java does not run")?;
        ensure!(output.status.success(), "format: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> Result<()> {
        // What the start before said is kept beside it.
        let _ = fs::rename(&self.log, self.log.with_extension("log.before"));
        let log = fs::File::create(&self.log)?;
        let mut java = self.java();
        java.arg("kafka.Kafka").arg(self.folder.join("server.properties"));
        *self.child() = Some(java.stdout(log.try_clone()?).stderr(log).spawn()?);
        Ok(())
    }

    async fn until_started(&self) -> Result<()> {
        let log = &self.log;
        let started = || fs::read_to_string(log).is_ok_and(|log| log.contains("Kafka Server started"));
        ensure!(wait(STARTING, async || started()).await, "Kafka did not start; see {}", log.display());
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child();
        let child = child.as_ref().with_context(|| format!("node {} does not run", self.number))?;
        kill_process(Pid::from_child(child), signal)?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn properties(node: &Node, [behind, controller, proxied]: [u16; 3], voters: &str) -> String {
    let copies = voters.split(',').count();
    let (number, port, data) = (node.number, node.port, node.folder.join("data"));
    let enough = copies.div_ceil(2);
    format!(
        "process.roles=broker,controller\nnode.id={number}\ncontroller.quorum.voters={voters}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxied}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\nlog.dirs={}\n\
         auto.create.topics.enable=false\ndefault.replication.factor={copies}\nmin.insync.replicas={enough}\n\
         offsets.topic.replication.factor={copies}\ntransaction.state.log.replication.factor={copies}\n\
         transaction.state.log.min.isr={enough}\nshare.coordinator.state.topic.replication.factor={copies}\n\
         share.coordinator.state.topic.min.isr={enough}\noffsets.topic.num.partitions=3\n\
         transaction.state.log.num.partitions=3\ngroup.initial.rebalance.delay.ms=0\n\
         group.min.session.timeout.ms=1000\ntransaction.abort.timed.out.transaction.cleanup.interval.ms=500\n\
         broker.session.timeout.ms=4000\nbroker.heartbeat.interval.ms=500\n\
         log.cleaner.dedupe.buffer.size=8388608\n\
         # A topic's first segment is not laid out in advance: small disks are part of the tests.\n\
         log.segment.bytes=16777216\nlog.index.size.max.bytes=262144\n",
        data.display()
    )
}
