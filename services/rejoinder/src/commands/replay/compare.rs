//! What the store answers now against what the log says that it answered then.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use anyhow::Result;
use rejoinder_pipeline::{Delivered, Position, Range, Records};
use rejoinder_proto::{Event, Topic, v1};

use crate::commands::audit::{Bloom, Digest, Groups, digest};

/// Compares in a fixed amount of memory. An answer that the log does not have is taken for one that it has once in many
/// thousand times; the checksum misses nothing.
pub struct Compare {
    groups: Groups,
    /// What comments.published has; nothing when only a part of the log is replayed, or its start is gone.
    log: Bloom,
    store: Bloom,
    whole: bool,
    begun: HashSet<(Topic, i32)>,
    /// Answers that differ.
    pub differing: u64,
}

impl Compare {
    /// Reads what was published.
    pub fn begin(log: &dyn Records, groups: Groups, whole: bool) -> Result<Self> {
        let mut compare =
            Self { groups, log: Bloom::new(), store: Bloom::new(), whole, begun: HashSet::new(), differing: 0 };
        if whole {
            each_published(log, |position, event| {
                compare.starts_at(position);
                compare.log.insert(&what(event));
                Ok(())
            })?;
        }
        Ok(compare)
    }

    /// A record that is read: the first of its partition tells whether the log still has its start. Rejections are never
    /// announced, so theirs does not matter.
    pub fn starts_at(&mut self, position: Position) {
        if self.begun.insert((position.topic, position.partition))
            && position.topic != Topic::Rejected
            && position.offset > 0
            && self.whole
        {
            self.whole = false;
            let (topic, partition, offset) = (position.topic, position.partition, position.offset);
            tracing::warn!(%topic, partition, offset, "the log may have lost its start: the answers are not compared with what was published");
        }
    }

    /// The store announces a change.
    pub fn published(&mut self, position: Position, event: &v1::CommentPublished) -> Result<()> {
        let what = what(event);
        self.store.insert(&what);
        // A record that the store had not come to has nothing in the log yet.
        if self.whole && self.groups.is_past("comment-store", position) && !self.log.may_hold(&what) {
            self.differ(&event.id, "is announced now, and comments.published has no such event")?;
        }
        Ok(())
    }

    /// The store takes a comment for a second copy; `told` says that the log has its rejection.
    pub fn duplicate(&mut self, position: Position, id: &str, told: bool) -> Result<()> {
        if !told && self.groups.is_past("comment-store", position) {
            self.differ(id, "is rejected as a second copy now, and was not then")?;
        }
        Ok(())
    }

    /// A record that cannot be saved, though the store did not give it up then.
    pub fn unusable(&mut self, position: Position, why: &str) -> Result<()> {
        let Position { topic, partition, offset } = position;
        self.differ(&format!("{topic} {partition}:{offset}"), &format!("cannot be saved: {why}"))
    }

    /// Looks for what was published then and is not now.
    pub fn finish(&mut self, log: &dyn Records) -> Result<()> {
        if !self.whole {
            return Ok(());
        }
        each_published(log, |_, event| {
            if self.store.may_hold(&what(event)) {
                return Ok(());
            }
            self.differ(&event.id, "was announced then, and is not now")
        })
    }

    fn differ(&mut self, id: &str, how: &str) -> Result<()> {
        self.differing += 1;
        Ok(writeln!(io::stdout(), "DIFFERS    {id} {how}")?)
    }
}

fn each_published(
    log: &dyn Records,
    mut visit: impl FnMut(Position, &v1::CommentPublished) -> Result<()>,
) -> Result<()> {
    let mut reader = log.read(Topic::Published, &Range::default())?;
    while let Some(chunk) = reader.next()? {
        for Delivered { position, record, .. } in chunk {
            let event =
                <v1::CommentPublished as Event>::decode(position.topic, &record.headers, record.payload.as_deref());
            if let Ok(event) = event {
                visit(position, &event)?;
            }
        }
    }
    Ok(())
}

/// The whole event.
fn what(event: &v1::CommentPublished) -> Digest {
    digest(&[&Event::encode(event)])
}
