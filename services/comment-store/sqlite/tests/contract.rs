//! The store's contract, on SQLite.

use std::sync::Arc;

use rejoinder_comment_store::{
    Fate, Store, StoreError,
    contract::{self, Fixture, Sample},
};
use rejoinder_comment_store_sqlite::SqliteStore;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let mut folders: Vec<TempDir> = Vec::new();
    contract::all(async || {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("comments.db");
        folders.push(folder);
        let open = async || Arc::new(SqliteStore::open(&path).await.expect("a store"));
        Fixture { store: open().await, second: open().await }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_closed_holds_everything() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("comments.db");
    let sample = Sample::at(1000);
    let store = SqliteStore::open(&path).await?;
    store.save(&[sample.change()]).await?;
    store.close().await;
    let store = SqliteStore::open(&path).await?;
    assert_eq!(store.recent("news", 5).await?.len(), 1);
    assert_eq!(store.save(&[sample.change()]).await?, [sample.visible()]);
    Ok(())
}

#[tokio::test]
async fn numbers_survive_their_way_through_json() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    // As a stage runs it: on another thread than the one that opened it.
    let path = folder.path().join("comments.db");
    let store = tokio::spawn(async move { SqliteStore::open(path).await }).await??;
    let samples: Vec<Sample> = (0..2000u64)
        .map(|at| {
            let mut sample = Sample::at(at as i64);
            let score = f64::from_bits(at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            sample.event.score =
                if score.is_finite() && score.abs() < 1e12 && score.abs() > 1e-12 { score } else { at as f64 / 7.0 };
            sample
        })
        .collect();
    store.save(&samples.iter().map(Sample::change).collect::<Vec<_>>()).await?;
    let fates = store.fates(&samples.iter().map(|sample| sample.id).collect::<Vec<_>>()).await?;
    for (sample, fate) in samples.iter().zip(fates) {
        let Some(Fate::Stored(stored)) = fate else { panic!("{fate:?}") };
        assert_eq!(stored.score.to_bits(), sample.event.score.to_bits(), "{}", sample.event.score);
    }
    Ok(())
}

#[tokio::test]
async fn a_folder_that_is_not_there_may_come() {
    let store = SqliteStore::open("/nowhere/at/all/comments.db").await;
    assert!(matches!(store, Err(StoreError::Unavailable(_))));
}
