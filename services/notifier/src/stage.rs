use std::{collections::HashMap, sync::Arc};

use chrono::Utc;
use rejoinder_pipeline::{Outcome, Reason, Received, Stage, Transient};
use rejoinder_proto::{DecodeError, Event, Timestamp, Topic, headers::Headers, v1};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{NewMail, Outbox, Policy, row_id};

/// Writes into the outbox whom to tell about held comments.
pub struct Notifier {
    sites: Arc<HashMap<String, Policy>>,
    outbox: Arc<dyn Outbox>,
    wake: Arc<Notify>,
}

impl Notifier {
    /// `wake` is the sender's, when it runs in the same process.
    pub fn new(sites: Arc<HashMap<String, Policy>>, outbox: Arc<dyn Outbox>, wake: Arc<Notify>) -> Self {
        Self { sites, outbox, wake }
    }
}

impl Stage for Notifier {
    const NAME: &'static str = "notifier";
    type In = v1::CommentScreened;
    type Out = Nothing;

    async fn process(&mut self, batch: &[Received<v1::CommentScreened>]) -> Result<Vec<Outcome<Nothing>>, Transient> {
        let mut mails = Vec::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for received in batch {
            match owed(&self.sites, &received.event) {
                Ok(rows) => {
                    mails.extend(rows);
                    outcomes.push(Outcome::Emit(Vec::new()));
                }
                Err(reason) => outcomes.push(Outcome::Reject(reason)),
            }
        }
        if !mails.is_empty() {
            self.outbox.enqueue(&mails).await.map_err(|error| Transient::new("database", error))?;
            self.wake.notify_one();
        }
        Ok(outcomes)
    }
}

/// The mails that one screened comment causes: one for each moderator of its site when it is held.
fn owed(sites: &HashMap<String, Policy>, event: &v1::CommentScreened) -> Result<Vec<NewMail>, Reason> {
    if event.verdict() != v1::Verdict::Hold {
        return Ok(Vec::new());
    }
    let comment = event.comment.as_ref().ok_or_else(|| Reason::impossible("the event has no comment"))?;
    let policy = sites.get(&comment.site).ok_or_else(|| {
        Reason::impossible(format!("the site {:?} is not configured here; add it, then replay the event", comment.site))
    })?;
    if !policy.notify_held {
        return Ok(Vec::new());
    }
    let id = Uuid::parse_str(&comment.id).map_err(|_| Reason::impossible("the comment's id is not a UUID"))?;
    let bytes = event.encode();
    let mail = |name: &String| NewMail {
        id: row_id(id, name),
        comment: id,
        site: comment.site.clone(),
        moderator: name.clone(),
        event: bytes.clone(),
        created_at: Utc::now(),
    };
    Ok(policy.moderators.iter().map(|moderator| mail(&moderator.name)).collect())
}

/// What the notifier writes to the log: nothing. It has no values, so the compiler knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Nothing {}

impl Event for Nothing {
    const TOPICS: &'static [Topic] = &[];

    fn decode(topic: Topic, _: &Headers, _: Option<&[u8]>) -> Result<Self, DecodeError> {
        Err(DecodeError::Topic(topic))
    }

    fn topic(&self) -> Topic {
        match *self {}
    }

    fn id(&self) -> &str {
        match *self {}
    }

    fn key(&self) -> String {
        match *self {}
    }

    fn time(&self) -> Option<&Timestamp> {
        match *self {}
    }

    fn encode(&self) -> Vec<u8> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Depth, MemoryOutbox, Moderator, samples};
    use rejoinder_pipeline::Position;

    fn stage(policy: Policy) -> (Notifier, Arc<MemoryOutbox>, Arc<Notify>) {
        let (outbox, wake) = (Arc::new(MemoryOutbox::new()), Arc::new(Notify::new()));
        let sites = Arc::new(HashMap::from([("news".to_owned(), policy)]));
        (Notifier::new(sites, outbox.clone(), wake.clone()), outbox, wake)
    }

    fn two_moderators() -> Policy {
        let moderator = |name: &str| Moderator {
            name: name.into(),
            email: format!("{name}@news.example").parse().expect("an address"),
        };
        Policy { moderators: vec![moderator("amin"), moderator("sara")], ..Policy::default() }
    }

    fn received(verdict: v1::Verdict, site: &str) -> Received<v1::CommentScreened> {
        let mut event = samples::screened();
        event.verdict = verdict.into();
        event.comment.get_or_insert_default().site = site.into();
        Received { event, position: Position { topic: Topic::Screened, partition: 0, offset: 0 } }
    }

    #[tokio::test]
    async fn a_held_comment_owes_a_mail_to_each_moderator_once() {
        let (mut stage, outbox, wake) = stage(two_moderators());
        let batch = [received(v1::Verdict::Hold, "news"), received(v1::Verdict::Hold, "news")];
        for _ in 0..2 {
            let outcomes = stage.process(&batch).await.expect("the outbox is there");
            assert_eq!(outcomes, [Outcome::Emit(Vec::new()), Outcome::Emit(Vec::new())]);
        }
        assert_eq!(outbox.depth().await.expect("counts"), Depth { pending: 2, ..Depth::default() });
        wake.notified().await;
    }

    #[tokio::test]
    async fn nobody_is_told_of_what_is_not_held_or_where_nobody_wants_it() {
        let (mut stage, outbox, _) = stage(Policy { notify_held: false, ..two_moderators() });
        let batch =
            [v1::Verdict::Approve, v1::Verdict::Spam, v1::Verdict::Hold].map(|verdict| received(verdict, "news"));
        let outcomes = stage.process(&batch).await.expect("the outbox is there");
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Emit(Vec::new())));
        assert_eq!(outbox.depth().await.expect("counts"), Depth::default());
    }

    #[tokio::test]
    async fn an_unknown_site_goes_to_the_dead_letters_and_the_rest_is_served() {
        let (mut stage, outbox, _) = stage(two_moderators());
        let batch = [received(v1::Verdict::Hold, "elsewhere"), received(v1::Verdict::Hold, "news")];
        let outcomes = stage.process(&batch).await.expect("the outbox is there");
        assert!(matches!(&outcomes[0], Outcome::Reject(reason) if reason.code == "impossible"));
        assert_eq!(outcomes[1], Outcome::Emit(Vec::new()));
        assert_eq!(outbox.depth().await.expect("counts").pending, 2);
    }
}
