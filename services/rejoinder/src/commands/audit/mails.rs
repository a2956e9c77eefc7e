//! Every mail that was sent is about a comment that is stored.

use std::collections::HashMap;

use anyhow::{Context, Result};
use rejoinder_comment_store::{inspect::Inspect, row::RowState};
use rejoinder_notifier::Outbox;
use uuid::Uuid;

use super::report::Report;

/// Mails in one question.
const PAGE: u32 = 1_000;

/// Asks the store about the comment of each mail that the outbox knows to be sent.
pub async fn run(outbox: &dyn Outbox, store: &dyn Inspect, report: &mut Report<'_>) -> Result<()> {
    let mut after = None;
    loop {
        let page = outbox.sent(after, PAGE).await.context("the outbox")?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        let ids: Vec<Uuid> = page.iter().map(|(_, comment)| *comment).collect();
        let known = store.known(&ids).await.context("the comment store")?;
        let states: HashMap<Uuid, RowState> = known.into_iter().map(|row| (row.id, row.state)).collect();
        for comment in ids {
            match states.get(&comment) {
                Some(RowState::Stored(_)) => report.mails += 1,
                Some(RowState::Rejected | RowState::Awaited) | None => report.unstored_mail(comment)?,
            }
        }
    }
}
