use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use rejoinder_pipeline::{Live, Outcome, Reason, Received, Stage, Transient};
use rejoinder_proto::{
    DecodeError, Event, Timestamp, Topic,
    headers::Headers,
    trace::TraceContext,
    v1::{self, Action},
};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{NewMail, Outbox, OutboxError, Policy, metrics::Metrics, row_id};

/// Writes into the outbox whom to tell about held comments, and takes out what nobody need be told any more.
pub struct Notifier {
    sites: Live<HashMap<String, Policy>>,
    outbox: Arc<dyn Outbox>,
    wake: Arc<Notify>,
    metrics: Metrics,
}

impl Notifier {
    /// `wake` is the sender's, when it runs in the same process.
    pub fn new(sites: impl Into<Live<HashMap<String, Policy>>>, outbox: Arc<dyn Outbox>, wake: Arc<Notify>) -> Self {
        Self { sites: sites.into(), outbox, wake, metrics: Metrics::new() }
    }
}

/// What the notifier reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A comment with its verdict.
    Screened(Box<v1::CommentScreened>),
    /// A moderator's decision.
    Moderated(Box<v1::CommentModerated>),
}

/// What an event asks of the outbox.
enum Step {
    Nothing,
    /// These mails about a comment.
    Owe(Uuid, Vec<NewMail>),
    /// No mail about a comment.
    Withdraw(Uuid),
}

impl Stage for Notifier {
    const NAME: &'static str = "notifier";
    type In = Input;
    type Out = Nothing;

    async fn process(&mut self, batch: &[Received<Input>]) -> Result<Vec<Outcome<Nothing>>, Transient> {
        let sites = self.sites.now();
        // The last word about a comment counts; nothing of the batch has reached the outbox before.
        let mut last: HashMap<Uuid, Option<Vec<NewMail>>> = HashMap::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for received in batch {
            let step = match &received.event {
                Input::Screened(event) => screened(&sites, event, received.trace),
                Input::Moderated(event) => Ok(moderated(event)),
            };
            match step {
                Ok(Step::Nothing) => {}
                Ok(Step::Owe(id, mails)) => drop(last.insert(id, Some(mails))),
                Ok(Step::Withdraw(id)) => drop(last.insert(id, None)),
                Err(reason) => {
                    outcomes.push(Outcome::Reject(reason));
                    continue;
                }
            }
            outcomes.push(Outcome::Emit(Vec::new()));
        }
        let away = |error: OutboxError| Transient::new("database", error);
        let withdrawn: Vec<Uuid> = last.iter().filter(|(_, mails)| mails.is_none()).map(|(id, _)| *id).collect();
        if !withdrawn.is_empty() {
            let mails = self.outbox.withdraw(Utc::now(), &withdrawn).await.map_err(away)?;
            self.metrics.withdrawn(mails);
        }
        let owed: Vec<NewMail> = last.into_values().flatten().flatten().collect();
        if !owed.is_empty() {
            self.outbox.enqueue(&owed).await.map_err(away)?;
            self.wake.notify_one();
        }
        Ok(outcomes)
    }
}

/// A hold owes each moderator of its site a mail. A later screening that needs nobody takes back what an earlier one owed; a
/// first screening has no earlier one.
fn screened(
    sites: &HashMap<String, Policy>,
    event: &v1::CommentScreened,
    trace: Option<TraceContext>,
) -> Result<Step, Reason> {
    if event.verdict() != v1::Verdict::Hold {
        let needs_nobody = matches!(event.verdict(), v1::Verdict::Approve | v1::Verdict::Spam) && event.revision > 0;
        let id = Uuid::parse_str(Event::id(event)).ok().filter(|_| needs_nobody);
        return Ok(id.map_or(Step::Nothing, Step::Withdraw));
    }
    let comment = event.comment.as_ref().ok_or_else(|| Reason::impossible("the event has no comment"))?;
    let policy = sites.get(&comment.site).ok_or_else(|| {
        Reason::impossible(format!("the site {:?} is not configured here; add it, then replay the event", comment.site))
    })?;
    if !policy.notify_held {
        return Ok(Step::Nothing);
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
        trace,
    };
    Ok(Step::Owe(id, policy.moderators.iter().map(|moderator| mail(&moderator.name)).collect()))
}

/// A decision about a comment needs nobody to be asked. What the store will refuse, or what decides about no comment's state,
/// leaves the mail where it is: the comment still waits.
fn moderated(event: &v1::CommentModerated) -> Step {
    let decides = matches!(event.action(), Action::Approve | Action::Spam | Action::Trash);
    let at = event.decided_at.as_ref().and_then(|at| DateTime::from_timestamp(at.seconds, at.nanos.try_into().ok()?));
    let is_kept = at.is_some() && ![&event.site, &event.moderator].iter().any(|text| text.contains('\0'));
    match Uuid::try_parse(&event.id) {
        Ok(id) if decides && is_kept => Step::Withdraw(id),
        _ => Step::Nothing,
    }
}

impl Event for Input {
    const TOPICS: &'static [Topic] = &[Topic::Screened, Topic::Moderated];

    fn decode(topic: Topic, headers: &Headers, payload: Option<&[u8]>) -> Result<Self, DecodeError> {
        match topic {
            Topic::Screened => Event::decode(topic, headers, payload).map(|event| Input::Screened(Box::new(event))),
            Topic::Moderated => Event::decode(topic, headers, payload).map(|event| Input::Moderated(Box::new(event))),
            other => Err(DecodeError::Topic(other)),
        }
    }

    fn topic(&self) -> Topic {
        match self {
            Input::Screened(event) => Event::topic(event.as_ref()),
            Input::Moderated(event) => Event::topic(event.as_ref()),
        }
    }

    fn id(&self) -> &str {
        match self {
            Input::Screened(event) => Event::id(event.as_ref()),
            Input::Moderated(event) => Event::id(event.as_ref()),
        }
    }

    fn key(&self) -> String {
        match self {
            Input::Screened(event) => Event::key(event.as_ref()),
            Input::Moderated(event) => Event::key(event.as_ref()),
        }
    }

    fn time(&self) -> Option<&Timestamp> {
        match self {
            Input::Screened(event) => Event::time(event.as_ref()),
            Input::Moderated(event) => Event::time(event.as_ref()),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Input::Screened(event) => Event::encode(event.as_ref()),
            Input::Moderated(event) => Event::encode(event.as_ref()),
        }
    }
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
mod tests;
