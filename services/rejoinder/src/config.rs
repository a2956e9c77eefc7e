//! The configuration: one documented file, read over its own defaults, and the environment over both.

mod merge;
mod secrets;
mod site;

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use config::{File, FileFormat};
use rejoinder_gateway::AkismetKeys;
use rejoinder_pipeline::{
    kafka::KafkaSettings,
    runner::{BreakerSettings, RunnerSettings},
    telemetry::LogFormat,
};
use rejoinder_spam_filter::model::Model;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use self::site::{Policies, SiteConfig, laid_over};

/// The documented file: the first layer of every configuration.
pub const DEFAULT: &str = include_str!("../../../deploy/rejoinder.toml");

/// Which log and which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deployment {
    /// SQLite files in one process.
    Embedded,
    /// Apache Kafka and PostgreSQL, a process per worker.
    Distributed,
}

/// Everything that can be set. The defaults and their reasons stand in `deploy/rejoinder.toml`.
#[derive(Clone, Debug, Deserialize)]
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
    pub policy: serde_json::Value,
    /// The sites.
    pub sites: HashMap<String, SiteConfig>,
}

/// `[spam_filter]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpamFilterConfig {
    /// File of the learned model; empty takes the one that is part of the program.
    pub model: PathBuf,
    /// File of a model on trial; empty has none.
    pub trial_model: PathBuf,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// text or json.
    pub format: LogFormat,
    /// tracing directives.
    pub filter: String,
}

/// `[probes]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbesConfig {
    /// Address of the workers' probe pages.
    pub listen: String,
}

/// `[pipeline]`
#[derive(Clone, Debug, Deserialize)]
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
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedConfig {
    /// Partitions a topic, when the log is made.
    pub partitions: i32,
    /// Days that consumed records are kept for.
    pub retention_days: u64,
}

/// `[postgres]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// postgres://user:password@host/database
    pub url: SecretString,
    /// A file with the url.
    pub url_file: PathBuf,
    /// A file with the password, which the url then has not.
    pub password_file: PathBuf,
    /// Connections of one process.
    pub max_connections: u32,
}

/// `[moderation]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModerationConfig {
    /// Keys that sign the links, the newest first.
    #[serde(deserialize_with = "secrets::secrets")]
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

    /// Reads the defaults, then the file, then `REJOINDER__SECTION__KEY` from the environment (a value that starts with
    /// `[` or `{` is read as JSON). A key that is not known is an error that names it.
    pub fn load(file: Option<&PathBuf>) -> Result<Self> {
        // What is not UTF-8 is refused where it is used, and is nothing to us elsewhere.
        let lossy = |text: OsString| text.to_string_lossy().into_owned();
        let variables = env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        let Some(path) = file else { return Self::read(None, variables) };
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::read(Some((&path.display().to_string(), &text)), variables)
    }

    /// The same of a file's name and text.
    pub fn read(file: Option<(&str, &str)>, variables: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut layers = config::Config::builder().add_source(File::from_str(DEFAULT, FileFormat::Toml));
        if let Some((name, text)) = file {
            let table: toml::Table = toml::from_str(text).map_err(|error| secrets::not_toml(name, text, &error))?;
            table.keys().try_for_each(|key| without_brackets(key))?;
            // A file that names sites means these and no others.
            if table.contains_key("sites") {
                layers =
                    config::Config::builder().add_source(File::from_str(&without_sites(DEFAULT)?, FileFormat::Toml));
            }
            layers = layers.add_source(File::from_str(text, FileFormat::Toml));
        }
        for (key, value) in environment(variables)? {
            layers = layers.set_override(&key, value).with_context(|| format!("configuration, at {key}"))?;
        }
        let layers = layers.build().context("the configuration cannot be read")?;
        let mut config: Self = serde_path_to_error::deserialize(layers).map_err(|error| {
            let path = error.path().to_string();
            match secrets::may_hold_one(&path) {
                true => anyhow::anyhow!("configuration, at {path}: not of the kind that belongs there"),
                false => anyhow::anyhow!("configuration, at {path}: {}", error.into_inner()),
            }
        })?;
        config.policies()?;
        config.akismet_keys()?;
        config.check_externals()?;
        config.reached_at(&config.listen.clone());
        config.mail.check().context("configuration, at mail")?;
        config.mail.folder = config.data_dir.join(&config.mail.folder);
        if config.sites.is_empty() {
            bail!("configuration: no site is named; add a [sites.NAME] section");
        }
        Ok(config)
    }

    /// The policies of every site: the shared one with the site's own values over it.
    pub fn policies(&self) -> Result<Arc<Policies>> {
        let model = !self.spam_filter.trial_model.as_os_str().is_empty();
        Policies::new(&self.policy, &self.sites, model).map(Arc::new)
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

/// The keys and values that the environment sets. Policies have no fixed shape while they are merged, so their numbers
/// and switches are told from words here; elsewhere the field's type decides.
fn environment(variables: impl Iterator<Item = (String, String)>) -> Result<Vec<(String, config::Value)>> {
    let mut overrides = Vec::new();
    for (name, value) in variables {
        let Some(key) = name.strip_prefix("REJOINDER__") else { continue };
        let key = key.to_lowercase().replace("__", ".");
        without_brackets(&key)?;
        let structured = value.starts_with(['[', '{']);
        let value = match serde_json::from_str::<config::Value>(&value) {
            Ok(parsed) if structured || key.contains("policy.") => parsed,
            Err(error) if structured => bail!("{name} is not JSON: {error}"),
            _ => value.into(),
        };
        overrides.push((key, value));
    }
    Ok(overrides)
}

/// The `config` crate takes a key for a path: `x[4000000000]` would make a list of so many.
fn without_brackets(key: &str) -> Result<()> {
    match key.contains('[') {
        true => bail!("configuration, at {key}: no setting has brackets in its name; write a list as its value"),
        false => Ok(()),
    }
}

fn without_sites(file: &str) -> Result<String> {
    let mut table: toml::Table = toml::from_str(file).context("the default configuration is not TOML")?;
    table.insert("sites".into(), toml::Value::Table(toml::Table::new()));
    toml::to_string(&table).context("the default configuration cannot be written")
}

#[cfg(test)]
mod tests;
