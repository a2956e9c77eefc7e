//! A batch in one transaction.

use rejoinder_comment_store::{Change, Saved, StoreError, decide::decide, ledger::Ledger, parse, row::Item};
use sqlx::PgPool;

use crate::{
    error::{Failure, lost_a_race, store_error},
    load, write,
};

/// How often a batch is tried again at once after a lost race. Each try sees what won the one before, so more than two are
/// rare; after these the caller's own backoff takes over.
const TRIES: usize = 5;

pub(crate) async fn save(pool: &PgPool, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
    let items = parse(changes)?;
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let mut look_first = items.iter().any(Item::is_about_something_known);
    for _ in 0..TRIES {
        if let Some(saved) = attempt(pool, &items, look_first).await? {
            return Ok(saved);
        }
        look_first = true;
    }
    Err(StoreError::Unavailable("other writers were first at the same rows again and again".into()))
}

/// `None` when the database held something that was not looked at: nothing is written.
async fn attempt(pool: &PgPool, items: &[Item<'_>], look_first: bool) -> Result<Option<Vec<Saved>>, StoreError> {
    let mut transaction = pool.begin().await.map_err(store_error)?;
    let mut ledger = if look_first { load::ledger(&mut transaction, items).await? } else { Ledger::default() };
    ledger.parents = load::parents(&mut transaction, items).await?;
    let held = load::hold(&mut transaction, &ledger).await?;
    let (saved, writes) = decide(items, ledger)?;
    let written = held
        && match write::all(&mut transaction, &writes).await {
            Err(Failure::Database(error)) if lost_a_race(&error) => false,
            result => result?,
        };
    if written {
        transaction.commit().await.map_err(store_error)?;
        return Ok(Some(saved));
    }
    transaction.rollback().await.map_err(store_error)?;
    Ok(None)
}
