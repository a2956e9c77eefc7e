use std::fmt;

use secrecy::SecretString;
use serde::{
    Deserializer,
    de::{SeqAccess, Visitor},
};

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
