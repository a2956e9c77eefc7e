use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use crate::{Claim, Claimed, Depth, Fate, NewMail, Outbox, OutboxError, Settlement};

/// An outbox that ends with the process: for tests, and the reading of what an outbox is.
#[derive(Debug, Default)]
pub struct MemoryOutbox(Mutex<HashMap<Uuid, Row>>);

#[derive(Debug)]
struct Row {
    mail: NewMail,
    attempts: u32,
    status: Status,
}

#[derive(Debug, PartialEq)]
enum Status {
    Pending { due: DateTime<Utc> },
    Sent { at: DateTime<Utc> },
    Failed { at: DateTime<Utc> },
    Skipped { at: DateTime<Utc> },
}

impl MemoryOutbox {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<Uuid, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn enqueue(&self, mails: &[NewMail]) -> Result<(), OutboxError> {
        let mut rows = self.rows();
        for mail in mails {
            let created_at = mail.created_at.trunc_subsecs(6);
            let stays = rows.get(&mail.id).is_some_and(|row| match row.status {
                Status::Pending { .. } => row.mail.event == mail.event,
                Status::Skipped { .. } => false,
                Status::Sent { .. } | Status::Failed { .. } => true,
            });
            if !stays {
                let (mail, status) = (NewMail { created_at, ..mail.clone() }, Status::Pending { due: created_at });
                rows.insert(mail.id, Row { mail, attempts: 0, status });
            }
        }
        Ok(())
    }

    async fn claim(
        &self,
        now: DateTime<Utc>,
        limit: u32,
        lease: chrono::Duration,
    ) -> Result<Vec<Claimed>, OutboxError> {
        let until = (now + lease).trunc_subsecs(6);
        let mut rows = self.rows();
        let mut due: Vec<_> = rows
            .values_mut()
            .filter_map(|row| match row.status {
                Status::Pending { due } if due <= now => Some((due, row)),
                _ => None,
            })
            .collect();
        due.sort_by_key(|(due, _)| *due);
        let claim = |(_, row): (_, &mut Row)| {
            row.attempts += 1;
            row.status = Status::Pending { due: until };
            Claimed { claim: Claim { id: row.mail.id, until }, attempt: row.attempts, mail: row.mail.clone() }
        };
        Ok(due.into_iter().take(limit as usize).map(claim).collect())
    }

    async fn settle(&self, now: DateTime<Utc>, settlements: &[Settlement]) -> Result<(), OutboxError> {
        let mut rows = self.rows();
        for Settlement { claim, fate } in settlements {
            let Some(row) = rows.get_mut(&claim.id) else { continue };
            let holds = match row.status {
                Status::Pending { due } => due == claim.until || *fate == Fate::Sent,
                Status::Skipped { .. } => *fate == Fate::Sent,
                Status::Sent { .. } | Status::Failed { .. } => false,
            };
            if !holds {
                continue;
            }
            row.status = match fate {
                Fate::Sent => Status::Sent { at: now },
                Fate::Retry { at, .. } => Status::Pending { due: at.trunc_subsecs(6) },
                Fate::Put { at, .. } => {
                    row.attempts -= 1;
                    Status::Pending { due: at.trunc_subsecs(6) }
                }
                Fate::Failed { .. } => Status::Failed { at: now },
                Fate::Skipped { .. } => Status::Skipped { at: now },
            };
            if matches!(fate, Fate::Sent | Fate::Skipped { .. }) {
                row.mail.event = Vec::new();
            }
        }
        Ok(())
    }

    async fn withdraw(&self, now: DateTime<Utc>, comments: &[Uuid]) -> Result<u64, OutboxError> {
        let mut withdrawn = 0;
        for row in self.rows().values_mut().filter(|row| comments.contains(&row.mail.comment)) {
            if matches!(row.status, Status::Pending { .. }) {
                row.status = Status::Skipped { at: now };
                row.mail.event = Vec::new();
                withdrawn += 1;
            }
        }
        Ok(withdrawn)
    }

    async fn depth(&self) -> Result<Depth, OutboxError> {
        let mut depth = Depth::default();
        for row in self.rows().values() {
            match row.status {
                Status::Pending { .. } => depth.pending += 1,
                Status::Sent { .. } => depth.sent += 1,
                Status::Failed { .. } => depth.failed += 1,
                Status::Skipped { .. } => depth.skipped += 1,
            }
        }
        Ok(depth)
    }

    async fn sent(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<(Uuid, Uuid)>, OutboxError> {
        let rows = self.rows();
        let sent = rows.values().filter(|row| matches!(row.status, Status::Sent { .. }) && Some(row.mail.id) > after);
        let mut sent: Vec<_> = sent.map(|row| (row.mail.id, row.mail.comment)).collect();
        sent.sort_unstable();
        sent.truncate(limit as usize);
        Ok(sent)
    }

    async fn purge(&self, settled_before: DateTime<Utc>, limit: u32) -> Result<u64, OutboxError> {
        let mut rows = self.rows();
        let old: Vec<_> = rows
            .iter()
            .filter_map(|(id, row)| match row.status {
                Status::Sent { at } | Status::Failed { at } | Status::Skipped { at } if at < settled_before => {
                    Some(*id)
                }
                _ => None,
            })
            .take(limit as usize)
            .collect();
        for id in &old {
            rows.remove(id);
        }
        Ok(old.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contract;

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::check(|| async { Arc::new(MemoryOutbox::new()) as Arc<dyn Outbox> }).await;
    }
}
