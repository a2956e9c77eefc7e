//! How the form was filled in.

use rejoinder_proto::v1::{self, Verdict};

use super::{hint, name};
use crate::{Policy, Signal};

/// The field that people cannot see was filled in: spam.
pub(super) fn honeypot(client: &v1::Client, policy: &Policy) -> Option<Signal> {
    if !client.honeypot_filled {
        return None;
    }
    let signal = hint(name::HONEYPOT, policy.honeypot_weight, || {
        "the form field that people cannot see was filled in".to_owned()
    })?;
    Some(Signal { at_least: Verdict::Spam, ..signal })
}

/// The form was sent sooner than a person can. A time that no clock measures is as good as none.
pub(super) fn fast(client: &v1::Client, policy: &Policy) -> Option<Signal> {
    let seconds = client.form_seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
    if seconds >= policy.min_form_seconds {
        return None;
    }
    hint(name::FAST_FORM, policy.fast_form_weight, || format!("the form was sent {seconds:.1} s after it was shown"))
}
