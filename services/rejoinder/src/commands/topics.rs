use std::io::{self, Write};

use anyhow::{Context, Result, bail};
use rejoinder_pipeline::kafka::TopicState;

use crate::{acls, cli::TopicsCommand, config::Config, deployment};

/// `rejoinder topics`
pub fn run(config: &Config, command: &TopicsCommand) -> Result<()> {
    let log = deployment::kafka_log(config)?;
    let mut out = io::stdout().lock();
    if let TopicsCommand::Create(create) = command {
        for topic in log.create_topics()? {
            writeln!(out, "{}{topic}: created", config.kafka.prefix)?;
        }
        if create.acls {
            let acls = acls::all(&create.principal, &config.kafka.prefix)?;
            log.create_acls(&acls).context("the grants could not be made")?;
            for acl in acls {
                writeln!(out, "granted {acl}")?;
            }
        }
    }
    let topics = log.check_topics()?;
    for (topic, state) in &topics {
        writeln!(out, "{}{topic}: {state}", config.kafka.prefix)?;
    }
    if topics.values().any(|state| *state != TopicState::Right) {
        bail!("the topics differ from the configuration");
    }
    Ok(())
}
