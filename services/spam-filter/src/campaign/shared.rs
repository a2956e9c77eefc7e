use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Index, Limits};
use crate::{Policy, Rules, Screening};

/// The index that all runners of a process share, and whoever tells them of other processes.
#[derive(Debug)]
pub struct Campaigns {
    index: Mutex<Index>,
    /// Whether moderators' decisions are known.
    ready: AtomicBool,
}

impl Campaigns {
    /// None yet. What the sites' policies ask for together is in force for all of them.
    pub fn new(policies: &HashMap<String, Policy>) -> Self {
        Self { index: Mutex::new(Index::new(Limits::of(policies.values()))), ready: AtomicBool::new(true) }
    }

    /// Goes by other policies from now on, also for what is remembered.
    pub fn limit(&self, screening: &Screening) {
        self.lock().limits = Limits::of(screening.rules.values().map(Rules::policy));
    }

    /// The same, of no use until [`super::Learning`] has read the decision log: before, what moderators have cleared would be
    /// held again, and what they have settled would wait for them.
    pub fn awaiting_decisions(self) -> Self {
        Self { ready: AtomicBool::new(false), ..self }
    }

    /// Whether a comment can be judged by it.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(super) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// The index, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Index> {
        // What a panicking thread leaves behind is a comment more or less.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
