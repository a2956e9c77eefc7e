use std::sync::{Arc, Mutex, PoisonError};

use super::Failure;
use crate::mail::Mail;

/// Keeps mails in memory; clones share the list.
#[derive(Clone, Debug, Default)]
pub struct MemoryMailer(Arc<Mutex<Vec<Mail>>>);

impl MemoryMailer {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was sent, in order.
    pub fn sent(&self) -> Vec<Mail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn send(&self, mail: &Mail) -> Result<(), Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
        Ok(())
    }
}
