//! The tokens in moderators' links: a signed claim to do one thing to one comment until a time.
//!
//! A token is `version.key-id.claim.signature` in URL-safe base64 without padding; the signature is HMAC-SHA256 over
//! everything before it. Keys are tried by id, so they can be rotated: sign with the first, accept all.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{millis, v1::ModerationClaim};

/// The least length of a key in bytes: as long as the hash, by RFC 2104.
pub const MIN_KEY_BYTES: usize = 32;

/// Keys to sign and verify with; the first one signs. Clones share them.
#[derive(Clone)]
pub struct TokenKeys(Arc<RwLock<Vec<Key>>>);

/// A key with its id.
type Key = (String, Vec<u8>);

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours, or changed on its way.
    #[error("this link is not valid; it may have been cut or changed on its way")]
    Invalid,
    /// Its time has passed.
    #[error("this link has expired")]
    Expired,
}

/// A key is too short to be one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("no moderation key is given; set at least one")]
    Missing,
    /// It can be guessed.
    #[error("moderation key number {0} is shorter than {MIN_KEY_BYTES} bytes; make one with `openssl rand -hex 32`")]
    Short(usize),
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKeys({} keys, hidden)", self.keys().len())
    }
}

impl TokenKeys {
    /// Takes the keys, the signing one first.
    pub fn new<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Result<Self, KeyError> {
        let mut known = Vec::new();
        for (index, key) in keys.into_iter().enumerate() {
            let key = key.as_ref();
            if key.len() < MIN_KEY_BYTES {
                return Err(KeyError::Short(index + 1));
            }
            known.push((key_id(key), key.to_vec()));
        }
        if known.is_empty() { Err(KeyError::Missing) } else { Ok(Self(Arc::new(RwLock::new(known)))) }
    }

    /// Signs and verifies with these keys from now on, and so do all clones.
    pub fn replace(&self, keys: TokenKeys) {
        let keys = keys.keys().clone();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn keys(&self) -> RwLockReadGuard<'_, Vec<Key>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs a claim with the first key. The result is safe in a URL's path.
    pub fn sign(&self, claim: &ModerationClaim) -> String {
        let keys = self.keys();
        let (id, key) = &keys[0];
        let signed = format!("1.{id}.{}", BASE64.encode(claim.encode_to_vec()));
        let signature = BASE64.encode(mac(key, &signed).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// Gives the claim back when one of the keys signed it and `now` is not past its expiry.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<ModerationClaim, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let mut parts = signed.split('.');
        let (Some("1"), Some(id), Some(claim), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(TokenError::Invalid);
        };
        let signature = BASE64.decode(signature).map_err(|_| TokenError::Invalid)?;
        let keys = self.keys();
        let (_, key) = keys.iter().find(|(known, _)| known == id).ok_or(TokenError::Invalid)?;
        mac(key, signed).verify_slice(&signature).map_err(|_| TokenError::Invalid)?;
        let claim = BASE64.decode(claim).map_err(|_| TokenError::Invalid)?;
        let claim = ModerationClaim::decode(claim.as_slice()).map_err(|_| TokenError::Invalid)?;
        if millis(claim.expires_at.as_ref()) <= now.timestamp_millis() { Err(TokenError::Expired) } else { Ok(claim) }
    }
}

/// Names a key without giving it away: the first bytes of its hash.
fn key_id(key: &[u8]) -> String {
    BASE64.encode(&Sha256::digest(key)[..4])
}

fn mac(key: &[u8], signed: &str) -> Hmac<Sha256> {
    // HMAC takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(signed.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{from_millis, v1::Action};

    fn claim(expires: i64) -> ModerationClaim {
        ModerationClaim {
            comment_id: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
            site: "news".into(),
            thread_id: "a".into(),
            action: Action::Approve.into(),
            moderator: "editor".into(),
            expires_at: Some(from_millis(expires)),
        }
    }

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).expect("a time in range")
    }

    #[test]
    fn a_signed_claim_comes_back_until_it_expires() {
        let keys = TokenKeys::new([[7u8; 32]]).expect("a long key");
        let token = keys.sign(&claim(1000));
        assert_eq!(keys.verify(&token, at(999)), Ok(claim(1000)));
        assert_eq!(keys.verify(&token, at(1000)), Err(TokenError::Expired));
    }

    #[test]
    fn clones_take_new_keys_together() {
        let keys = TokenKeys::new([[7u8; 32]]).expect("a long key");
        let (shared, token) = (keys.clone(), keys.sign(&claim(1000)));
        keys.replace(TokenKeys::new([[8u8; 32], [7u8; 32]]).expect("long keys"));
        assert_eq!(shared.verify(&token, at(999)), Ok(claim(1000)), "the old key still verifies");
        let token = shared.sign(&claim(1000));
        keys.replace(TokenKeys::new([[7u8; 32]]).expect("a long key"));
        assert_eq!(shared.verify(&token, at(999)), Err(TokenError::Invalid), "the new one signed");
    }

    #[test]
    fn a_changed_token_is_refused_at_every_byte() {
        let keys = TokenKeys::new([[7u8; 32]]).expect("a long key");
        let token = keys.sign(&claim(1000));
        for at_byte in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at_byte] = if changed[at_byte] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            // The last character's spare bits must not be accepted either.
            assert_eq!(keys.verify(&changed, at(0)), Err(TokenError::Invalid), "byte {at_byte}");
        }
        for broken in ["", ".", "...", &token[..token.len() - 1], &format!("{token}A")] {
            assert_eq!(keys.verify(broken, at(0)), Err(TokenError::Invalid), "{broken}");
        }
    }

    #[test]
    fn an_old_key_still_verifies_and_a_foreign_one_does_not() {
        let old = TokenKeys::new([[1u8; 32]]).expect("a long key");
        let rotated = TokenKeys::new([[2u8; 32], [1u8; 32]]).expect("long keys");
        let token = old.sign(&claim(1000));
        assert!(rotated.verify(&token, at(0)).is_ok());
        let foreign = TokenKeys::new([[3u8; 32]]).expect("a long key");
        assert_eq!(foreign.verify(&token, at(0)), Err(TokenError::Invalid));
    }

    #[test]
    fn short_and_missing_keys_are_refused() {
        assert_eq!(TokenKeys::new([b"short"]).err(), Some(KeyError::Short(1)));
        assert_eq!(TokenKeys::new(Vec::<Vec<u8>>::new()).err(), Some(KeyError::Missing));
    }
}
