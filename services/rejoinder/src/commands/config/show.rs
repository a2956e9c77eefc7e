//! The configuration as it is in force, with the source of each value and without secrets.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::schema::schema;
use crate::config::{Layers, Source};

/// What stands for a secret.
const HIDDEN: &str = "(hidden)";
/// Endings of librdkafka's properties that are no secrets. Whatever else there is may be one.
const OPEN: [&str; 10] =
    [".location", ".protocol", ".mechanism", ".mechanisms", ".algorithm", ".username", ".ms", ".bytes", ".id", ".rack"];

/// As TOML that can be read again, but for the secrets.
pub fn show(layers: &Layers) -> Result<String> {
    // What cannot be in force is not shown as though it were.
    layers.config()?;
    let values = layers.values()?;
    let values = values.as_object().context("the configuration is no table")?;
    let mut text = String::new();
    table(values, &mut Vec::new(), Some(&schema()), layers, &mut text)?;
    Ok(text.trim_start().to_owned())
}

fn table(
    values: &Map<String, Value>,
    path: &mut Vec<String>,
    schema: Option<&Value>,
    layers: &Layers,
    text: &mut String,
) -> Result<()> {
    let mut sorted: Vec<_> = values.iter().filter(|(_, value)| !value.is_null()).collect();
    // In TOML a section takes everything up to the next one.
    sorted.sort_by_key(|(key, value)| (value.is_object(), *key));
    for (key, value) in sorted {
        path.push(key.clone());
        let schema = schema.and_then(|schema| inner(schema, key));
        match value {
            Value::Object(values) => {
                let name: Vec<_> = path.iter().map(|key| name(key)).collect();
                if values.values().any(|value| !value.is_object()) || values.is_empty() {
                    write!(text, "\n[{}]\n", name.join("."))?;
                }
                table(values, path, schema, layers, text)?;
            }
            value => {
                let shown = if is_secret(path, schema) { hidden(value) } else { value.clone() };
                let shown = toml::Value::try_from(shown).context("a value that TOML has not")?;
                let steps: Vec<&str> = path.iter().map(String::as_str).collect();
                let source = match layers.source(&steps) {
                    Source::Default => "default",
                    Source::File => "file",
                    Source::Environment => "environment",
                };
                writeln!(text, "{} = {shown} # {source}", name(key))?;
            }
        }
        path.pop();
    }
    Ok(())
}

/// The schema of a key, by its name or as one of many.
fn inner<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema.get("properties").and_then(|properties| properties.get(key)).or_else(|| schema.get("additionalProperties"))
}

fn is_secret(path: &[String], schema: Option<&Value>) -> bool {
    match path {
        [kafka, properties, name] if kafka == "kafka" && properties == "properties" => {
            !OPEN.iter().any(|ending| name.ends_with(ending))
        }
        _ => schema.is_some_and(|schema| schema["writeOnly"] == true),
    }
}

/// Whether there is one may be seen.
fn hidden(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => value.clone(),
        Value::Array(list) => list.iter().map(|_| HIDDEN).collect(),
        _ => HIDDEN.into(),
    }
}

fn name(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || ['_', '-'].contains(&c));
    if is_bare { key.to_owned() } else { toml::Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "deployment = \"distributed\"\n[kafka.properties]\n\"sasl.password\" = \"canary-1\"\n\
        \"security.protocol\" = \"SASL_SSL\"\n[sites.news]\ntitle = \"The \\\"News\\\"\"\nakismet_keys = [\"canary2canary2\"]\n\
        moderators = [{ name = \"a\", email = \"a@example.org\" }]\n[sites.news.external_check]\nurl = \"https://a.example\"\n\
        key = \"canary-3\"\nblog = \"https://b.example\"\n[sites.news.policy.screening]\nhold_at = 4.5\n";

    fn shown() -> String {
        let set = |name: &str, value: &str| (format!("REJOINDER__{name}"), value.to_owned());
        let variables = [
            set("POSTGRES__URL", "postgres://canary-4@db/x"),
            set("MODERATION__KEYS", "[\"canary-5-canary-5-canary-5-canary-5\"]"),
            set("LISTEN", "0.0.0.0:80"),
        ];
        show(&Layers::of(Some(("a.toml", FILE)), variables.into_iter()).expect("good")).expect("shown")
    }

    #[test]
    fn each_value_has_its_source_and_no_secret_is_shown() {
        let shown = shown();
        assert!(!shown.contains("canary"), "{shown}");
        for line in [
            "listen = \"0.0.0.0:80\" # environment",
            "deployment = \"distributed\" # file",
            "data_dir = \"data\" # default",
            "url = \"(hidden)\" # environment",
            "keys = [\"(hidden)\"] # environment",
            "\"sasl.password\" = \"(hidden)\" # file",
            "\"security.protocol\" = \"SASL_SSL\" # file",
            "akismet_keys = [\"(hidden)\"] # file",
            "key = \"(hidden)\" # file",
            "[sites.news.policy.screening]",
            "hold_at = 4.5 # file",
            "spam_at = 10.0 # default",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "no {line:?} in\n{shown}");
        }
        assert!(!shown.contains("[sites.example"), "the sample site is not in force");
    }

    #[test]
    fn it_is_a_configuration_but_for_the_secrets() {
        let table: toml::Table = toml::from_str(&shown()).expect("TOML");
        assert_eq!(table["sites"]["news"]["title"].as_str(), Some("The \"News\""));
        assert_eq!(table["sites"]["news"]["moderators"][0]["email"].as_str(), Some("a@example.org"));
        assert_eq!(table["policy"]["screening"]["suspect_words"]["casino"].as_float(), Some(2.0));
    }
}
