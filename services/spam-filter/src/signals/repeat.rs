//! The same text again.

use sha2::{Digest, Sha256};

use super::{count, hint, name};
use crate::{Policy, Signal};

/// What is compared: a hash over the site and the text's letters and digits, so that case, spaces, punctuation and
/// emoji make no difference. `None` for a text too short to be called a copy.
pub(crate) fn fingerprint(site: &str, folded: &str, policy: &Policy) -> Option<[u8; 16]> {
    if policy.repeat_weight == 0.0 {
        return None;
    }
    let mut plain = String::with_capacity(folded.len());
    plain.extend(folded.chars().filter(|c| c.is_alphanumeric()));
    plain.chars().nth(policy.repeat_min_chars.saturating_sub(1) as usize)?;
    let digest = Sha256::new().chain_update(site).chain_update([0]).chain_update(plain).finalize();
    digest.first_chunk().copied()
}

/// Points for each earlier copy.
pub(super) fn repeated(earlier_copies: u32, policy: &Policy) -> Option<Signal> {
    if earlier_copies == 0 {
        return None;
    }
    let weight = (policy.repeat_weight * f64::from(earlier_copies)).min(policy.repeat_weight_max);
    hint(name::REPEATED_TEXT, weight, || {
        format!("the same text was sent {} shortly before", count(earlier_copies as usize, "time", "times"))
    })
}
