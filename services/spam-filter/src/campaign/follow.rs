use std::time::Duration;

use rejoinder_pipeline::{Delivered, LogError, Records, log::Start};
use rejoinder_proto::{
    Event, Topic, from_millis, millis, now,
    v1::{Comment, CommentScreened},
};
use uuid::Uuid;

use super::{Campaigns, Sample, Stands};

/// How long to wait for records before looking whether to stop.
const WAIT: Duration = Duration::from_millis(500);
/// How long to wait before the log is asked again.
const AGAIN: Duration = Duration::from_secs(2);
/// Records that came a moment before the last one may not have been read when the log went away.
const OVERLAP_MS: i64 = 60_000;

/// Tells `campaigns` what all filters have screened, this one and others, from the beginning of the window on, until
/// `stopped`. A log that is away is waited for: less is known meanwhile, and nothing stands still.
pub fn follow(log: &dyn Records, campaigns: &Campaigns, stopped: impl Fn() -> bool) {
    let (window, comments) = campaigns.lock().room();
    let mut from = millis(Some(&now())).saturating_sub(window);
    while !stopped() {
        let start = Start { from: from_millis(from), newest: comments };
        if let Err(error) = read(log, &start, campaigns, &stopped, &mut from) {
            tracing::warn!(%error, "other filters' comments cannot be read, trying again");
            std::thread::sleep(AGAIN);
        }
    }
}

fn read(
    log: &dyn Records,
    start: &Start,
    campaigns: &Campaigns,
    stopped: impl Fn() -> bool,
    from: &mut i64,
) -> Result<(), LogError> {
    let mut follower = log.follow(Topic::Screened, start)?;
    while !stopped() {
        let records = follower.poll(WAIT)?;
        let read: Vec<_> = records.iter().filter_map(screened).collect();
        // What this process has screened is known.
        let index = campaigns.lock();
        let known: Vec<_> = read.iter().map(|screened| index.knows(screened.id)).collect();
        drop(index);
        // Outside of the lock: the stage must not wait for it.
        let sample = |(screened, known): (&Screened, bool)| if known { None } else { Sample::of(&screened.comment) };
        let samples: Vec<_> = read.iter().zip(known).map(sample).collect();
        let mut index = campaigns.lock();
        for (Screened { id, campaign, revision, stands, .. }, sample) in read.iter().zip(&samples) {
            match sample {
                Some(sample) => {
                    index.insert(sample, *campaign);
                }
                None => index.tell_of(*id, *campaign),
            }
            index.hear(*id, *revision, *stands);
        }
        drop(index);
        if let Some(last) = records.last() {
            *from = (*from).max(millis(Some(&last.appended_at)) - OVERLAP_MS);
        }
    }
    Ok(())
}

/// What a record says.
struct Screened {
    id: Uuid,
    comment: Comment,
    campaign: Option<Uuid>,
    revision: i32,
    stands: Stands,
}

/// `None` when it is not what the topic carries, which the stages after this one deal with.
fn screened(delivered: &Delivered) -> Option<Screened> {
    let Delivered { position, record, .. } = delivered;
    let screened = CommentScreened::decode(position.topic, &record.headers, record.payload.as_deref()).ok()?;
    let (stands, campaign) = (Stands::of(&screened), Uuid::parse_str(&screened.campaign).ok());
    let comment = screened.comment?;
    Some(Screened { id: Uuid::parse_str(&comment.id).ok()?, comment, campaign, revision: screened.revision, stands })
}
