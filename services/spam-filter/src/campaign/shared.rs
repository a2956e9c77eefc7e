use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Index, Limits};
use crate::Policy;

/// The index that all runners of a process share, and whoever tells them of other processes.
#[derive(Debug)]
pub struct Campaigns(Mutex<Index>);

impl Campaigns {
    /// None yet. What the sites' policies ask for together is in force for all of them.
    pub fn new(policies: &HashMap<String, Policy>) -> Self {
        Self(Mutex::new(Index::new(Limits::of(policies.values()))))
    }

    /// The index, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Index> {
        // What a panicking thread leaves behind is a comment more or less.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
