//! The outbox's contract on SQLite files.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use rejoinder_notifier::{Claimed, Depth, NewMail, Outbox, OutboxError, Settlement, contract};
use rejoinder_notifier_sqlite::SqliteOutbox;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let number = Mutex::new(0);
    contract::check(|| async {
        let path = {
            let mut number = number.lock().expect("one thread");
            *number += 1;
            folder.path().join(format!("{number}.sqlite"))
        };
        let one = SqliteOutbox::open(&path).await.expect("opens");
        // Calls alternate between two connections, as from two processes.
        let two = SqliteOutbox::open(&path).await.expect("opens again");
        Arc::new(Alternating(Mutex::new([one, two]))) as Arc<dyn Outbox>
    })
    .await;
}

#[tokio::test]
async fn rows_outlive_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("outbox.sqlite");
    let now = DateTime::from_timestamp(1_780_000_000, 0).expect("in range");
    let mail = NewMail {
        id: uuid::Uuid::from_u128(1),
        comment: uuid::Uuid::from_u128(2),
        site: "news".into(),
        moderator: "amin".into(),
        event: vec![1],
        created_at: now,
        trace: None,
    };
    let outbox = SqliteOutbox::open(&path).await.expect("opens");
    outbox.enqueue(std::slice::from_ref(&mail)).await.expect("enqueues");
    outbox.close().await;
    let outbox = SqliteOutbox::open(&path).await.expect("opens again");
    let claimed = outbox.claim(now, 1, Duration::seconds(1)).await.expect("claims");
    assert_eq!(claimed.into_iter().map(|row| row.mail).collect::<Vec<_>>(), [mail]);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_may_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("missing").join("outbox.sqlite");
    assert!(matches!(SqliteOutbox::open(&nowhere).await, Err(OutboxError::Unavailable(_))));
    let foreign = folder.path().join("foreign.sqlite");
    std::fs::write(&foreign, "this is no database, whatever its name says").expect("written");
    assert!(matches!(SqliteOutbox::open(&foreign).await, Err(OutboxError::Refused(_))));
}

struct Alternating(Mutex<[SqliteOutbox; 2]>);

impl Alternating {
    fn next(&self) -> SqliteOutbox {
        let mut both = self.0.lock().expect("no panic");
        both.swap(0, 1);
        both[0].clone()
    }
}

#[async_trait]
impl Outbox for Alternating {
    async fn enqueue(&self, mails: &[NewMail]) -> Result<(), OutboxError> {
        self.next().enqueue(mails).await
    }

    async fn claim(&self, now: DateTime<Utc>, limit: u32, lease: Duration) -> Result<Vec<Claimed>, OutboxError> {
        self.next().claim(now, limit, lease).await
    }

    async fn settle(&self, now: DateTime<Utc>, settlements: &[Settlement]) -> Result<(), OutboxError> {
        self.next().settle(now, settlements).await
    }

    async fn withdraw(&self, now: DateTime<Utc>, comments: &[Uuid]) -> Result<u64, OutboxError> {
        self.next().withdraw(now, comments).await
    }

    async fn depth(&self) -> Result<Depth, OutboxError> {
        self.next().depth().await
    }

    async fn sent(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<(Uuid, Uuid)>, OutboxError> {
        self.next().sent(after, limit).await
    }

    async fn purge(&self, settled_before: DateTime<Utc>, limit: u32) -> Result<u64, OutboxError> {
        self.next().purge(settled_before, limit).await
    }
}
