use std::time::Duration;

use rejoinder_spam_filter::external::{BreakerTerms, Terms};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

/// A site's external check. `url`, `key` and `blog` must be given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the service is; `/1.1/comment-check` is put behind it.
    pub url: String,
    /// The key that the service has given to the site. A secret.
    #[schemars(with = "String", extend("writeOnly" = true))]
    pub key: SecretString,
    /// The address of the site's front page, as the service knows it.
    pub blog: String,
    /// How long an answer may take, in milliseconds, 100 to 15,000. 5,000: the vendor's own plugin waits for 15 s, but there a
    /// reader sits before it, and here others wait behind it. A batch takes twice as long at most.
    #[serde(default = "defaults::timeout_ms")]
    pub timeout_ms: u64,
    /// How many questions may be open at once, 1 to 100. 8 makes some hundred comments a second of a service that answers in
    /// 50 ms, and is no flood.
    #[serde(default = "defaults::concurrency")]
    pub concurrency: usize,
    /// Points when it says `true`. 6, which holds by itself, and is spam with one more strong hint: it is a stranger's word.
    #[serde(default = "defaults::spam_weight")]
    pub spam_weight: f64,
    /// Points when it says that the comment can be thrown away. 10, as much as `spam_at`: it is kept as spam, not deleted.
    #[serde(default = "defaults::discard_weight")]
    pub discard_weight: f64,
    /// Points when it would have a person look, as this house's own interface says it. 5, as much as `hold_at`.
    #[serde(default = "defaults::review_weight")]
    pub review_weight: f64,
    /// It is left alone after so many failures in a row, at least 1. 5: one lost connection is none of its doing.
    #[serde(default = "defaults::breaker_failures")]
    pub breaker_failures: u32,
    /// For so many seconds, at least 1; then one question is let through. 30, about as long as a service takes to restart.
    #[serde(default = "defaults::breaker_seconds")]
    pub breaker_seconds: u64,
    /// How many seconds lie between two rounds of asking again about held comments, at least 1. 300: readers wait for it, and
    /// whoever was away for long is not met by everything at once.
    #[serde(default = "defaults::recheck_seconds")]
    pub recheck_seconds: u64,
}

mod defaults {
    pub const fn timeout_ms() -> u64 {
        5_000
    }
    pub const fn concurrency() -> usize {
        8
    }
    pub const fn spam_weight() -> f64 {
        6.0
    }
    pub const fn discard_weight() -> f64 {
        10.0
    }
    pub const fn review_weight() -> f64 {
        5.0
    }
    pub const fn breaker_failures() -> u32 {
        5
    }
    pub const fn breaker_seconds() -> u64 {
        30
    }
    pub const fn recheck_seconds() -> u64 {
        300
    }
}

/// Why these settings cannot be in force. Never holds the key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// No address.
    #[error("{0} is not an http or https address without a query; write it like https://news.example")]
    Address(&'static str),
    /// No key.
    #[error("key is empty; set it to the one that the service gave you")]
    Key,
    /// Out of range.
    #[error("{field} is {value}; write a number from {least} to {most}")]
    Range {
        /// The setting.
        field: &'static str,
        /// What it was.
        value: f64,
        /// The least that it may be.
        least: f64,
        /// The most that it may be.
        most: f64,
    },
}

impl Settings {
    /// Whether these settings can be in force.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.endpoint()?;
        address("blog", &self.blog)?;
        if self.key.expose_secret().trim().is_empty() {
            return Err(SettingsError::Key);
        }
        let range = |field, value: f64, least: f64, most: f64| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(SettingsError::Range { field, value, least, most }),
        };
        range("timeout_ms", self.timeout_ms as f64, 100.0, 15_000.0)?;
        range("concurrency", self.concurrency as f64, 1.0, 100.0)?;
        range("spam_weight", self.spam_weight, 0.0, 1_000.0)?;
        range("discard_weight", self.discard_weight, 0.0, 1_000.0)?;
        range("review_weight", self.review_weight, 0.0, 1_000.0)?;
        range("breaker_failures", self.breaker_failures.into(), 1.0, 1_000.0)?;
        range("breaker_seconds", self.breaker_seconds as f64, 1.0, 86_400.0)?;
        range("recheck_seconds", self.recheck_seconds as f64, 1.0, 86_400.0)
    }

    /// What the filter needs to know of them.
    pub fn terms(&self) -> Terms {
        Terms {
            review_weight: self.review_weight,
            spam_weight: self.spam_weight,
            discard_weight: self.discard_weight,
            concurrency: self.concurrency,
            batch: 2 * self.timeout(),
            breaker: BreakerTerms { failures: self.breaker_failures, pause: Duration::from_secs(self.breaker_seconds) },
            recheck: Duration::from_secs(self.recheck_seconds),
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn endpoint(&self) -> Result<Url, SettingsError> {
        let base = address("url", &self.url)?;
        let path = format!("{}/1.1/comment-check", base.path().trim_end_matches('/'));
        let mut endpoint = base;
        endpoint.set_path(&path);
        Ok(endpoint)
    }
}

fn address(field: &'static str, text: &str) -> Result<Url, SettingsError> {
    let url = Url::parse(text).map_err(|_| SettingsError::Address(field))?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    match matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
        true => Ok(url),
        false => Err(SettingsError::Address(field)),
    }
}
