//! The configuration's JSON Schema: shapes from the code's types, words and defaults from the documented file.

use std::collections::BTreeMap;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::documented::{Entry, documented};
use crate::config::Config;

/// What must be given where its table is there at all; everything else has a default.
const REQUIRED: [&[&str]; 2] = [&["url", "key", "blog"], &["name", "email"]];

/// Draft 2020-12, without references, so that every editor follows it.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = SchemaGenerator::new(settings).into_root_schema_for::<Config>().to_value();
    relax(&mut schema);
    describe(&mut schema, &mut Vec::new(), &documented());
    schema["title"] = "Rejoinder".into();
    schema["description"] =
        "The configuration of Rejoinder. Every key has a default but those that are said to be required.".into();
    schema
}

/// Keys may be left out, whatever the types say: they come from the documented file then. What is unset is left out, too:
/// TOML has no null.
fn relax(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let kept = |required: &Value| {
                REQUIRED.iter().any(|kept| {
                    required.as_array().is_some_and(|list| list.iter().all(|key| kept.iter().any(|k| key == k)))
                })
            };
            if map.get("required").is_some_and(|required| !kept(required)) {
                map.remove("required");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [only] = choices.as_mut_slice()
                    && let Value::Object(only) = only.take()
                {
                    map.remove("anyOf");
                    map.extend(only);
                }
            }
            map.values_mut().for_each(relax);
        }
        Value::Array(list) => list.iter_mut().for_each(relax),
        _ => {}
    }
}

/// Puts the documented file's words and defaults in place of the code's.
fn describe(schema: &mut Value, path: &mut Vec<String>, documented: &BTreeMap<Vec<String>, Entry>) {
    let Value::Object(map) = schema else { return };
    map.remove("default");
    if let Some(entry) = documented.get(path) {
        map.insert("description".into(), entry.text.clone().into());
        if let Some(default) = &entry.default {
            let table: toml::Table = toml::from_str(&format!("x = {default}")).unwrap_or_default();
            map.insert("default".into(), json!(table.get("x")));
        }
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        for (key, property) in properties {
            path.push(key.clone());
            describe(property, path, documented);
            path.pop();
        }
    }
    if path.as_slice() == ["sites"]
        && let Some(site) = map.get_mut("additionalProperties")
    {
        describe_site(site, documented);
    }
}

/// A site is documented by the sample one, and its policy by the shared one.
fn describe_site(site: &mut Value, documented: &BTreeMap<Vec<String>, Entry>) {
    describe(site, &mut vec!["sites".into(), "example".into()], documented);
    let Some(policy) = site.pointer_mut("/properties/policy") else { return };
    describe(policy, &mut vec!["policy".into()], documented);
    without_defaults(policy);
    if let Value::Object(policy) = policy {
        policy.insert("description".into(), "What differs from the policy of every site, [policy].".into());
    }
}

/// What a site leaves out it has from the shared policy, not from the documented file.
fn without_defaults(schema: &mut Value) {
    if let Value::Object(map) = schema {
        map.remove("default");
        let properties = map.get_mut("properties").and_then(Value::as_object_mut);
        properties.into_iter().flat_map(Map::values_mut).for_each(without_defaults);
    }
}

#[cfg(test)]
mod tests {
    use jsonschema::Validator;

    use super::*;
    use crate::config::DEFAULT;

    fn validator() -> Validator {
        let schema = schema();
        jsonschema::meta::validate(&schema).expect("a schema");
        jsonschema::draft202012::new(&schema).expect("a schema of this draft")
    }

    fn value(text: &str) -> Value {
        json!(toml::from_str::<toml::Table>(text).expect("TOML"))
    }

    #[test]
    fn the_documented_file_is_valid() {
        let (validator, shipped) = (validator(), value(DEFAULT));
        let errors: Vec<_> = validator.iter_errors(&shipped).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        // The part that is written as a comment.
        let lines = DEFAULT.lines().skip_while(|line| *line != "# [sites.example.external_check]");
        let section: Vec<_> = lines.take_while(|line| line.starts_with('#')).map(|line| &line[2..]).collect();
        let section = section
            .into_iter()
            .filter(|line| line.starts_with('[') || super::super::documented::setting(line).is_some());
        let section = section.collect::<Vec<_>>().join("\n");
        assert!(section.lines().count() > 10 && validator.is_valid(&value(&section)), "{section}");
    }

    #[test]
    fn what_the_program_refuses_for_its_shape_the_schema_refuses() {
        let validator = validator();
        for (text, good) in [
            ("kafka.brokers = \"a:1\"", true),
            ("kafka.brokerz = \"a:1\"", false),
            ("kafka.partitions = \"many\"", false),
            ("kafka.group_instance_id = \"a\"", true),
            ("[kafka.properties]\n\"security.protocol\" = \"SASL_SSL\"", true),
            ("deployment = \"distributed\"", true),
            ("deployment = \"cloud\"", false),
            ("mail.smtp.security = \"tls\"", true),
            ("mail.smtp.security = \"ssl\"", false),
            ("mail.smtp.port = 70000", false),
            ("policy.screening.hold_at = 4", true),
            ("policy.screening.hold_att = 4", false),
            ("policy.trial.screening.hold_at = 4", true),
            ("policy.notification.moderators = []", false),
            ("[policy.screening.suspect_words]\nkazoo = 2.5", true),
            ("[policy.screening.suspect_words]\nkazoo = \"much\"", false),
            ("[sites.a]\nakismet_keys = \"0123456789ab\"", true),
            ("[sites.a]\nakismet_keys = [\"0123456789ab\"]", true),
            ("[sites.a]\nmoderators = [{ name = \"a\", email = \"a@example.org\" }]", true),
            ("[sites.a]\nmoderators = [{ name = \"a\" }]", false),
            ("[sites.a.policy.validation]\nflood_seconds = 0", true),
            ("[sites.a.policy.validation]\nflood_seconds = -1", false),
            ("[sites.a.external_check]\nurl = \"https://a.example\"", false),
            ("[sites.a.external_check]\nurl = \"https://a.example\"\nkey = \"k\"\nblog = \"https://b.example\"", true),
        ] {
            assert_eq!(validator.is_valid(&value(text)), good, "{text}");
        }
    }

    /// Every key of the code is documented, with its default where it has one, and nothing is documented that is not there.
    #[test]
    fn every_key_has_words_and_every_word_a_key() {
        fn walk(schema: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                path.push(key.clone());
                // Of a site's policy and of a trial, the shared policy speaks; plain tables of tables need no words.
                let elsewhere =
                    path.ends_with(&["policy".into()]) || path.ends_with(&["trial".into(), "screening".into()]);
                let is_group = property.get("properties").is_some() || path.as_slice() == ["sites"];
                let says = property["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(says || is_group, "{path:?} is not in deploy/rejoinder.toml");
                found.push(path.clone());
                if !elsewhere || path.len() == 1 {
                    walk(property, path, found);
                }
                path.pop();
            }
            if path.as_slice() == ["sites"] {
                path.push("example".into());
                found.push(path.clone());
                walk(&schema["additionalProperties"], path, found);
                path.pop();
            }
        }
        let (schema, mut found) = (schema(), Vec::new());
        walk(&schema, &mut Vec::new(), &mut found);
        for path in documented().into_keys() {
            let of_a_map = path.starts_with(&["policy", "screening", "suspect_words"].map(String::from));
            let of_a_site = path.starts_with(&["sites", "example", "policy"].map(String::from));
            assert!(of_a_map || of_a_site || found.contains(&path), "{path:?} is documented, and is no key");
        }
    }

    #[test]
    fn secrets_are_marked() {
        let schema = schema();
        for path in ["/properties/postgres/properties/url", "/properties/moderation/properties/keys"] {
            assert_eq!(schema.pointer(path).expect(path)["writeOnly"], true, "{path}");
        }
        let site = &schema["properties"]["sites"]["additionalProperties"]["properties"];
        assert_eq!(site["akismet_keys"]["writeOnly"], true);
        assert_eq!(site["external_check"]["properties"]["key"]["writeOnly"], true);
    }
}
