//! How much each key has asked, and whether a site asks too often. Counted by this process, and in memory only.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{Datelike, Utc};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use super::{answer::UsageLimit, keys::KeyId};
use crate::Settings;

/// What is counted.
pub(crate) struct Usage {
    /// By site; `None` when there is to be no limit.
    limiter: Option<DefaultKeyedRateLimiter<String>>,
    clock: DefaultClock,
    /// Of every key that was ever good, so that one which comes back goes on counting.
    keys: Mutex<HashMap<KeyId, Count>>,
}

/// What one key has asked in a month.
#[derive(Clone, Default)]
struct Count {
    /// Year and month, as a number that rises.
    month: i32,
    checks: u64,
    /// Until when the key has been told to wait.
    throttled: Option<Instant>,
}

impl Usage {
    pub fn new(settings: &Settings) -> Self {
        let rate = NonZeroU32::new(settings.akismet_per_minute);
        let burst = NonZeroU32::new(settings.akismet_burst).unwrap_or(NonZeroU32::MIN);
        let limiter = rate.map(|rate| RateLimiter::keyed(Quota::per_minute(rate).allow_burst(burst)));
        Self { limiter, clock: DefaultClock::default(), keys: Mutex::default() }
    }

    /// Takes one call from the site's allowance, or says how long to wait.
    pub fn admit(&self, site: &str, key: KeyId) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check_key(&site.to_owned()).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            self.change(key, |count| count.throttled = Some(Instant::now() + wait));
            wait
        })
    }

    /// A comment was judged.
    pub fn count(&self, key: KeyId) {
        self.change(key, |count| count.checks += 1);
    }

    pub(super) fn of(&self, key: KeyId) -> UsageLimit {
        let count = self.change(key, |count| count.clone());
        let throttled = count.throttled.is_some_and(|until| until > Instant::now());
        UsageLimit { limit: "none", usage: count.checks, percentage: 0.0, throttled }
    }

    fn change<T>(&self, key: KeyId, change: impl FnOnce(&mut Count) -> T) -> T {
        let today = Utc::now();
        let month = today.year() * 12 + today.month0() as i32;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let count = keys.entry(key).or_default();
        if count.month != month {
            *count = Count { month, checks: 0, throttled: count.throttled };
        }
        change(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_nothing() {
        let (usage, key) = (Usage::new(&Settings::default()), [7; 32]);
        usage.count(key);
        usage.count(key);
        assert_eq!(usage.of(key).usage, 2);
        usage.keys.lock().expect("not poisoned").entry(key).or_default().month -= 1;
        assert_eq!(usage.of(key).usage, 0);
    }
}
