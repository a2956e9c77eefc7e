use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a site takes as a comment. The defaults are WordPress's (`wp-includes/comment.php`) wherever it has a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Whether a name and an email address must be given. On, as in WordPress: a name makes a conversation, and an
    /// address lets the filter know returning authors. Without it both may be empty, but an address that is given must
    /// still be one.
    pub require_name_email: bool,
    /// The longest name, in bytes of UTF-8. 245 is WordPress's limit.
    pub name_bytes: usize,
    /// The longest email address, in bytes. 100 is WordPress's limit.
    pub email_bytes: usize,
    /// The longest author's URL, in bytes, once written with ASCII only. 200 is WordPress's limit.
    pub url_bytes: usize,
    /// The longest comment, in bytes of UTF-8. 65525 is WordPress's limit; beyond about 150000 the event with its HTML
    /// could outgrow a record of the log (1 MB).
    pub body_bytes: usize,
    /// The longest thread id, in bytes. 500 leaves room for a page's whole path, and fits a database's index.
    pub thread_id_bytes: usize,
    /// Where a page's title is cut, in bytes: it only tells moderators and readers which page is meant.
    pub thread_title_bytes: usize,
    /// The longest address of a page, in bytes. 2000 is what every browser and proxy takes.
    pub thread_url_bytes: usize,
    /// Where a user agent is cut, in bytes. 254 is WordPress's limit; nothing is refused for it.
    pub user_agent_bytes: usize,
    /// Where a referrer is cut, in bytes: browsers make long ones, and nobody should be refused for that.
    pub referrer_bytes: usize,
    /// The schemes that an author's URL and the links of a comment may have. Both by default; leave `http` out to take
    /// only what is encrypted, or leave both out to have no links at all.
    pub url_schemes: BTreeSet<UrlScheme>,
    /// Ids of threads that take no more comments, besides those whose events say so themselves. None by default.
    pub closed_threads: BTreeSet<String>,
    /// Days after a page's publication when its thread closes by itself; 0 never. Off, as in WordPress (which proposes
    /// 14): old pages draw spam, but also late, good answers. Counts from the event's `thread.published_at` to its
    /// `submitted_at`; a page without a date stays open.
    pub close_after_days: u32,
    /// Whether a second comment with the same site, thread, parent, author and text is refused. On, as in WordPress:
    /// it is nearly always a button pressed twice.
    pub reject_duplicates: bool,
    /// Seconds that must lie between two comments of one email address or one IP on the site; 0 turns it off. 15 is
    /// WordPress's rule: a person who writes needs longer, a script does not. The times are the events' own. Several
    /// validators may let one comment each pass in the moment before the first of them is stored.
    pub flood_seconds: u32,
    /// How many seconds before a reply a comment of which nothing is known yet may have been made, by the time in its
    /// UUIDv7, to be taken for one that is still on its way; 0 is without limit. A day is far more than the way to the
    /// store takes even when workers stand still for a night; an older id of which nothing is known was never ours, and
    /// whoever waits for it would wait for ever. Lift the limit while old conversations are imported with their dates.
    pub parent_seconds: u32,
    /// How far ahead of the worker's clock a comment's time may be, in seconds. An hour forgives a wrong clock or time
    /// zone by a little; a comment from next year would be the newest for a year.
    pub future_seconds: u32,
}

/// A scheme that a link may have. There are no others: `javascript:` and `data:` cannot be allowed by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UrlScheme {
    /// Not encrypted.
    Http,
    /// Encrypted.
    Https,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            require_name_email: true,
            name_bytes: 245,
            email_bytes: 100,
            url_bytes: 200,
            body_bytes: 65_525,
            thread_id_bytes: 500,
            thread_title_bytes: 500,
            thread_url_bytes: 2_000,
            user_agent_bytes: 254,
            referrer_bytes: 2_000,
            url_schemes: BTreeSet::from([UrlScheme::Http, UrlScheme::Https]),
            closed_threads: BTreeSet::new(),
            close_after_days: 0,
            reject_duplicates: true,
            flood_seconds: 15,
            parent_seconds: 86_400,
            future_seconds: 3_600,
        }
    }
}

impl UrlScheme {
    /// The scheme as it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            UrlScheme::Http => "http",
            UrlScheme::Https => "https",
        }
    }
}
