//! The token in a moderator's link: as it comes from outside, and as one of ours that was changed on its way. The input's
//! fields are comment, site, thread, moderator, and what is changed.
#![no_main]

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use libfuzzer_sys::fuzz_target;
use rejoinder_proto::{
    from_millis,
    token::{TokenError, TokenKeys},
    v1::ModerationClaim,
};

/// Made anew in each process, so that no input that is kept holds a token of it.
static KEYS: LazyLock<[TokenKeys; 2]> = LazyLock::new(|| {
    let random = || [uuid::Uuid::now_v7().into_bytes(), uuid::Uuid::now_v7().into_bytes()].concat();
    let (new, old) = (random(), random());
    [TokenKeys::new([&new, &old]).expect("long keys"), TokenKeys::new([&old]).expect("a long key")]
});

const EXPIRES_MS: i64 = 1_800_000_000_000;

fuzz_target!(|data: &[u8]| {
    let [keys, old_keys] = &*KEYS;
    let (before, after) = (at(EXPIRES_MS - 1), at(EXPIRES_MS));
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(keys.verify(text, before), Err(TokenError::Invalid), "nobody can guess a signature");
    }

    let mut fields = rejoinder_fuzz::fields(data);
    let mut next = || fields.next().unwrap_or_default();
    let claim = ModerationClaim {
        comment_id: next(),
        site: next(),
        thread_id: next(),
        action: data.len() as i32,
        moderator: next(),
        expires_at: Some(from_millis(EXPIRES_MS)),
    };
    let change = next();
    for signer in [keys, old_keys] {
        let token = signer.sign(&claim);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
        assert_eq!(keys.verify(&token, before), Ok(claim.clone()));
        assert_eq!(keys.verify(&token, after), Err(TokenError::Expired));
        let changed = changed(&token, &change);
        if changed != token {
            assert_eq!(keys.verify(&changed, before), Err(TokenError::Invalid), "{changed} of {token}");
        }
    }
    let of_new_key = keys.sign(&claim);
    assert_eq!(old_keys.verify(&of_new_key, before), Err(TokenError::Invalid), "a key that is not known");
});

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).expect("a time in range")
}

/// The token with the change laid over it, from the place that its first byte says.
fn changed(token: &str, change: &str) -> String {
    let Some(first) = change.bytes().next() else { return format!("{token}=") };
    let start = usize::from(first) * token.len() / 256;
    let rest = change.get(1..).unwrap_or_default();
    let end = token.len().min(start + rest.len());
    format!("{}{rest}{}", &token[..start], &token[end..])
}
