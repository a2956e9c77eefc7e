//! What many others say too, or what comes too fast: see [`crate::campaign`].

use rejoinder_proto::{
    millis,
    v1::{self, Verdict},
};

use super::{count, hint, name};
use crate::{
    Policy, Signal,
    campaign::{Campaign, Seen, Standing},
};

/// The campaign, where it is one by the site's policy.
fn of<'a>(seen: &'a Seen, policy: &Policy) -> Option<&'a Campaign> {
    seen.campaign.as_ref().filter(|campaign| campaign.size >= policy.campaign_min_size)
}

/// Where it stands on the site; with no number of decisions to settle it, it stays open.
fn standing(campaign: &Campaign, policy: &Policy) -> Standing {
    match policy.campaign_decisions {
        0 => Standing::Open,
        enough => campaign.tally.standing(enough),
    }
}

/// Whether being part of the campaign counts.
pub(super) fn counts(seen: &Seen, policy: &Policy) -> bool {
    policy.campaign_weight > 0.0 && of(seen, policy).is_some()
}

/// Points for being part of a campaign, by its size.
pub(crate) fn campaign(comment: &v1::Comment, seen: &Seen, policy: &Policy) -> Option<Signal> {
    let campaign = of(seen, policy)?;
    let standing = standing(campaign, policy);
    if standing == Standing::Cleared {
        return None;
    }
    let times = f64::from(campaign.size) / f64::from(policy.campaign_min_size.max(1));
    let weight = (policy.campaign_weight * (1.0 + times.log10())).min(policy.campaign_weight_max);
    hint(name::CAMPAIGN, weight, || {
        let said = said(campaign, millis(comment.submitted_at.as_ref()));
        match standing {
            Standing::Disputed => format!("{said}; moderators called some of them spam and some not"),
            _ => said,
        }
    })
}

/// Spam, once moderators have called enough members so.
pub(crate) fn decided(seen: &Seen, policy: &Policy) -> Option<Signal> {
    let campaign = of(seen, policy)?;
    (standing(campaign, policy) == Standing::Spam).then(|| Signal {
        name: name::CAMPAIGN_DECIDED,
        weight: 0.0,
        reason: format!("moderators called {} of its near copies spam, and none of them ham", campaign.tally.spam),
        at_least: Verdict::Spam,
    })
}

/// Points for a comment that comes among many of one author or address, where it is not part of a campaign: that many
/// came is said once.
pub(super) fn burst(seen: &Seen, policy: &Policy) -> Option<Signal> {
    if counts(seen, policy) {
        return None;
    }
    let from = |at: u32, n: u32| at > 0 && n >= at;
    let by = match (from(policy.burst_author_at, seen.by_author), from(policy.burst_address_at, seen.by_address)) {
        (true, _) => format!("{} of this author", count(seen.by_author as usize, "comment", "comments")),
        (_, true) => format!("{} from this address", count(seen.by_address as usize, "comment", "comments")),
        _ => return None,
    };
    hint(name::BURST, policy.burst_weight, || {
        format!("it is one of {by} within {}", span(i64::from(policy.burst_window_seconds) * 1000))
    })
}

fn said(campaign: &Campaign, at: i64) -> String {
    let Campaign { size, threads, authors, addresses, sites, first_seen, .. } = campaign;
    let within = span(at.saturating_sub(*first_seen));
    let mut said = format!("it is one of {size} near copies within {within}");
    let mut places = vec![];
    for (n, one, many, place) in [
        (*sites, "site", "sites", "on"),
        (*threads, "page", "pages", "on"),
        (*authors, "author", "authors", "by"),
        (*addresses, "address", "addresses", "from"),
    ] {
        if n > 1 {
            places.push(format!("{place} {}", count(n as usize, one, many)));
        }
    }
    if !places.is_empty() {
        said = format!("{said}, {}", places.join(", "));
    }
    said
}

/// A time in a person's words, rounded up.
fn span(milliseconds: i64) -> String {
    let seconds = usize::try_from(milliseconds.max(0)).unwrap_or(0).div_ceil(1000);
    match seconds {
        0..=90 => count(seconds.max(1), "second", "seconds"),
        91..=5_400 => count(seconds.div_ceil(60), "minute", "minutes"),
        5_401..=129_600 => count(seconds.div_ceil(3_600), "hour", "hours"),
        _ => count(seconds.div_ceil(86_400), "day", "days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_do() {
        for (milliseconds, said) in [
            (-5, "1 second"),
            (1_000, "1 second"),
            (90_000, "90 seconds"),
            (91_000, "2 minutes"),
            (5_400_000, "90 minutes"),
            (7_000_000, "2 hours"),
            (129_600_001, "2 days"),
        ] {
            assert_eq!(span(milliseconds), said);
        }
    }
}
