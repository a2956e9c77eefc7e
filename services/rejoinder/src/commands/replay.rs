//! Rebuilds the comment store from the log.
//!
//! What the store reads is saved again in the order in which it came: a thread's records share a partition, so each
//! partition is done on its own, and within it the topics are merged by the time of appending. The rejections that the
//! store itself wrote go first: then of two copies of a comment the same one wins again. Nothing is published, and no
//! group's offset moves. What the store answers is compared with what the log says that it answered then.

mod compare;
mod merge;

use std::collections::HashSet;

use anyhow::{Context, Result, bail};
use rejoinder_comment_store::{
    Change, Input, Saved, StoreError,
    inspect::{Inspect, checksum},
    row::RowState,
};
use rejoinder_pipeline::{Delivered, Position, Range, Records, is_for};
use rejoinder_proto::{Event, Topic, headers::name};
use uuid::Uuid;

use self::{compare::Compare, merge::Merged};
use super::{audit::Groups, checksum::print, dead_letters::letters};
use crate::{
    cli::{ReplayArgs, times},
    config::{Config, Deployment},
    deployment,
};

/// Records saved in one transaction, as the store's own stage has them.
const BATCH: usize = 1_000;
/// Of how many records it is remembered that the store gave them up; tens of megabytes.
const DEAD: usize = 500_000;
/// The stage whose store is rebuilt.
const STAGE: &str = "comment-store";

/// `rejoinder replay`
pub async fn run(config: &Config, args: &ReplayArgs) -> Result<()> {
    let log: std::sync::Arc<dyn Records> = match (config.deployment, &args.database) {
        // The store that belongs to the workers of this data folder: they must not write to it meanwhile.
        (Deployment::Embedded, None) => {
            deployment::records(config)?;
            std::sync::Arc::new(deployment::embedded_log(config)?)
        }
        _ => deployment::records(config)?,
    };
    let store = deployment::store_in(args.database.as_deref(), config, true).await?;
    if !store.rows(None, 1).await?.is_empty() || !store.decisions(None, 1).await?.is_empty() {
        bail!(
            "the comment store is not empty, and a replay fills an empty one; give another by --database, or move this one \
             away first"
        );
    }
    let range = times(args.from, args.to);
    let mut rebuild = Rebuild {
        log: log.as_ref(),
        store: store.as_ref(),
        dead: given_up(log.as_ref())?,
        compare: Compare::begin(log.as_ref(), Groups::read(log.as_ref())?, range == Range::default())?,
        range,
    };
    for partition in 0..rebuild.partitions()? {
        rebuild.own_rejections(partition).await?;
        rebuild.partition(partition).await?;
    }
    rebuild.compare.finish(log.as_ref())?;
    print(&checksum(store.as_ref()).await?)?;
    match rebuild.compare.differing {
        0 => Ok(()),
        differing => {
            bail!("{differing} answers of the store differ from what the log says happened; they are listed above")
        }
    }
}

/// The records that the store's stage gave up when they came: they did not change the store then.
fn given_up(log: &dyn Records) -> Result<HashSet<Position>> {
    let mut dead = HashSet::new();
    letters::each(log, &Default::default(), |letter| {
        let letter = letter.letter;
        if let Ok(topic) = letter.topic.parse::<Topic>()
            && letter.stage == STAGE
        {
            dead.insert(Position { topic, partition: letter.partition, offset: letter.offset });
        }
        if dead.len() > DEAD {
            bail!("the comment store has more than {DEAD} dead letters, which is more than a replay can remember");
        }
        Ok(())
    })?;
    Ok(dead)
}

struct Rebuild<'a> {
    log: &'a dyn Records,
    store: &'a dyn Inspect,
    dead: HashSet<Position>,
    compare: Compare,
    range: Range,
}

impl Rebuild<'_> {
    fn partitions(&self) -> Result<i32> {
        let mut most = 0;
        for topic in Input::TOPICS {
            most = most.max(self.log.partitions(*topic)?);
        }
        Ok(most)
    }

    fn part(&self, partition: i32) -> Range {
        Range { partition: Some(partition), ..self.range.clone() }
    }

    /// Saves the rejections that the store wrote about second copies.
    async fn own_rejections(&mut self, partition: i32) -> Result<()> {
        if partition >= self.log.partitions(Topic::Rejected)? {
            return Ok(());
        }
        let mut reader = self.log.read(Topic::Rejected, &self.part(partition))?;
        while let Some(chunk) = reader.next()? {
            let mut own = Vec::new();
            for delivered in chunk.iter().filter(|delivered| is_own(delivered)) {
                own.extend(self.change(delivered)?.map(|(change, _)| change));
            }
            self.store.save(&own).await.context("saving the store's own rejections")?;
        }
        Ok(())
    }

    /// Saves everything else of a partition.
    async fn partition(&mut self, partition: i32) -> Result<()> {
        let mut merged = Merged::new();
        for topic in Input::TOPICS {
            if partition < self.log.partitions(*topic)? {
                merged.add(self.log.read(*topic, &self.part(partition))?);
            }
        }
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(delivered) = merged.next()? {
            if is_own(&delivered) {
                continue;
            }
            self.compare.starts_at(delivered.position);
            batch.extend(self.change(&delivered)?);
            if batch.len() >= BATCH {
                self.save(std::mem::take(&mut batch)).await?;
            }
        }
        self.save(batch).await
    }

    /// The change that a record asks for; none where the store's stage passed it over or gave it up.
    fn change(&mut self, delivered: &Delivered) -> Result<Option<(Change, Position)>> {
        let Delivered { position, record, .. } = delivered;
        if !is_for(STAGE, record) || self.dead.contains(position) {
            return Ok(None);
        }
        match Input::decode(position.topic, &record.headers, record.payload.as_deref()) {
            Ok(input) => Ok(Some((input.into(), *position))),
            Err(error) => {
                self.compare.unusable(*position, &error.to_string())?;
                Ok(None)
            }
        }
    }

    async fn save(&mut self, batch: Vec<(Change, Position)>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (changes, positions): (Vec<Change>, Vec<Position>) = batch.into_iter().unzip();
        let ids: Vec<Uuid> = changes.iter().filter_map(|change| Uuid::parse_str(id(change)).ok()).collect();
        let known = self.store.known(&ids).await?;
        let rejected: HashSet<Uuid> =
            known.into_iter().filter(|row| row.state == RowState::Rejected).map(|row| row.id).collect();
        let answers = match self.store.save(&changes).await {
            Ok(saved) => saved.into_iter().map(Some).collect(),
            Err(StoreError::Refused(_)) => self.one_by_one(&changes, &positions).await?,
            Err(error) => return Err(error).context("saving"),
        };
        for ((change, position), answer) in changes.iter().zip(positions).zip(answers) {
            match answer {
                Some(Saved::Published(event)) => self.compare.published(position, &event)?,
                Some(Saved::Duplicate(_)) => {
                    let told = Uuid::parse_str(id(change)).is_ok_and(|id| rejected.contains(&id));
                    self.compare.duplicate(position, id(change), told)?;
                }
                Some(Saved::Quiet) | None => {}
            }
        }
        Ok(())
    }

    /// As the stage does it: what the database refuses is passed over, and told.
    async fn one_by_one(&mut self, changes: &[Change], positions: &[Position]) -> Result<Vec<Option<Saved>>> {
        let mut answers = Vec::with_capacity(changes.len());
        for (change, position) in changes.iter().zip(positions) {
            match self.store.save(std::slice::from_ref(change)).await {
                Ok(saved) => answers.extend(saved.into_iter().map(Some)),
                Err(StoreError::Refused(why)) => {
                    self.compare.unusable(*position, &why)?;
                    answers.push(None);
                }
                Err(error) => return Err(error).context("saving"),
            }
        }
        Ok(answers)
    }
}

/// Whether the store itself wrote a rejection.
fn is_own(delivered: &Delivered) -> bool {
    delivered.position.topic == Topic::Rejected
        && delivered.record.headers.text(name::CE_SOURCE) == Some("/rejoinder/comment-store")
}

fn id(change: &Change) -> &str {
    match change {
        Change::Screened(event) => Event::id(event.as_ref()),
        Change::Moderated(event) => Event::id(event),
        Change::Rejected(event) => Event::id(event),
    }
}
