//! Samples that hang together.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::{Sample, standing::Tally};

/// Samples that hang together, by their numbers.
#[derive(Debug, Default)]
pub struct Cluster {
    /// What it is called since it became a campaign.
    pub name: Option<Uuid>,
    /// The numbers of its samples.
    pub members: BTreeSet<u64>,
    /// How many samples come from each.
    pub threads: Counts,
    pub authors: Counts,
    pub addresses: Counts,
    pub sites: Counts,
    /// What moderators said, by site.
    pub tallies: HashMap<u32, Tally>,
}

impl Cluster {
    pub fn add(&mut self, number: u64, sample: &Sample) {
        self.members.insert(number);
        self.threads.add(sample.thread);
        self.authors.add(sample.author);
        self.addresses.add(sample.address);
        self.sites.add(sample.site);
    }

    pub fn remove(&mut self, number: u64, sample: &Sample) {
        self.members.remove(&number);
        self.threads.remove(sample.thread);
        self.authors.remove(sample.author);
        self.addresses.remove(sample.address);
        self.sites.remove(sample.site);
    }

    /// Takes over another's samples.
    pub fn absorb(&mut self, other: Self) {
        self.call(other.name);
        self.members.extend(other.members);
        self.threads.absorb(other.threads);
        self.authors.absorb(other.authors);
        self.addresses.absorb(other.addresses);
        self.sites.absorb(other.sites);
        for (site, tally) in other.tallies {
            *self.tallies.entry(site).or_default() += tally;
        }
    }

    /// It has this name too; of several the first by time stays, which UUIDv7 begins with.
    pub fn call(&mut self, name: Option<Uuid>) {
        self.name = match (self.name, name) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Whether more than one person seems to be behind it. One who greets every page alike is a regular, not a campaign.
    pub fn is_spread(&self) -> bool {
        self.authors.len() > 1 || self.addresses.len() > 1
    }
}

/// How often each value is there.
#[derive(Debug, Default)]
pub struct Counts(HashMap<u32, u32>);

impl Counts {
    /// How many different values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, value: u32) -> u32 {
        self.0.get(&value).copied().unwrap_or(0)
    }

    pub fn add(&mut self, value: u32) {
        *self.0.entry(value).or_insert(0) += 1;
    }

    pub fn remove(&mut self, value: u32) {
        if let Some(count) = self.0.get_mut(&value) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&value);
            }
        }
    }

    fn absorb(&mut self, other: Self) {
        for (value, count) in other.0 {
            *self.0.entry(value).or_insert(0) += count;
        }
    }
}
