use std::{fs::File, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use rejoinder_notifier::Mailer;
use rejoinder_spam_filter::Minds;
use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

use crate::{
    config::{Config, Deployment, Layers},
    deployment,
    seats::Prepared,
};

/// Says everything that is wrong with a configuration; with `files` also with the files that it names. Nothing is written,
/// and nobody is called.
pub fn run(file: Option<&Path>, files: bool) -> Result<()> {
    let config = Layers::load(file)?.config()?;
    let mut wrong = Vec::new();
    let mut hold = |result: Result<()>| wrong.extend(result.err().map(|error| format!("configuration: {error:#}")));
    hold(address("listen", &config.listen));
    hold(address("probes.listen", &config.probes.listen));
    hold(EnvFilter::try_new(&config.log.filter).map(drop).context("log.filter"));
    if config.deployment == Deployment::Distributed {
        hold(deployment::kafka_log(&config).map(drop));
        hold(postgres(&config));
    }
    if files {
        hold(config.model().map(drop));
        hold(mailer(&config));
        hold(kafka_files(&config));
        hold(keys(&config));
        hold(prepared(&config));
    }
    match wrong.as_slice() {
        [] => Ok(()),
        _ => bail!("{}", wrong.join("\n")),
    }
}

/// The word lists are compiled, and the model on trial is read.
fn prepared(config: &Config) -> Result<()> {
    let on_trial = config.trial_model()?.map(|model| Arc::new(Minds::new(Arc::new(model))));
    Prepared::new(config, on_trial.as_ref()).map(drop)
}

fn address(key: &str, value: &str) -> Result<()> {
    match value.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(()),
        _ => bail!("{key} is {value:?}; write an address and a port, as 127.0.0.1:8080"),
    }
}

fn postgres(config: &Config) -> Result<()> {
    let url = config.postgres.url.expose_secret();
    match url.starts_with("postgres://") || url.starts_with("postgresql://") {
        true => Ok(()),
        false if url.is_empty() => bail!("postgres.url is empty; set it to postgres://user:password@host/database"),
        false => bail!("postgres.url is no address of PostgreSQL; write it as postgres://user:password@host/database"),
    }
}

/// Reads the password and the authorities.
fn mailer(config: &Config) -> Result<()> {
    Mailer::from_settings(&config.mail).map(drop).context("mail")
}

/// The embedded deployment makes a key of its own when it has none, which is not for a check to do.
fn keys(config: &Config) -> Result<()> {
    match config.deployment == Deployment::Embedded && config.moderation.keys.is_empty() {
        true => Ok(()),
        false => deployment::token_keys(config).map(drop),
    }
}

/// Certificates, keys and key tabs that librdkafka would open only when it connects.
fn kafka_files(config: &Config) -> Result<()> {
    for (name, path) in &config.kafka.properties {
        if name.ends_with(".location") && name.starts_with("ssl.") {
            File::open(path).with_context(|| format!("kafka.properties.{name:?}: {path} cannot be read"))?;
        }
    }
    Ok(())
}
