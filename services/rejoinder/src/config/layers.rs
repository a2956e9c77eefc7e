use std::{env, ffi::OsString, fs, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use config::{File, FileFormat};
use serde_json::Value;

use super::{Config, DEFAULT, secrets};

/// The documented file, the operator's file, then `REJOINDER__SECTION__KEY` from the environment (a value that starts with
/// `[` or `{` is read as JSON), laid over each other and not yet understood.
pub struct Layers {
    merged: config::Config,
    text: String,
    file: toml::Table,
    environment: Vec<String>,
}

/// Which layer a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The documented file.
    Default,
    /// The operator's file.
    File,
    /// A variable of the environment.
    Environment,
}

impl Layers {
    /// Reads the file and this process's environment.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let Some(path) = file else { return Self::of(None, variables()) };
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::of_file(path, &text)
    }

    /// The same of a file's text.
    pub fn of_file(path: &Path, text: &str) -> Result<Self> {
        Self::of(Some((&path.display().to_string(), text)), variables())
    }

    /// The same of a file's name and text, and of variables.
    pub fn of(file: Option<(&str, &str)>, variables: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut layers = config::Config::builder().add_source(File::from_str(DEFAULT, FileFormat::Toml));
        let (mut table, mut whole) = (toml::Table::new(), String::new());
        if let Some((name, text)) = file {
            text.clone_into(&mut whole);
            table = toml::from_str(text).map_err(|error| secrets::not_toml(name, text, &error))?;
            table.keys().try_for_each(|key| without_brackets(key))?;
            // A file that names sites means these and no others.
            if table.contains_key("sites") {
                layers =
                    config::Config::builder().add_source(File::from_str(&without_sites(DEFAULT)?, FileFormat::Toml));
            }
            layers = layers.add_source(File::from_str(text, FileFormat::Toml));
        }
        let mut keys = Vec::new();
        for (key, value) in environment(variables)? {
            layers = layers.set_override(&key, value).with_context(|| format!("configuration, at {key}"))?;
            keys.push(key);
        }
        let merged = layers.build().context("the configuration cannot be read")?;
        Ok(Self { merged, text: whole, file: table, environment: keys })
    }

    /// What it all means, checked. A key that is not known is an error that names it.
    pub fn config(&self) -> Result<Config> {
        let config: Config = serde_path_to_error::deserialize(self.merged.clone()).map_err(|error| {
            let path = error.path().to_string();
            match secrets::may_hold_one(&path) {
                true => anyhow!("configuration, at {path}: not of the kind that belongs there"),
                false => anyhow!("configuration, at {path}: {}", error.into_inner()),
            }
        })?;
        config.checked()
    }

    /// The file as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every value, secrets and all.
    pub fn values(&self) -> Result<Value> {
        self.merged.clone().try_deserialize().context("the configuration cannot be read")
    }

    /// Where the value at a path comes from.
    pub fn source(&self, path: &[&str]) -> Source {
        let whole = path.join(".");
        let covers = |key: &String| whole == *key || whole.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        if self.environment.iter().any(covers) {
            return Source::Environment;
        }
        let mut steps = path.iter();
        let first = steps.next().and_then(|key| self.file.get(*key));
        match steps.try_fold(first, |at, key| at.map(|value| value.get(*key))) {
            Some(Some(_)) => Source::File,
            _ => Source::Default,
        }
    }
}

/// What is not UTF-8 is refused where it is used, and is nothing to us elsewhere.
fn variables() -> impl Iterator<Item = (String, String)> {
    let lossy = |text: OsString| text.to_string_lossy().into_owned();
    env::vars_os().map(move |(name, value)| (lossy(name), lossy(value)))
}

/// The keys and values that the environment sets. Policies have no fixed shape while they are merged, so their numbers
/// and switches are told from words here; elsewhere the field's type decides.
pub(super) fn environment(variables: impl Iterator<Item = (String, String)>) -> Result<Vec<(String, config::Value)>> {
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
