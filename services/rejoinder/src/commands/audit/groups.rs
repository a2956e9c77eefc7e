use std::collections::BTreeMap;

use anyhow::Result;
use rejoinder_pipeline::{Position, Records};
use rejoinder_proto::Topic;

/// The stages that a comment passes on its way into the store.
pub const STAGES: [&str; 3] = ["validator", "spam-filter", "comment-store"];

/// How far each stage was when the audit began.
pub struct Groups(BTreeMap<(&'static str, Topic, i32), i64>);

impl Groups {
    /// Asks for all of them.
    pub fn read(log: &dyn Records) -> Result<Self> {
        let mut groups = BTreeMap::new();
        for stage in STAGES {
            for ((topic, partition), next) in log.committed(&format!("rejoinder-{stage}"))? {
                groups.insert((stage, topic, partition), next);
            }
        }
        Ok(Self(groups))
    }

    /// Whether a stage was done with a record.
    pub fn is_past(&self, stage: &'static str, position: Position) -> bool {
        let Position { topic, partition, offset } = position;
        self.0.get(&(stage, topic, partition)).is_some_and(|next| offset < *next)
    }
}

/// The stage that takes a comment on from a topic.
pub fn reader_of(topic: Topic) -> &'static str {
    match topic {
        Topic::Submitted => "validator",
        Topic::Validated => "spam-filter",
        _ => "comment-store",
    }
}
