//! The documented file, taken apart: what it says about each key.

use std::collections::BTreeMap;

use crate::config::DEFAULT;

/// What the file says about a key or a section.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Why it is there and what its default is for.
    pub text: String,
    /// The default as it is written; `None` for a section, and for a key that is unset.
    pub default: Option<String>,
    /// Its place in the file.
    pub line: usize,
}

/// By path: `["kafka", "brokers"]`. A site stands under the name `example`.
pub fn documented() -> BTreeMap<Vec<String>, Entry> {
    let (mut entries, mut section, mut text) = (BTreeMap::new(), Vec::new(), String::new());
    for (line, content) in DEFAULT.lines().enumerate() {
        let (active, content) = match content.strip_prefix("# ") {
            Some(comment) => (false, comment),
            None => (true, content),
        };
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.split('.').map(str::to_owned).collect();
            add(&mut entries, section.clone(), &mut text, None, line);
        } else if let Some((key, value)) = setting(content) {
            let mut path = section.clone();
            path.push(key.trim_matches('"').to_owned());
            add(&mut entries, path, &mut text, active.then(|| value.to_owned()), line);
        } else if active {
            text.clear();
        } else {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(content);
        }
    }
    entries
}

/// `key = value`; a sentence with such words has a space in what would be the key.
pub(super) fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(" = ")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || ['_', '.'].contains(&c);
    let quoted = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    (quoted.is_some() || (!key.is_empty() && key.chars().all(is_name))).then_some((key, value))
}

/// What has no words of its own is an example of what stands above it, unless it is in force.
fn add(
    entries: &mut BTreeMap<Vec<String>, Entry>,
    path: Vec<String>,
    text: &mut String,
    default: Option<String>,
    line: usize,
) {
    if !text.is_empty() || default.is_some() {
        entries.insert(path, Entry { text: std::mem::take(text), default, line });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This parser and TOML's see the same keys.
    #[test]
    fn every_key_in_force_is_found() {
        fn keys(value: &toml::Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
            match value {
                toml::Value::Table(table) => {
                    for (key, value) in table {
                        path.push(key.clone());
                        keys(value, path, found);
                        path.pop();
                    }
                }
                _ => found.push(path.clone()),
            }
        }
        let mut found = Vec::new();
        keys(&toml::from_str(DEFAULT).expect("TOML"), &mut Vec::new(), &mut found);
        let mut ours: Vec<_> = documented().into_iter().filter(|(_, entry)| entry.default.is_some()).collect();
        ours.sort();
        found.sort();
        assert_eq!(ours.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(), found);
        for (path, entry) in ours {
            let value = entry.default.expect("filtered");
            toml::from_str::<toml::Table>(&format!("x = {value}")).unwrap_or_else(|_| panic!("{path:?}: {value}"));
        }
    }

    #[test]
    fn a_key_has_its_words_whether_it_is_set_or_not() {
        let documented = documented();
        let at = |path: &str| &documented[&path.split('.').map(str::to_owned).collect::<Vec<_>>()];
        assert!(at("kafka.group_instance_id").text.starts_with("A name that is this replica's own"));
        assert_eq!(at("kafka.group_instance_id").default, None);
        assert_eq!(at("embedded.partitions").default.as_deref(), Some("4"));
        assert!(at("sites.example.external_check").text.starts_with("A service that speaks Akismet"));
        assert!(at("sites.example.external_check.url").text.starts_with("Where it is"));
        let example = ["kafka", "properties", "security.protocol"].map(String::from);
        assert!(!documented.contains_key(example.as_slice()));
    }
}
