//! The log and the databases that the configuration names.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use rejoinder_comment_store::inspect::Inspect;
use rejoinder_comment_store_postgres::PostgresStore;
use rejoinder_comment_store_sqlite::SqliteStore;
use rejoinder_notifier::Outbox;
use rejoinder_notifier_postgres::PostgresOutbox;
use rejoinder_notifier_sqlite::SqliteOutbox;
use rejoinder_pipeline::{
    Log, Records,
    kafka::KafkaLog,
    sqlite::{SqliteLog, SqliteView},
};
use rejoinder_proto::token::{MIN_KEY_BYTES, TokenKeys};
use secrecy::ExposeSecret;

use crate::{
    config::{Config, Deployment},
    secrets,
};

/// The log, whichever it is.
pub fn log(config: &Config) -> Result<Arc<dyn Log>> {
    Ok(match config.deployment {
        Deployment::Embedded => Arc::new(embedded_log(config)?),
        Deployment::Distributed => Arc::new(kafka_log(config)?),
    })
}

/// What the log holds, to look at: also while the embedded log belongs to another process.
pub fn records(config: &Config) -> Result<Arc<dyn Records>> {
    Ok(match config.deployment {
        Deployment::Embedded => Arc::new(SqliteView::open(&log_file(config))?),
        Deployment::Distributed => Arc::new(kafka_log(config)?),
    })
}

/// The embedded log; refused while another process has it.
pub fn embedded_log(config: &Config) -> Result<SqliteLog> {
    fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("data_dir: cannot create {}", config.data_dir.display()))?;
    Ok(SqliteLog::open(&log_file(config), config.embedded.partitions)?)
}

/// Kafka.
pub fn kafka_log(config: &Config) -> Result<KafkaLog> {
    if config.deployment == Deployment::Embedded {
        bail!("deployment is \"embedded\": there is no Kafka; set deployment = \"distributed\"");
    }
    Ok(KafkaLog::new(config.kafka.clone())?)
}

/// The comment store, whichever it is. The embedded one brings its tables up to date as it opens.
pub async fn store(config: &Config) -> Result<Arc<dyn Inspect>> {
    Ok(match config.deployment {
        Deployment::Embedded => Arc::new(SqliteStore::open(&comments_file(config)).await?),
        Deployment::Distributed => Arc::new(postgres_store(config).await?),
    })
}

/// The store in a database that is named on the command line, else the configured one; its tables are made when `fresh`.
pub async fn store_in(database: Option<&str>, config: &Config, fresh: bool) -> Result<Arc<dyn Inspect>> {
    let postgres = match database {
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            PostgresStore::connect(url, config.postgres.max_connections).await.context("--database")?
        }
        Some(path) if !fresh && !Path::new(path).is_file() => bail!("--database: there is no file {path}"),
        Some(path) => return Ok(Arc::new(SqliteStore::open(path).await.context("--database")?)),
        None if config.deployment == Deployment::Embedded => return store(config).await,
        None => postgres_store(config).await?,
    };
    if fresh {
        postgres.migrate().await.context("postgres")?;
    }
    Ok(Arc::new(postgres))
}

/// The store on PostgreSQL.
pub async fn postgres_store(config: &Config) -> Result<PostgresStore> {
    let (files, postgres) = (config.postgres.files(), config.postgres.clone());
    let address = postgres.address()?;
    let connected = PostgresStore::connect(address.expose_secret(), postgres.max_connections).await;
    let store = connected.context("postgres")?;
    let pool = store.clone();
    secrets::follow(files, "postgres", move || Ok(pool.readdress(postgres.address()?.expose_secret())?));
    Ok(store)
}

/// The notifier's outbox, whichever it is.
pub async fn outbox(config: &Config) -> Result<Arc<dyn Outbox>> {
    Ok(match config.deployment {
        Deployment::Embedded => Arc::new(SqliteOutbox::open(&config.data_dir.join("outbox.sqlite")).await?),
        Deployment::Distributed => Arc::new(postgres_outbox(config).await?),
    })
}

/// The outbox on PostgreSQL.
pub async fn postgres_outbox(config: &Config) -> Result<PostgresOutbox> {
    let (files, postgres) = (config.postgres.files(), config.postgres.clone());
    let address = postgres.address()?;
    let connected = PostgresOutbox::connect(address.expose_secret(), postgres.max_connections).await;
    let outbox = connected.context("postgres")?;
    let pool = outbox.clone();
    secrets::follow(files, "postgres", move || Ok(pool.readdress(postgres.address()?.expose_secret())?));
    Ok(outbox)
}

fn log_file(config: &Config) -> std::path::PathBuf {
    config.data_dir.join("log.sqlite")
}

fn comments_file(config: &Config) -> std::path::PathBuf {
    config.data_dir.join("comments.sqlite")
}

/// The keys of moderation links. The embedded deployment makes one and keeps it; the distributed one must be given it,
/// since the notifier that signs and the gateway that verifies are two processes.
pub fn token_keys(config: &Config) -> Result<TokenKeys> {
    let (files, moderation) = (config.moderation.files(), config.moderation.clone());
    if let Some(keys) = moderation.token_keys()? {
        let shared = keys.clone();
        secrets::follow(files, "moderation", move || {
            shared.replace(moderation.token_keys()?.context("moderation.keys is empty")?);
            Ok(())
        });
        return Ok(keys);
    }
    if config.deployment == Deployment::Distributed {
        bail!(
            "moderation.keys is empty; give the notifier and the gateway the same key, made by `openssl rand -hex 32`"
        );
    }
    let key = own_key(&config.data_dir.join("moderation.key"))?;
    TokenKeys::new([key]).context("moderation.key")
}

fn own_key(path: &Path) -> Result<Vec<u8>> {
    if let Ok(key) = fs::read(path)
        && key.len() >= MIN_KEY_BYTES
    {
        return Ok(key);
    }
    let key: [u8; MIN_KEY_BYTES] = rand::random();
    write_private(path, &key).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(key.to_vec())
}

#[cfg(unix)]
fn write_private(path: &Path, key: &[u8]) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};

    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(key)?;
    file.sync_all()
}

#[cfg(not(unix))]
fn write_private(path: &Path, key: &[u8]) -> std::io::Result<()> {
    fs::write(path, key)
}
