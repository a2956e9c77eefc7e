//! The services that several cells share.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::services::{disk::Disk, kafka::Kafka, postgres::Postgres};

/// Where the binaries and files are.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The repository.
    pub repository: PathBuf,
    /// `rejoinder`, built with fail points.
    pub binary: PathBuf,
    /// Where data and logs of a run go.
    pub folder: PathBuf,
}

/// Kafka and PostgreSQL.
pub struct Services {
    /// Kafka.
    pub kafka: Kafka,
    /// PostgreSQL.
    pub postgres: Postgres,
    /// The file systems that they live on, where these are small: Kafka's, then PostgreSQL's. Dropped last.
    pub disks: Option<(Disk, Disk)>,
}

impl Services {
    /// On the machine's own disk, with so many nodes.
    pub async fn start(paths: &Paths, name: &str, nodes: usize) -> Result<Self> {
        let folder = paths.folder.join(name);
        let postgres = Postgres::start(&paths.repository, &folder.join("postgres")).await?;
        let kafka = Kafka::start(&paths.repository, &nodes_in(&folder, nodes), &folder).await?;
        Ok(Self { kafka, postgres, disks: None })
    }

    /// PostgreSQL and the first of three nodes, each on a small disk of its own.
    pub async fn on_small_disks(paths: &Paths, name: &str) -> Result<Self> {
        let folder = paths.folder.join(name);
        let mut nodes = nodes_in(&folder, 3);
        nodes[0] = folder.join("small");
        let disks = (Disk::mount(&nodes[0], 128)?, Disk::mount(&folder.join("postgres"), 192)?);
        let postgres = Postgres::start(&paths.repository, disks.1.folder()).await?;
        let kafka = Kafka::start(&paths.repository, &nodes, &folder).await?;
        Ok(Self { kafka, postgres, disks: Some(disks) })
    }
}

fn nodes_in(folder: &Path, nodes: usize) -> Vec<PathBuf> {
    (1..=nodes).map(|number| folder.join(format!("kafka-{number}"))).collect()
}

/// A folder that is empty.
pub fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}
