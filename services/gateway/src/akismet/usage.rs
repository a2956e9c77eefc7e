//! How much each key has asked, and whether a site asks too often. Counted by this process, and in memory only.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{Datelike, Utc};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use super::{AkismetKeys, answer::UsageLimit};
use crate::Settings;

/// What is counted.
pub(crate) struct Usage {
    limiters: HashMap<String, DefaultDirectRateLimiter>,
    clock: DefaultClock,
    keys: Mutex<Vec<Count>>,
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
    pub fn new(keys: &AkismetKeys, settings: &Settings) -> Self {
        let rate = NonZeroU32::new(settings.akismet_per_minute);
        let burst = NonZeroU32::new(settings.akismet_burst).unwrap_or(NonZeroU32::MIN);
        let quota = rate.map(|rate| Quota::per_minute(rate).allow_burst(burst));
        let limiters = keys.sites().filter_map(|site| Some((site.to_owned(), RateLimiter::direct(quota?))));
        Self {
            limiters: limiters.collect(),
            clock: DefaultClock::default(),
            keys: Mutex::new(vec![Count::default(); keys.len()]),
        }
    }

    /// Takes one call from the site's allowance, or says how long to wait.
    pub fn admit(&self, site: &str, key: usize) -> Result<(), Duration> {
        let Some(limiter) = self.limiters.get(site) else { return Ok(()) };
        limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            self.change(key, |count| count.throttled = Some(Instant::now() + wait));
            wait
        })
    }

    /// A comment was judged.
    pub fn count(&self, key: usize) {
        self.change(key, |count| count.checks += 1);
    }

    pub(super) fn of(&self, key: usize) -> UsageLimit {
        let count = self.change(key, |count| count.clone()).unwrap_or_default();
        let throttled = count.throttled.is_some_and(|until| until > Instant::now());
        UsageLimit { limit: "none", usage: count.checks, percentage: 0.0, throttled }
    }

    fn change<T>(&self, key: usize, change: impl FnOnce(&mut Count) -> T) -> Option<T> {
        let today = Utc::now();
        let month = today.year() * 12 + today.month0() as i32;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let count = keys.get_mut(key)?;
        if count.month != month {
            *count = Count { month, checks: 0, throttled: count.throttled };
        }
        Some(change(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_nothing() {
        let mut keys = AkismetKeys::default();
        keys.add("news", "0123456789ab").expect("good");
        let usage = Usage::new(&keys, &Settings::default());
        usage.count(0);
        usage.count(0);
        assert_eq!(usage.of(0).usage, 2);
        usage.keys.lock().expect("not poisoned")[0].month -= 1;
        assert_eq!(usage.of(0).usage, 0);
    }
}
