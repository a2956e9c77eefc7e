use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rejoinder_pipeline::{Outcome, Position, Received, Stage, Transient};
use rejoinder_proto::{Topic, from_millis, v1};
use rejoinder_validator::{Facts, History, Output, Parent, Policy, Query, Validator};
use uuid::Uuid;

/// When the tests take place, in milliseconds.
pub const NOW: i64 = 1_750_000_000_000;

/// A comment with nothing wrong, as number `n`: each has its own id, words and author.
pub fn submitted(n: u64) -> v1::CommentSubmitted {
    v1::CommentSubmitted {
        id: id(n).to_string(),
        site: "news".into(),
        thread: Some(v1::Thread { id: "a".into(), title: "An article".into(), ..Default::default() }),
        parent_id: String::new(),
        author: Some(v1::Author {
            name: format!("Reader {n}"),
            email: format!("reader{n}@example.org"),
            url: String::new(),
        }),
        body: format!("Well said, number {n}."),
        client: Some(v1::Client { ip: format!("192.0.2.{}", n % 250), ..Default::default() }),
        submitted_at: Some(from_millis(NOW)),
    }
}

/// The id of comment number `n`.
pub fn id(n: u64) -> Uuid {
    Uuid::from_u128((0x0190_163d_8694_739b_aea5 << 48) | u128::from(n))
}

/// Comment `n` as an answer to comment `to`.
pub fn reply(n: u64, to: u64) -> v1::CommentSubmitted {
    v1::CommentSubmitted { parent_id: id(to).to_string(), ..submitted(n) }
}

/// On another thread.
pub fn elsewhere(mut event: v1::CommentSubmitted) -> v1::CommentSubmitted {
    event.thread.get_or_insert_default().id = "b".into();
    event
}

/// An event at an offset of partition 0.
pub fn at(offset: i64, event: v1::CommentSubmitted) -> Received<v1::CommentSubmitted> {
    on(0, offset, event)
}

/// An event at an offset of a partition.
pub fn on(partition: i32, offset: i64, event: v1::CommentSubmitted) -> Received<v1::CommentSubmitted> {
    Received { event, position: Position { topic: Topic::Submitted, partition, offset }, trace: None }
}

/// A history in memory, filled with what a stage has put out.
#[derive(Debug, Default)]
pub struct Memory {
    pub stored: Mutex<Vec<Stored>>,
    pub down: Mutex<bool>,
    pub asked: Mutex<Vec<usize>>,
}

#[derive(Clone, Debug)]
pub enum Stored {
    Comment { comment: Box<v1::Comment>, answerable: bool },
    Rejected(v1::CommentRejected),
}

impl Memory {
    pub fn save(&self, outcomes: &[Outcome<Output>]) {
        let mut stored = self.stored.lock().expect("no test panics here");
        for output in outputs(outcomes) {
            stored.push(match output {
                Output::Validated(event) => {
                    let comment = Box::new(event.comment.clone().expect("a validated comment"));
                    Stored::Comment { comment, answerable: true }
                }
                Output::Rejected(event) => Stored::Rejected(event.clone()),
            });
        }
    }

    /// A moderator took everything away.
    pub fn trash_all(&self) {
        for stored in self.stored.lock().expect("no test panics here").iter_mut() {
            if let Stored::Comment { answerable, .. } = stored {
                *answerable = false;
            }
        }
    }

    fn facts(&self, query: &Query) -> Facts {
        let mut facts = Facts::default();
        for stored in self.stored.lock().expect("no test panics here").iter() {
            match stored {
                Stored::Rejected(event) if event.id == query.id.to_string() => facts.known = event.origin,
                Stored::Rejected(event) if query.parent.is_some_and(|parent| event.id == parent.to_string()) => {
                    facts.parent = Some(Parent::Unanswerable);
                }
                Stored::Rejected(_) => {}
                Stored::Comment { comment, .. } if comment.id == query.id.to_string() => facts.known = comment.origin,
                Stored::Comment { comment, answerable } => {
                    let stored_id = Uuid::parse_str(&comment.id).expect("a valid id");
                    if query.parent == Some(stored_id) {
                        let thread = comment.thread.clone().unwrap_or_default().id;
                        let is_here = *answerable && comment.site == query.site;
                        facts.parent = Some(if is_here { Parent::Answerable { thread } } else { Parent::Unanswerable });
                    }
                    if *answerable && comment.fingerprint == query.fingerprint {
                        facts.duplicate_of = Some(stored_id);
                    }
                    let author = comment.author.clone().unwrap_or_default();
                    let client = comment.client.clone().unwrap_or_default();
                    let same_author = !query.email.is_empty() && author.email.to_lowercase() == query.email;
                    let same_ip = !query.ip.is_empty() && client.ip == query.ip;
                    let time = comment.submitted_at.expect("a time");
                    let time = DateTime::<Utc>::from_timestamp(time.seconds, time.nanos as u32).expect("a valid time");
                    if comment.site == query.site && (same_author || same_ip) && time <= query.submitted_at {
                        facts.last_comment_at = facts.last_comment_at.max(Some(time));
                    }
                }
            }
        }
        facts
    }
}

#[async_trait]
impl History for Memory {
    async fn look_up(&self, queries: &[Query]) -> Result<Vec<Facts>, Transient> {
        if *self.down.lock().expect("no test panics here") {
            return Err(Transient::new("database", "it is down"));
        }
        self.asked.lock().expect("no test panics here").push(queries.len());
        Ok(queries.iter().map(|query| self.facts(query)).collect())
    }
}

/// A validator for the site `news` and its history.
pub fn validator(policy: Policy) -> (Validator, Arc<Memory>) {
    let history = Arc::new(Memory::default());
    (beside(&history, policy), history)
}

/// Another validator on the same history: a restarted worker, or a second replica.
pub fn beside(history: &Arc<Memory>, policy: Policy) -> Validator {
    let policies = HashMap::from([("news".to_owned(), policy.clone()), ("other".to_owned(), policy)]);
    Validator::new(Arc::new(policies), history.clone())
        .with_clock(|| DateTime::from_timestamp_millis(NOW).expect("a valid time"))
}

pub async fn process(stage: &mut Validator, batch: &[Received<v1::CommentSubmitted>]) -> Vec<Outcome<Output>> {
    let outcomes = stage.process(batch).await.expect("the history answers");
    assert_eq!(outcomes.len(), batch.len());
    outcomes
}

pub fn outputs(outcomes: &[Outcome<Output>]) -> Vec<&Output> {
    outcomes
        .iter()
        .flat_map(|outcome| match outcome {
            Outcome::Emit(outputs) => outputs.as_slice(),
            Outcome::Reject(reason) => panic!("{reason:?}"),
        })
        .collect()
}

/// What became of each event, in short: `ok`, `nothing`, or the fields with the codes of their errors.
pub fn verdicts(outcomes: &[Outcome<Output>]) -> Vec<String> {
    outcomes.iter().map(verdict).collect()
}

fn verdict(outcome: &Outcome<Output>) -> String {
    match outcome {
        Outcome::Reject(reason) => format!("dead: {}", reason.code),
        Outcome::Emit(outputs) => match outputs.as_slice() {
            [] => "nothing".to_owned(),
            [Output::Validated(_)] => "ok".to_owned(),
            [Output::Rejected(event)] => {
                let errors: Vec<_> = event.errors.iter().map(|e| format!("{} {}", e.field, e.code)).collect();
                errors.join(", ")
            }
            more => panic!("{} outputs for one event", more.len()),
        },
    }
}
