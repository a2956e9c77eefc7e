//! A batch in one transaction.

use rejoinder_comment_store::{Change, Saved, StoreError, decide::decide, ledger::Ledger, parse, row::Item};
use sqlx::SqlitePool;

use crate::{error::store_error, load, write};

pub(crate) async fn save(writer: &SqlitePool, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
    let items = parse(changes)?;
    if items.is_empty() {
        return Ok(Vec::new());
    }
    // What most likely is new needs no look.
    let look_first = items.iter().any(Item::is_about_something_known);
    if !look_first && let Some(saved) = attempt(writer, &items, false).await? {
        return Ok(saved);
    }
    let saved = attempt(writer, &items, true).await?;
    saved.ok_or_else(|| StoreError::Refused("rows changed under the write lock".into()))
}

/// `None` when the file held something that was not looked at: nothing is written.
async fn attempt(writer: &SqlitePool, items: &[Item<'_>], look_first: bool) -> Result<Option<Vec<Saved>>, StoreError> {
    // The write lock from the start: a transaction that only reads at first could not wait for it later.
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
    let mut ledger = if look_first { load::ledger(&mut transaction, items).await? } else { Ledger::default() };
    ledger.parents = load::parents(&mut transaction, items).await?;
    let (saved, writes) = decide(items, ledger)?;
    if write::all(&mut transaction, &writes).await? {
        transaction.commit().await.map_err(store_error)?;
        return Ok(Some(saved));
    }
    transaction.rollback().await.map_err(store_error)?;
    Ok(None)
}
