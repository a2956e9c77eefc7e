//! A log and a store in memory, standing at the transport.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    Change, Cursor, Decision, Facts, FactsQuery, Fate, Page, PublicComment, Saved, State, Store, StoreError,
    StoredComment, Tally,
};
use rejoinder_gateway::CommentCheck;
use rejoinder_pipeline::{Position, Publisher, Record, Transient, Unavailable};
use rejoinder_proto::{
    Event, Topic,
    v1::{self, Action},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// What the fake log does with a record.
pub enum Behaviour {
    Take,
    Fail,
    Hang,
    /// Takes a record when the test adds a permit.
    Wait(Arc<Semaphore>),
}

/// A log that keeps what it took.
pub struct MemoryLog {
    pub behaviour: Mutex<Behaviour>,
    pub records: Mutex<Vec<Record>>,
}

impl MemoryLog {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { behaviour: Mutex::new(Behaviour::Take), records: Mutex::default() })
    }

    pub fn set(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    pub fn len(&self) -> usize {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn last<E: Event>(&self) -> E {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let record = records.last().expect("a record was taken");
        E::decode(record.topic, &record.headers, record.payload.as_deref()).expect("an event of the topic")
    }

    pub fn header(&self, name: &str) -> String {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.last().and_then(|record| record.headers.text(name)).unwrap_or_default().to_owned()
    }
}

#[async_trait]
impl Publisher for MemoryLog {
    async fn append(&self, record: Record) -> Result<Position, Unavailable> {
        let permits = match &*self.behaviour.lock().unwrap_or_else(PoisonError::into_inner) {
            Behaviour::Take => None,
            Behaviour::Fail => return Err(Unavailable::Log("no leader".into())),
            Behaviour::Hang => Some(Arc::new(Semaphore::new(0))),
            Behaviour::Wait(permits) => Some(permits.clone()),
        };
        if let Some(permits) = permits {
            permits.acquire().await.expect("an open semaphore").forget();
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(record);
        Ok(Position { topic: Topic::Submitted, partition: 0, offset: records.len() as i64 })
    }
}

/// A store that keeps comments as they were put in.
#[derive(Default)]
pub struct MemoryStore {
    pub comments: Mutex<Vec<StoredComment>>,
    pub rejected: Mutex<HashMap<Uuid, Vec<v1::FieldError>>>,
    pub away: Mutex<bool>,
}

/// The `n`th comment of the tests, visible, on thread `a` of site `news`.
pub fn comment(n: u128) -> StoredComment {
    let id = id(n);
    StoredComment {
        public: PublicComment {
            id,
            thread: "a".into(),
            thread_title: "Title A".into(),
            thread_url: "https://news.example/a".into(),
            parent: None,
            depth: 0,
            author_name: "Ann".into(),
            author_url: String::new(),
            html: format!("<p>comment {n}</p>\n"),
            submitted_at: time(n as i64),
        },
        site: "news".into(),
        state: State::Approved,
        text: format!("comment {n}"),
        verdict: v1::Verdict::Approve,
        signals: Vec::new(),
        score: 0.0,
        policy_version: String::new(),
        model_version: String::new(),
        revision: 0,
        campaign: String::new(),
        decision: None,
    }
}

/// A UUIDv7 with a number in it.
pub fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_163d_8694_739b_aea5_0000_0000_0000 + n)
}

/// Minutes after a fixed moment.
pub fn time(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000 + minutes * 60, 0).expect("a time in range")
}

impl MemoryStore {
    pub fn add(&self, comment: StoredComment) -> Uuid {
        let id = comment.public.id;
        self.comments.lock().unwrap_or_else(PoisonError::into_inner).push(comment);
        id
    }

    pub fn moderate(&self, event: &v1::CommentModerated) {
        let mut comments = self.comments.lock().unwrap_or_else(PoisonError::into_inner);
        for comment in comments.iter_mut().filter(|comment| comment.public.id.to_string() == event.id) {
            comment.state = match event.action() {
                Action::Approve => State::Approved,
                Action::Spam => State::Spam,
                Action::Trash | Action::Unspecified | Action::Withdraw | Action::Reset => State::Trash,
            };
            comment.decision =
                Some(Decision { action: event.action(), moderator: event.moderator.clone(), at: Utc::now() });
        }
    }

    fn visible(&self, site: &str) -> Result<Vec<PublicComment>, StoreError> {
        if *self.away.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(StoreError::Unavailable("gone".into()));
        }
        let comments = self.comments.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = comments.iter().filter(|c| c.site == site && c.state == State::Approved);
        let mut seen: Vec<_> = seen.map(|c| c.public.clone()).collect();
        seen.sort_by_key(|c| c.submitted_at);
        Ok(seen)
    }
}

/// Puts every reply under its parent.
fn tree(all: &[PublicComment], parent: Option<Uuid>, into: &mut Vec<PublicComment>) {
    for comment in all.iter().filter(|comment| comment.parent == parent) {
        into.push(comment.clone());
        tree(all, Some(comment.id), into);
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn save(&self, _: &[Change]) -> Result<Vec<Saved>, StoreError> {
        Err(StoreError::Refused("the gateway never saves".into()))
    }

    async fn thread(&self, site: &str, thread: &str, cursor: Option<&Cursor>, limit: u32) -> Result<Page, StoreError> {
        let all: Vec<_> = self.visible(site)?.into_iter().filter(|c| c.thread == thread).collect();
        let mut ordered = Vec::new();
        tree(&all, None, &mut ordered);
        let from = cursor.map_or(0, |cursor| ordered.iter().position(|c| c.id == cursor.id).map_or(0, |at| at + 1));
        let comments: Vec<_> = ordered.iter().skip(from).take(limit as usize).cloned().collect();
        let more = from + comments.len() < ordered.len();
        // A path of one level, since nothing else can be written down.
        let cursor = |c: &PublicComment| Cursor { path: vec![1; rejoinder_comment_store::tree::SEGMENT], id: c.id };
        let next = comments.last().filter(|_| more).map(cursor);
        Ok(Page { comments, next })
    }

    async fn recent(&self, site: &str, limit: u32) -> Result<Vec<PublicComment>, StoreError> {
        Ok(self.visible(site)?.into_iter().rev().take(limit as usize).collect())
    }

    async fn counts(&self, site: &str, threads: &[String]) -> Result<Vec<u64>, StoreError> {
        let all = self.visible(site)?;
        Ok(threads.iter().map(|thread| all.iter().filter(|c| c.thread == *thread).count() as u64).collect())
    }

    async fn fates(&self, ids: &[Uuid]) -> Result<Vec<Option<Fate>>, StoreError> {
        self.visible("")?;
        let comments = self.comments.lock().unwrap_or_else(PoisonError::into_inner);
        let rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        let fate = |id: &Uuid| {
            let stored = comments.iter().find(|c| c.public.id == *id).map(|c| Fate::Stored(Box::new(c.clone())));
            stored.or_else(|| rejected.get(id).map(|errors| Fate::Rejected(errors.clone())))
        };
        Ok(ids.iter().map(fate).collect())
    }

    async fn facts(&self, _: &[FactsQuery]) -> Result<Vec<Facts>, StoreError> {
        Err(StoreError::Refused("the gateway never asks".into()))
    }

    async fn previously_approved(&self, _: &[(String, String, String)]) -> Result<Vec<bool>, StoreError> {
        Err(StoreError::Refused("the gateway never asks".into()))
    }

    async fn tally(&self, _: &[Uuid]) -> Result<Tally, StoreError> {
        Err(StoreError::Refused("the gateway never asks".into()))
    }
}

/// A spam filter that gives the verdict that its site is told to, and remembers what it was asked.
#[derive(Default)]
pub struct Filter {
    pub says: Mutex<Says>,
    /// With each comment, whether it counts.
    pub asked: Mutex<Vec<(v1::Comment, bool)>>,
}

/// What the fake filter answers.
#[derive(Clone, Default)]
pub enum Says {
    #[default]
    Nothing,
    Verdict(v1::Verdict, Vec<v1::Signal>),
    Away,
    Hangs,
}

impl Filter {
    pub fn set(&self, says: Says) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    pub fn last(&self) -> v1::Comment {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.last().expect("the filter was asked").0.clone()
    }
}

#[async_trait]
impl CommentCheck for Filter {
    async fn check(&self, comment: &v1::Comment, counts: bool) -> Result<v1::CommentScreened, Transient> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((comment.clone(), counts));
        let says = self.says.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match says {
            Says::Nothing => Ok(v1::CommentScreened { verdict: v1::Verdict::Approve.into(), ..Default::default() }),
            Says::Verdict(verdict, signals) => {
                Ok(v1::CommentScreened { verdict: verdict.into(), signals, ..Default::default() })
            }
            Says::Away => Err(Transient::new("model", "gone")),
            Says::Hangs => std::future::pending().await,
        }
    }
}
