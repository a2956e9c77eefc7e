use std::time::Duration;

use prost::Message;
use rejoinder_pipeline::{Delivered, LogError, Records, log::Start};
use rejoinder_proto::{
    Event, Topic, from_millis, millis, now,
    v1::{CommentScreened, Verdict},
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
        let heard: Vec<_> = records.iter().filter_map(|record| Some((record, Heard::of(record)?))).collect();
        // What this process has screened is known.
        let index = campaigns.lock();
        let known: Vec<_> = heard.iter().map(|(_, heard)| index.knows(heard.id)).collect();
        drop(index);
        // Outside of the lock: the stage must not wait for it.
        let sample = |((record, _), known): (&(&Delivered, Heard), bool)| {
            if known { None } else { Sample::of(&decoded(record)?.comment?) }
        };
        let samples: Vec<_> = heard.iter().zip(known).map(sample).collect();
        let mut index = campaigns.lock();
        for ((_, Heard { id, campaign, revision, stands }), sample) in heard.iter().zip(&samples) {
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

/// What a record says of a comment that is known.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    id: Uuid,
    campaign: Option<Uuid>,
    revision: i32,
    stands: Stands,
}

impl Heard {
    /// `None` when it is not what the topic carries, which the stages after this one deal with.
    fn of(delivered: &Delivered) -> Option<Self> {
        let brief = Brief::decode(delivered.record.payload.as_deref()?).ok()?;
        Some(Self {
            id: Uuid::parse_str(&brief.comment.as_ref()?.id).ok()?,
            campaign: Uuid::parse_str(&brief.campaign).ok(),
            revision: brief.revision,
            stands: Stands::by(brief.verdict(), brief.signals.iter().map(|signal| signal.name.as_str())),
        })
    }
}

fn decoded(delivered: &Delivered) -> Option<CommentScreened> {
    let Delivered { position, record, .. } = delivered;
    Event::decode(position.topic, &record.headers, record.payload.as_deref()).ok()
}

/// What is read of a [`CommentScreened`] whose comment is known, by the numbers of its fields. This process hears again of
/// all that it has screened itself, and most of reading that would be copying texts.
#[derive(Clone, PartialEq, Message)]
struct Brief {
    #[prost(message, optional, tag = "1")]
    comment: Option<BriefComment>,
    #[prost(enumeration = "Verdict", tag = "2")]
    verdict: i32,
    #[prost(message, repeated, tag = "3")]
    signals: Vec<BriefSignal>,
    #[prost(int32, tag = "7")]
    revision: i32,
    #[prost(string, tag = "8")]
    campaign: String,
}

#[derive(Clone, PartialEq, Message)]
struct BriefComment {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct BriefSignal {
    #[prost(string, tag = "1")]
    name: String,
}

#[cfg(test)]
mod tests {
    use rejoinder_pipeline::{Position, Record};
    use rejoinder_proto::{
        headers::Headers,
        v1::{Comment, Signal},
    };

    use super::*;
    use crate::signals::name;

    fn screened(verdict: Verdict, signals: &[&str]) -> CommentScreened {
        let signals =
            signals.iter().map(|name| Signal { name: (*name).into(), reason: "so it is".into(), ..Signal::default() });
        CommentScreened {
            comment: Some(Comment { id: Uuid::now_v7().into(), text: "Well said.".into(), ..Comment::default() }),
            verdict: verdict.into(),
            signals: signals.collect(),
            score: 1.5,
            policy_version: "p".into(),
            model_version: "m".into(),
            revision: 3,
            campaign: Uuid::now_v7().into(),
            trials: Vec::new(),
        }
    }

    fn delivered(record: Record) -> Delivered {
        let record = Record { headers: Headers::new(), ..record };
        Delivered { position: Position { topic: Topic::Screened, partition: 0, offset: 7 }, appended_at: now(), record }
    }

    #[test]
    fn what_is_read_of_a_known_comment_is_what_its_record_says() {
        let followed = screened(Verdict::Spam, &[name::LINKS, name::CAMPAIGN_DECIDED]);
        for screened in [screened(Verdict::Hold, &[]), screened(Verdict::Spam, &[name::LINKS]), followed] {
            let expected = Heard {
                id: Uuid::parse_str(&screened.comment.as_ref().expect("it has one").id).expect("it is one"),
                campaign: Uuid::parse_str(&screened.campaign).ok(),
                revision: 3,
                stands: Stands::of(&screened),
            };
            let delivered = delivered(Record::of(&screened, "/test", "00-x"));
            assert_eq!(Heard::of(&delivered), Some(expected));
            assert_eq!(decoded(&delivered), Some(screened));
        }
    }

    #[test]
    fn what_is_no_screening_is_passed_over() {
        let mut record = Record::of(&screened(Verdict::Hold, &[]), "/test", "00-x");
        record.payload = Some(vec![0xff; 9]);
        assert_eq!(Heard::of(&delivered(record.clone())), None);
        record.payload = None;
        assert_eq!(Heard::of(&delivered(record)), None);
    }
}
