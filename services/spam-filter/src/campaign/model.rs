use rejoinder_proto::v1::{CommentScreened, Verdict};
use uuid::Uuid;

use super::Tally;
use crate::{Policy, signals::name};

/// How much is remembered, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// So many comments, at about 360 bytes each; the oldest go first.
    pub comments: usize,
    /// So many comments with a decision stay after they have left the window.
    pub decided: usize,
    /// How long a comment is remembered, and how far apart two of one campaign may be, in milliseconds.
    pub window: i64,
    /// Within how many milliseconds comments of one author or one address are counted.
    pub burst_window: i64,
    /// The fewest members of a campaign.
    pub min_size: u32,
}

impl Limits {
    /// Room for 100,000 comments and 10,000 decided ones, and what the policies ask for: the longest windows, and the
    /// smallest campaigns.
    pub fn of<'a>(policies: impl Iterator<Item = &'a Policy> + Clone) -> Self {
        let longest =
            |seconds: fn(&Policy) -> u32| policies.clone().map(seconds).max().map_or(0, |s| i64::from(s) * 1000);
        Self {
            comments: 100_000,
            decided: 10_000,
            window: longest(|policy| policy.campaign_window_seconds),
            burst_window: longest(|policy| policy.burst_window_seconds),
            min_size: policies.clone().map(|policy| policy.campaign_min_size).min().unwrap_or(u32::MAX).max(2),
        }
    }
}

/// What the index knows of a comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Comments with the same text on the site that came before it.
    pub copies: u32,
    /// Comments of its author when it came, that one included; 0 when the author is not known.
    pub by_author: u32,
    /// Comments from its address when it came, that one included; 0 when the address is not known.
    pub by_address: u32,
    /// The campaign that it belongs to by now.
    pub campaign: Option<Campaign>,
}

/// A campaign as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its name: the id of its first member when it became one. Of two campaigns that turn out to be one, the first
    /// name stays.
    pub id: Uuid,
    /// Members that are remembered.
    pub size: u32,
    /// On how many threads.
    pub threads: u32,
    /// By how many authors.
    pub authors: u32,
    /// From how many addresses.
    pub addresses: u32,
    /// On how many sites.
    pub sites: u32,
    /// When the first remembered member was submitted, in milliseconds since 1970.
    pub first_seen: i64,
    /// What moderators of the member's site said.
    pub tally: Tally,
}

/// Where a member stands by its last screening in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// It waits for a person.
    Waiting,
    /// It is spam since moderators called others so.
    Following,
    /// It is published, or spam for reasons of its own.
    Otherwise,
}

impl Stands {
    /// What a screening says.
    pub fn of(screened: &CommentScreened) -> Self {
        Self::by(screened.verdict(), screened.signals.iter().map(|signal| signal.name.as_str()))
    }

    /// The same, by its verdict and the names of its signals.
    pub(super) fn by<'a>(verdict: Verdict, mut signals: impl Iterator<Item = &'a str>) -> Self {
        match verdict {
            Verdict::Hold => Stands::Waiting,
            Verdict::Spam if signals.any(|signal| signal == name::CAMPAIGN_DECIDED) => Stands::Following,
            _ => Stands::Otherwise,
        }
    }
}
