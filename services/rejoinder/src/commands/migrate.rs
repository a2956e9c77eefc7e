use anyhow::Result;

use crate::{
    config::{Config, Deployment},
    deployment,
};

/// Brings the tables up to date. Several at once wait for each other.
pub async fn run(config: &Config) -> Result<()> {
    match config.deployment {
        Deployment::Embedded => {
            std::fs::create_dir_all(&config.data_dir)?;
            deployment::store(config).await?;
            deployment::outbox(config).await?;
        }
        Deployment::Distributed => {
            deployment::postgres_store(config).await?.migrate().await?;
            deployment::postgres_outbox(config).await?.migrate().await?;
        }
    }
    tracing::info!("the tables are up to date");
    Ok(())
}
