//! The id of a submission.

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::IDEMPOTENCY_KEY;
use crate::{Problem, ProblemKind};

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// The id of a submission with an idempotency key: the same for the same site and key on every replica, without any
/// state. A UUIDv7 in form; its time part is zero (1970), which no clock gives, and the rest are 74 bits of
/// SHA-256 over the site and the key.
pub fn id_of_key(site: &str, key: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"rejoinder idempotency key 1\0");
    // With the length before it, a site and a key cannot be cut at another place.
    hash.update((site.len() as u64).to_be_bytes());
    hash.update(site.as_bytes());
    hash.update(key.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    Builder::from_unix_timestamp_millis(0, &random).into_uuid()
}

/// The request's idempotency key.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > MAX_KEY_BYTES || values.next().is_some() {
        let detail = format!("Idempotency-Key must be one value of 1 to {MAX_KEY_BYTES} ASCII characters, best a UUID");
        return Err(Problem::new(ProblemKind::Malformed, detail));
    }
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_one_id() {
        let id = id_of_key("news", "k");
        assert_eq!(id, id_of_key("news", "k"));
        assert_ne!(id, id_of_key("blog", "k"));
        assert_ne!(id, id_of_key("news", "l"));
        assert_ne!(id_of_key("a", "b\0c"), id_of_key("a\0b", "c"));
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        // Written down, since every replica of every version must agree.
        assert_eq!(id.to_string(), "00000000-0000-7d43-bcdf-a02db03eb6c3");
    }
}
