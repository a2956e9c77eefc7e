//! PostgreSQL, started by the project's own script, behind a proxy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{
    port,
    proxy::{Mode, Proxy},
    wait,
};

/// A fast shutdown writes out everything that is still in memory.
const ENDING: Duration = Duration::from_secs(90);

/// A server.
pub struct Postgres {
    repository: PathBuf,
    folder: PathBuf,
    port: u16,
    proxy: Proxy,
}

impl Postgres {
    /// Starts one with its data under `folder`.
    pub async fn start(repository: &Path, folder: &Path) -> Result<Self> {
        let (own, proxied) = (port()?, port()?);
        let proxy = Proxy::start(proxied, own).await?;
        let server = Self { repository: repository.to_owned(), folder: folder.to_owned(), port: own, proxy };
        fs::create_dir_all(folder)?;
        server.up().await?;
        Ok(server)
    }

    async fn script(&self, name: &str, argument: &str) -> Result<()> {
        let output = tokio::process::Command::new(self.repository.join("deploy/local").join(name))
            .arg(argument)
            .env("REJOINDER_LOCAL_DIR", &self.folder)
            .env("POSTGRES_PORT", self.port.to_string())
            .output()
            .await?;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Starts the server, again when it has ended.
    pub async fn up(&self) -> Result<()> {
        self.script("up", "postgres").await
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://rejoinder:rejoinder@127.0.0.1:{}/{database}", self.port)
    }

    /// The address of a database by way of the proxy.
    pub fn proxied(&self, database: &str) -> String {
        format!("postgres://rejoinder:rejoinder@127.0.0.1:{}/{database}", self.proxy.port())
    }

    /// The superuser's address of a database.
    pub fn superuser(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Changes what the proxy does.
    pub fn wire(&self, mode: Mode) {
        self.proxy.set(mode);
    }

    /// How many connections have come by way of the proxy.
    pub fn connections(&self) -> usize {
        self.proxy.connections()
    }

    /// Makes a database.
    pub async fn create(&self, name: &str) -> Result<()> {
        let mut connection = PgConnection::connect(&self.url("rejoinder")).await?;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        Ok(())
    }

    /// Drops a database: what one cell leaves is no burden to the next.
    pub async fn forget(&self, name: &str) -> Result<()> {
        let mut connection = PgConnection::connect(&self.superuser("postgres")).await?;
        connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await?;
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        let pid = fs::read_to_string(self.folder.join("postgres.pid"))?;
        Pid::from_raw(pid.trim().parse()?).context("no pid")
    }

    /// Ends the server: INT is its fast shutdown, QUIT a crash.
    pub async fn end(&self, signal: Signal) -> Result<()> {
        let pid = self.pid()?;
        kill_process(pid, signal)?;
        ensure!(wait(ENDING, async || test_kill_process(pid).is_err()).await, "PostgreSQL did not end");
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Command::new(self.repository.join("deploy/local/down"))
            .arg("--purge")
            .env("REJOINDER_LOCAL_DIR", &self.folder)
            .output();
    }
}
