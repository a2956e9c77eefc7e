use std::{fs::File, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use rejoinder_notifier::{Mailer, dkim::Signer};
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
        let mut named = config.clone();
        if !files {
            named.kafka.property_files.clear();
        }
        hold(deployment::kafka_log(&named).map(drop));
        hold(given(&config));
    }
    if files {
        hold(config.model().map(drop));
        hold(mailer(&config));
        hold(kafka_files(&config));
        hold(config.moderation.token_keys().map(drop));
        if config.deployment == Deployment::Distributed {
            hold(postgres(&config));
        }
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

/// What a distributed deployment cannot make for itself.
fn given(config: &Config) -> Result<()> {
    let (postgres, moderation) = (&config.postgres, &config.moderation);
    if postgres.url.expose_secret().is_empty() && postgres.url_file.as_os_str().is_empty() {
        bail!("postgres.url is empty; set it to postgres://user:password@host/database, or set postgres.url_file");
    }
    if moderation.keys.is_empty() && moderation.key_files.is_empty() {
        bail!(
            "moderation.keys is empty; give the notifier and the gateway the same key, made by `openssl rand -hex 32`, or \
             set moderation.key_files"
        );
    }
    Ok(())
}

fn postgres(config: &Config) -> Result<()> {
    let address = config.postgres.address()?;
    match ["postgres://", "postgresql://"].iter().any(|scheme| address.expose_secret().starts_with(scheme)) {
        true => Ok(()),
        false => bail!("postgres.url is no address of PostgreSQL; write it as postgres://user:password@host/database"),
    }
}

/// Reads the password, the authorities and the key that signs.
fn mailer(config: &Config) -> Result<()> {
    Mailer::from_settings(&config.mail).context("mail")?;
    Signer::from_settings(&config.mail).map(drop).context("mail")
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
