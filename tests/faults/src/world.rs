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
        let kafka = Kafka::start(&paths.repository, &folder, nodes).await?;
        Ok(Self { kafka, postgres, disks: None })
    }

    /// Each on a small disk of its own.
    pub async fn on_small_disks(paths: &Paths, name: &str) -> Result<Self> {
        let folder = paths.folder.join(name);
        let disks = (Disk::mount(&folder.join("kafka"), 192)?, Disk::mount(&folder.join("postgres"), 192)?);
        let postgres = Postgres::start(&paths.repository, disks.1.folder()).await?;
        let kafka = Kafka::start(&paths.repository, disks.0.folder(), 1).await?;
        Ok(Self { kafka, postgres, disks: Some(disks) })
    }
}

/// A folder that is empty.
pub fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}
