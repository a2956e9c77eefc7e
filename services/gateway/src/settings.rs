use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The gateway's limits and time-outs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the gateway is reached from outside, without a slash at the end; `status_url` begins with it. No key of
    /// this section: mails need it as well, so whoever reads the configuration fills it in.
    #[serde(skip)]
    pub public_url: String,
    /// The longest request body, in bytes. 256 KiB holds the longest comment (65,525 bytes) even when a form writes
    /// every byte as three, with room for the other fields.
    pub max_body_bytes: usize,
    /// How many submissions one IP address (an IPv6 /64) may make a minute in the long run; 0 sets no limit. 20 lets
    /// people behind one shared address talk, and is far below what a flood needs.
    pub submit_per_minute: u32,
    /// How many of them may come at once. 10, because a lively reader answers several comments in a row.
    pub submit_burst: u32,
    /// How many calls over the Akismet interface a site may make a minute in the long run; 0 sets no limit. 600 is ten a
    /// second: more than a large blog has comments, and a loop gone wild is noticed.
    pub akismet_per_minute: u32,
    /// How many of them may come at once. 200, because blogs check their whole queue anew at times.
    pub akismet_burst: u32,
    /// How many of our own proxies stand in front: the reader's address is this many entries from the right of
    /// `X-Forwarded-For`. 0 takes the socket's peer, because anybody can write that header.
    pub trusted_proxies: u8,
    /// How long the log may take to accept a record, in milliseconds, before the answer is 503. 5,000 outlasts the
    /// election of a new partition leader on a healthy cluster, and a reader still waits.
    pub publish_timeout_ms: u64,
    /// How long the database may take to answer a question, in milliseconds, before the answer is 503. 3,000: a page
    /// that comes later than that is not read.
    pub store_timeout_ms: u64,
    /// How long a client may take to send a body, in milliseconds. 10,000 is enough for a slow telephone, and ends
    /// those who hold connections open on purpose.
    pub body_timeout_ms: u64,
    /// What `Retry-After` says with a 503, in seconds. 5 is about a broker's or a database's fail-over.
    pub retry_after_seconds: u32,
    /// How long caches may keep an answer with comments, in seconds. 1 already turns a rush on one article into one
    /// query a second, and nobody notices it.
    pub cache_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".into(),
            max_body_bytes: 256 * 1024,
            submit_per_minute: 20,
            submit_burst: 10,
            akismet_per_minute: 600,
            akismet_burst: 200,
            trusted_proxies: 0,
            publish_timeout_ms: 5_000,
            store_timeout_ms: 3_000,
            body_timeout_ms: 10_000,
            retry_after_seconds: 5,
            cache_seconds: 1,
        }
    }
}

/// What the gateway knows of a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    /// The site's title, on pages for readers and moderators. Empty by default: the site's name is shown.
    pub title: String,
    /// Origins (`https://news.example`) whose pages may call the API from scripts, and to which a form may return. None
    /// by default: a site behind the same host needs none.
    pub origins: Vec<String>,
    /// Names of those who may decide. None by default. A link of somebody who is no longer listed does nothing.
    pub moderators: Vec<String>,
    /// Whether the form marks name and address as required; the same as in the site's validation policy. True, as in
    /// WordPress.
    pub require_name_email: bool,
}

impl Default for Site {
    fn default() -> Self {
        Self { title: String::new(), origins: Vec::new(), moderators: Vec::new(), require_name_email: true }
    }
}

/// What the dev mode shows: a sample article of `site` at `/`, and the mails of a folder at `/mailbox`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dev {
    /// The site under whose name the article's comments run.
    pub site: String,
    /// A folder of `.eml` files; it need not exist yet.
    pub mailbox: PathBuf,
}
