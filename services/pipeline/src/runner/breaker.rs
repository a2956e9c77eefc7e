use std::{collections::VecDeque, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a stage stops rather than dead-letters on: too much unusable input is a bad deploy, not bad data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerSettings {
    /// Stop after more than this many dead letters in a row.
    pub in_a_row: usize,
    /// Stop when more than this share, 0 to 1, ...
    pub share: f64,
    /// ... of this many last records died.
    pub of_last: usize,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { in_a_row: 100, share: 0.5, of_last: 1000 }
    }
}

/// What tripped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    /// One unusable record after the other.
    InARow(usize),
    /// Too many of the last ones.
    Share {
        /// So many died ...
        dead: usize,
        /// ... of these.
        of: usize,
    },
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trip::InARow(count) => write!(f, "{count} unusable records in a row"),
            Trip::Share { dead, of } => write!(f, "{dead} of the last {of} records were unusable"),
        }
    }
}

#[derive(Clone)]
pub struct Breaker {
    settings: BreakerSettings,
    row: usize,
    last: VecDeque<bool>,
    dead: usize,
}

impl Breaker {
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, row: 0, last: VecDeque::new(), dead: 0 }
    }

    /// Counts a batch, in order: for each record whether it died.
    pub fn observe(&mut self, batch: &[bool]) -> Option<Trip> {
        for &dead in batch {
            self.row = if dead { self.row + 1 } else { 0 };
            self.last.push_back(dead);
            self.dead += usize::from(dead);
            if self.last.len() > self.settings.of_last {
                self.dead -= usize::from(self.last.pop_front() == Some(true));
            }
            if self.row > self.settings.in_a_row {
                return Some(Trip::InARow(self.row));
            }
            let full = self.last.len() == self.settings.of_last;
            if full && self.dead as f64 > self.settings.share * self.settings.of_last as f64 {
                return Some(Trip::Share { dead: self.dead, of: self.last.len() });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_data_passes_and_a_bad_deploy_stops() {
        let settings = BreakerSettings { in_a_row: 3, share: 0.5, of_last: 10 };
        let mut breaker = Breaker::new(settings);
        assert_eq!(breaker.observe(&[true, true, true, false]), None);
        assert_eq!(breaker.observe(&[true, true, true]), None);
        assert_eq!(breaker.observe(&[true]), Some(Trip::InARow(4)));

        let mut breaker = Breaker::new(settings);
        assert_eq!(breaker.observe(&[true, false].repeat(50)), None);
        assert_eq!(breaker.observe(&[true, true]), Some(Trip::Share { dead: 6, of: 10 }));
    }
}
