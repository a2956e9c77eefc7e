//! The same text again.

use super::{campaign, count, hint, name};
use crate::{Policy, Signal, campaign::Seen, reading::Reading};

/// Points for each earlier copy, where they are too few for a campaign.
pub(super) fn repeated(seen: &Seen, reading: &Reading<'_>, policy: &Policy) -> Option<Signal> {
    if seen.copies == 0 || campaign::counts(seen, policy) || !is_long_enough(reading.folded(), policy) {
        return None;
    }
    let weight = (policy.repeat_weight * f64::from(seen.copies)).min(policy.repeat_weight_max);
    hint(name::REPEATED_TEXT, weight, || {
        format!("the same text was sent {} shortly before", count(seen.copies as usize, "time", "times"))
    })
}

/// Whether a text is long enough to be called a copy of another.
fn is_long_enough(folded: &str, policy: &Policy) -> bool {
    let least = policy.repeat_min_chars.saturating_sub(1) as usize;
    folded.chars().filter(|c| c.is_alphanumeric()).nth(least).is_some()
}
