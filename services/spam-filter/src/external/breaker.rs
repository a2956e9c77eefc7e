use std::time::Duration;

use tokio::time::Instant;

/// When somebody who does not answer is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerTerms {
    /// After so many failures in a row; at least 1.
    pub failures: u32,
    /// For so long; then one question is let through at a time, each after as long, until one is answered.
    pub pause: Duration,
}

/// Whether somebody is asked at all, by how they answered lately. One success closes it.
#[derive(Debug)]
pub struct Breaker {
    terms: BreakerTerms,
    in_a_row: u32,
    /// Nobody asks before then; `None` while it is closed.
    open_until: Option<Instant>,
}

impl Breaker {
    /// Closed: everybody may ask.
    pub fn new(terms: BreakerTerms) -> Self {
        Self { terms, in_a_row: 0, open_until: None }
    }

    /// Whether to ask now. A probe that is never answered needs no clearing up: the next one follows after a pause.
    pub fn admits(&mut self, now: Instant) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.open_until = Some(now + self.terms.pause);
                true
            }
        }
    }

    /// Whether it admits nobody now.
    pub fn is_open(&self, now: Instant) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    /// Takes down how a question ended; whether it opened or closed for it.
    pub fn record(&mut self, failed: bool, now: Instant) -> bool {
        if !failed {
            self.in_a_row = 0;
            return self.open_until.take().is_some();
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let opens = self.open_until.is_none() && self.in_a_row >= self.terms.failures;
        if opens {
            self.open_until = Some(now + self.terms.pause);
        }
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_by_one_success() {
        let pause = Duration::from_secs(10);
        let mut breaker = Breaker::new(BreakerTerms { failures: 3, pause });
        let start = Instant::now();
        for failed in [true, true, false, true, true] {
            assert!(breaker.admits(start));
            assert!(!breaker.record(failed, start));
        }
        assert!(breaker.record(true, start), "the third in a row opens it");
        assert!(!breaker.record(true, start), "it is open already");
        assert!(!breaker.admits(start + pause / 2) && breaker.is_open(start + pause / 2));

        let later = start + pause;
        assert!(!breaker.is_open(later));
        assert!(breaker.admits(later), "one probe");
        assert!(!breaker.admits(later), "and no other beside it");
        assert!(!breaker.record(true, later));
        assert!(!breaker.admits(later + pause / 2));
        assert!(breaker.admits(later + pause), "the next probe, whatever became of the first");
        assert!(breaker.record(false, later + pause), "an answer closes it");
        assert!(breaker.admits(later + pause) && breaker.admits(later + pause));
    }
}
