use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The shortest key, in bytes: the vendor's own have 12 hexadecimal digits, and WordPress's plugin takes no shorter ones.
const MIN_KEY_BYTES: usize = 12;
/// The longest key, in bytes: as long as one part of a host's name may be.
const MAX_KEY_BYTES: usize = 63;

/// The keys of all sites. Only their digests are kept, so that no log or error can show a key.
#[derive(Clone, Default)]
pub struct AkismetKeys(Vec<Key>);

/// A key's digest.
pub(super) type KeyId = [u8; 32];

#[derive(Clone)]
struct Key {
    digest: KeyId,
    site: String,
}

/// Why a key cannot be used. Never holds the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Too short or too long.
    #[error(
        "a key has {MIN_KEY_BYTES} to {MAX_KEY_BYTES} characters, and this one has {0}; make one with `openssl rand -hex 16`"
    )]
    Length(usize),
    /// It could not stand in a host's name.
    #[error(
        "a key has small letters a to z and digits only, since it may stand in a host's name; make one with `openssl rand -hex 16`"
    )]
    Characters,
    /// A key names its site.
    #[error("the same key is given twice; each belongs to one site")]
    Twice,
}

impl AkismetKeys {
    /// Adds a site's key.
    pub fn add(&mut self, site: &str, key: &str) -> Result<(), KeyError> {
        if !(MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&key.len()) {
            return Err(KeyError::Length(key.chars().count()));
        }
        if !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return Err(KeyError::Characters);
        }
        if self.find(key).is_some() {
            return Err(KeyError::Twice);
        }
        self.0.push(Key { digest: digest(key), site: site.to_owned() });
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The site of a key, and the name under which it is counted. Takes the same time for every key, right or wrong.
    pub(super) fn find(&self, presented: &str) -> Option<(KeyId, &str)> {
        let presented = digest(presented);
        let mut found = None;
        for key in &self.0 {
            if bool::from(key.digest.ct_eq(&presented)) {
                found = Some((key.digest, key.site.as_str()));
            }
        }
        found
    }
}

impl fmt::Debug for AkismetKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AkismetKeys({} keys)", self.0.len())
    }
}

fn digest(key: &str) -> KeyId {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_site() {
        let mut keys = AkismetKeys::default();
        keys.add("news", "0123456789ab").expect("good");
        keys.add("blog", "cdefcdefcdefcdef").expect("good");
        assert_eq!(keys.find("0123456789ab"), Some((digest("0123456789ab"), "news")));
        assert_eq!(keys.find("cdefcdefcdefcdef"), Some((digest("cdefcdefcdefcdef"), "blog")));
        for wrong in ["", "0123456789a", "0123456789abc", "0123456789AB"] {
            assert_eq!(keys.find(wrong), None, "{wrong}");
        }
        assert!(!format!("{keys:?}").contains("0123"));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_refused_and_not_shown() {
        let mut keys = AkismetKeys::default();
        keys.add("news", "0123456789ab").expect("good");
        let long = "a".repeat(64);
        for (key, error) in [
            ("short", KeyError::Length(5)),
            (long.as_str(), KeyError::Length(64)),
            ("0123456789AB", KeyError::Characters),
            ("0123456789.b", KeyError::Characters),
            ("0123456789ab", KeyError::Twice),
        ] {
            assert_eq!(keys.add("blog", key), Err(error), "{key}");
            assert!(!error.to_string().contains(key));
        }
    }
}
