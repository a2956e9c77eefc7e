use rejoinder_proto::v1::Verdict;

use super::{count, name};
use crate::{Policy, Signal, reading::Reading};

/// Points for each different link; `hold_at_links` of them hold (WordPress rule 13).
pub(super) fn links(reading: &Reading<'_>, policy: &Policy) -> Option<Signal> {
    let links = reading.links.len();
    let holds = policy.hold_at_links > 0 && links >= policy.hold_at_links as usize;
    let weight = (policy.link_weight * links as f64).min(policy.link_weight_max);
    if links == 0 || (weight == 0.0 && !holds) {
        return None;
    }
    let mut reason = format!("it has {}", count(links, "link", "links"));
    if holds {
        let allowed = policy.hold_at_links.saturating_sub(1);
        reason.push_str(&format!(", and {allowed} {} allowed", if allowed == 1 { "is" } else { "are" }));
    }
    let domains = reading.links.domains();
    if !domains.is_empty() {
        let more = if links > domains.len() { ", ..." } else { "" };
        reason.push_str(&format!(": {}{more}", domains.join(", ")));
    }
    let at_least = if holds { Verdict::Hold } else { Verdict::Unspecified };
    Some(Signal { name: name::LINKS, weight, reason, at_least })
}
