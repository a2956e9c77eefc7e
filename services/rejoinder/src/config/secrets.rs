use std::fmt;

use secrecy::SecretString;
use serde::{
    Deserializer,
    de::{SeqAccess, Visitor},
};

/// Whether the value of a key, or what stands inside of it, may be a secret: then no error shows it.
pub fn may_hold_one(path: &str) -> bool {
    // A section's own error shows what stands in its place: all of it may have been written there.
    let sections = ["kafka", "postgres", "moderation"];
    let keys = ["kafka.properties", "postgres.url", "moderation.keys"];
    let of_a_site = path.strip_prefix("sites.").and_then(|site| site.split_once('.')).map_or("", |(_, key)| key);
    sections.contains(&path)
        || keys.iter().any(|key| path.starts_with(key))
        || ["akismet_keys", "external_check"].iter().any(|key| of_a_site.starts_with(key))
}

/// Says where a file is not TOML. The parser's own words quote the line, which may hold a secret.
pub fn not_toml(name: &str, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let line = error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or(text).matches('\n').count());
    anyhow::anyhow!("{name} is not TOML, at line {line}: {}", error.message())
}

/// A list of secrets, or one alone. Errors never show what stands there.
pub fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretString>, D::Error> {
    struct Secrets;
    impl<'de> Visitor<'de> for Secrets {
        type Value = Vec<SecretString>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of texts")
        }

        fn visit_str<E>(self, secret: &str) -> Result<Self::Value, E> {
            Ok(vec![secret.into()])
        }

        fn visit_i64<E>(self, secret: i64) -> Result<Self::Value, E> {
            Ok(vec![secret.to_string().into()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut secrets = Vec::new();
            while let Some(secret) = list.next_element()? {
                secrets.push(secret);
            }
            Ok(secrets)
        }
    }
    deserializer.deserialize_any(Secrets)
}
