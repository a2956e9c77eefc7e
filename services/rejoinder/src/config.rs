//! The configuration: one documented file, read over its own defaults, and the environment over both.

mod layers;
mod merge;
mod secrets;
mod site;

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rejoinder_gateway::AkismetKeys;
use rejoinder_pipeline::{
    kafka::KafkaSettings,
    runner::{BreakerSettings, RunnerSettings},
    telemetry::LogFormat,
};
use rejoinder_spam_filter::model::Model;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use self::{
    layers::{Layers, Source},
    site::{Policies, SiteConfig, laid_over},
};

/// The documented file: the first layer of every configuration.
pub const DEFAULT: &str = include_str!("../../../deploy/rejoinder.toml");

/// Which log and which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deployment {
    /// SQLite files in one process.
    Embedded,
    /// Apache Kafka and PostgreSQL, a process per worker.
    Distributed,
}

/// Everything that can be set. The defaults and their reasons stand in `deploy/rejoinder.toml`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which log and which database.
    pub deployment: Deployment,
    /// Where the embedded deployment keeps its files.
    pub data_dir: PathBuf,
    /// This process's name among its replicas; empty takes the host's name.
    pub instance: String,
    /// Logs.
    pub log: LogConfig,
    /// Probes of the workers.
    pub probes: ProbesConfig,
    /// How stages run.
    pub pipeline: PipelineConfig,
    /// The embedded log.
    pub embedded: EmbeddedConfig,
    /// Apache Kafka.
    pub kafka: KafkaSettings,
    /// PostgreSQL.
    pub postgres: PostgresConfig,
    /// The HTTP gateway.
    pub gateway: rejoinder_gateway::Settings,
    /// Where the gateway listens.
    pub listen: String,
    /// Where the gateway is reached from outside; empty takes the address that it listens on.
    pub public_url: String,
    /// Moderation links.
    pub moderation: ModerationConfig,
    /// Mail.
    pub mail: rejoinder_notifier::Settings,
    /// The spam filter.
    pub spam_filter: SpamFilterConfig,
    /// The policy of every site, where the site does not say otherwise.
    #[schemars(with = "site::PolicyShape")]
    pub policy: serde_json::Value,
    /// The sites.
    pub sites: HashMap<String, SiteConfig>,
}

/// `[spam_filter]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpamFilterConfig {
    /// File of the learned model; empty takes the one that is part of the program.
    pub model: PathBuf,
    /// File of a model on trial; empty has none.
    pub trial_model: PathBuf,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// text or json.
    pub format: LogFormat,
    /// tracing directives.
    pub filter: String,
}

/// `[probes]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbesConfig {
    /// Address of the workers' probe pages.
    pub listen: String,
}

/// `[pipeline]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineConfig {
    /// Records in one transaction, at most.
    pub max_records: usize,
    /// Bytes in one transaction, about.
    pub max_bytes: usize,
    /// Seconds that a stage may take for a batch.
    pub deadline_seconds: u64,
    /// Threads per worker, each a member of the group.
    pub runners: usize,
    /// When to stop rather than to dead-letter everything.
    pub breaker: BreakerSettings,
}

/// `[embedded]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedConfig {
    /// Partitions a topic, when the log is made.
    pub partitions: i32,
    /// Days that consumed records are kept for.
    pub retention_days: u64,
}

/// `[postgres]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// postgres://user:password@host/database
    #[schemars(with = "String", extend("writeOnly" = true))]
    pub url: SecretString,
    /// A file with the url.
    pub url_file: PathBuf,
    /// A file with the password, which the url then has not.
    pub password_file: PathBuf,
    /// Connections of one process.
    pub max_connections: u32,
}

/// `[moderation]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModerationConfig {
    /// Keys that sign the links, the newest first.
    #[serde(deserialize_with = "secrets::secrets")]
    #[schemars(with = "site::OneOrMore", extend("writeOnly" = true))]
    pub keys: Vec<SecretString>,
    /// Files with such keys, one each.
    pub key_files: Vec<PathBuf>,
}

impl Config {
    /// The learned model.
    pub fn model(&self) -> Result<Model> {
        let model = read_model(&self.spam_filter.model, "spam_filter.model")?;
        Ok(model.unwrap_or_else(|| Model::shipped().clone()))
    }

    /// The model on trial, where there is one.
    pub fn trial_model(&self) -> Result<Option<Model>> {
        read_model(&self.spam_filter.trial_model, "spam_filter.trial_model")
    }

    /// Refuses what cannot be meant.
    fn checked(mut self) -> Result<Self> {
        self.policies()?;
        self.akismet_keys()?;
        self.check_externals()?;
        self.reached_at(&self.listen.clone());
        self.mail.check().context("configuration, at mail")?;
        self.mail.folder = self.data_dir.join(&self.mail.folder);
        if self.sites.is_empty() {
            bail!("configuration: no site is named; add a [sites.NAME] section");
        }
        Ok(self)
    }

    /// The policies of every site: the shared one with the site's own values over it.
    pub fn policies(&self) -> Result<Policies> {
        let model = !self.spam_filter.trial_model.as_os_str().is_empty();
        Policies::new(&self.policy, &self.sites, model)
    }

    /// The keys of every site, each for one site.
    pub fn akismet_keys(&self) -> Result<AkismetKeys> {
        let mut keys = AkismetKeys::default();
        let mut sites: Vec<_> = self.sites.iter().collect();
        sites.sort_unstable_by_key(|(name, _)| *name);
        for (name, site) in sites {
            for (place, key) in site.akismet_keys.iter().enumerate() {
                let added = keys.add(name, key.expose_secret());
                added.with_context(|| format!("configuration, at sites.{name}.akismet_keys[{place}]"))?;
            }
        }
        Ok(keys)
    }

    fn check_externals(&self) -> Result<()> {
        for (name, site) in &self.sites {
            if let Some(external) = &site.external_check {
                external.check().with_context(|| format!("configuration, at sites.{name}.external_check"))?;
            }
        }
        Ok(())
    }

    /// Tells the gateway and the mails where the gateway is reached.
    pub fn reached_at(&mut self, address: &str) {
        let url = match self.public_url.trim_end_matches('/') {
            "" => format!("http://{address}"),
            url => url.to_owned(),
        };
        self.gateway.public_url.clone_from(&url);
        self.mail.public_url = url;
    }

    /// How stages run.
    pub fn runner_settings(&self) -> RunnerSettings {
        RunnerSettings {
            max_records: self.pipeline.max_records,
            max_bytes: self.pipeline.max_bytes,
            deadline: Duration::from_secs(self.pipeline.deadline_seconds),
            breaker: self.pipeline.breaker,
        }
    }

    /// This process's name among its replicas.
    pub fn instance(&self) -> String {
        if !self.instance.is_empty() {
            return self.instance.clone();
        }
        let host = env::var("HOSTNAME").ok().or_else(|| fs::read_to_string("/etc/hostname").ok());
        host.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "worker".to_owned())
    }
}

/// A model's file; `None` where the setting is empty.
fn read_model(path: &Path, setting: &str) -> Result<Option<Model>> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let named = || format!("{setting}: {}", path.display());
    Ok(Some(Model::decode(&fs::read(path).with_context(named)?).with_context(named)?))
}

#[cfg(test)]
mod tests;
