//! A gateway over a log and a store in memory, asked without a network.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode, header},
};
use rejoinder_comment_store::{
    Change, Cursor, Facts, FactsQuery, Fate, Page, PublicComment, Saved, Store, StoreError, Tally,
};
use rejoinder_gateway::{Akismet, AkismetKeys, CommentCheck, Gateway, Settings, Site, router};
use rejoinder_pipeline::{Position, Publisher, Record, Transient, Unavailable, health::Health};
use rejoinder_proto::{Event, Topic, token::TokenKeys, v1};
use rejoinder_spam_filter::{self as filter, Facts as Known, Rules, screen};
use rejoinder_validator::{Policy, check_fields};
use tower::ServiceExt;
use uuid::Uuid;

use crate::block_on;

/// The site of every request.
pub const SITE: &str = "news";
/// The only foreign origin that a form of the site may return to.
pub const ORIGIN: &str = "https://news.example";

/// The site's key for the Akismet interface.
pub const AKISMET_KEY: &str = "0123456789ab";

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    /// The comment that went to the log.
    pub submitted: Option<v1::CommentSubmitted>,
    /// The decision that went to the log.
    pub moderated: Option<v1::CommentModerated>,
}

impl Answer {
    /// A header's text; empty when it is absent.
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("a text header")).unwrap_or_default()
    }

    /// Checks that it is a problem by RFC 9457 that says something.
    pub fn is_problem(&self) {
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json");
        let problem: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(problem["status"], self.status.as_u16());
        for member in ["type", "title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
        }
        assert!(self.submitted.is_none() && self.moderated.is_none(), "what is refused does not reach the log");
    }
}

/// Asks the gateway, with a reader's address on the connection.
pub fn ask(mut request: Request<Body>) -> Answer {
    static HOUSE: LazyLock<(Arc<LastRecord>, Router)> = LazyLock::new(house);
    let (log, router) = &*HOUSE;
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 77], 9))));
    block_on(async {
        let response = router.clone().oneshot(request).await.expect("a router always answers");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a whole body");
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        let record = log.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (submitted, moderated) = match &record {
            Some(record) if record.topic == Topic::Moderated => (None, Some(event(record))),
            Some(record) => (Some(event(record)), None),
            None => (None, None),
        };
        Answer { status: parts.status, headers: parts.headers, body, submitted, moderated }
    })
}

fn event<E: Event>(record: &Record) -> E {
    E::decode(record.topic, &record.headers, record.payload.as_deref()).expect("an event")
}

fn house() -> (Arc<LastRecord>, Router) {
    let log = Arc::new(LastRecord::default());
    let site = Site { origins: vec![ORIGIN.into()], moderators: vec!["editor".into()], ..Site::default() };
    let mut keys = AkismetKeys::default();
    keys.add(SITE, AKISMET_KEY).expect("a good key");
    let rules = Rules::new(filter::Policy::default()).expect("a good policy");
    let gateway = Gateway {
        publisher: log.clone(),
        store: Arc::new(Empty),
        sites: Arc::new(HashMap::from([(SITE.to_owned(), site)])).into(),
        tokens: TokenKeys::new([[7u8; 32]]).expect("a long key"),
        check: Arc::new(|event| {
            let errors = check_fields(event, &Policy::default()).err();
            errors.map_or(Ok(()), |errors| Err(errors.into_iter().map(v1::FieldError::from).collect()))
        }),
        akismet: Some(Akismet { keys: Arc::new(keys).into(), filter: Arc::new(Judge(rules)) }),
        health: Health::new(),
        settings: Settings { submit_per_minute: 0, akismet_per_minute: 0, ..Settings::default() },
        dev: None,
    };
    (log, router(gateway))
}

/// The filter's rules, and nothing known besides.
struct Judge(Rules);

#[async_trait]
impl CommentCheck for Judge {
    async fn check(&self, comment: &v1::Comment, _: bool) -> Result<v1::CommentScreened, Transient> {
        Ok(screen(comment, &Known::default(), &self.0))
    }
}

/// A log that keeps the last record.
#[derive(Default)]
struct LastRecord(Mutex<Option<Record>>);

#[async_trait]
impl Publisher for LastRecord {
    async fn append(&self, record: Record) -> Result<Position, Unavailable> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
        Ok(Position { topic: Topic::Submitted, partition: 0, offset: 0 })
    }
}

/// A store without comments.
struct Empty;

#[async_trait]
impl Store for Empty {
    async fn save(&self, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
        Ok(vec![Saved::Quiet; changes.len()])
    }

    async fn thread(&self, _: &str, _: &str, cursor: Option<&Cursor>, limit: u32) -> Result<Page, StoreError> {
        assert!((1..=200).contains(&limit), "a page of {limit}");
        // Gives the cursor back, so that what was parsed is seen in the answer.
        Ok(Page { comments: Vec::new(), next: cursor.cloned() })
    }

    async fn recent(&self, _: &str, limit: u32) -> Result<Vec<PublicComment>, StoreError> {
        assert!((1..=50).contains(&limit), "a list of {limit}");
        Ok(Vec::new())
    }

    async fn counts(&self, _: &str, threads: &[String]) -> Result<Vec<u64>, StoreError> {
        assert!(threads.len() <= 100, "{} threads", threads.len());
        Ok(vec![0; threads.len()])
    }

    async fn fates(&self, ids: &[Uuid]) -> Result<Vec<Option<Fate>>, StoreError> {
        Ok(vec![None; ids.len()])
    }

    async fn facts(&self, queries: &[FactsQuery]) -> Result<Vec<Facts>, StoreError> {
        Ok(vec![Facts::default(); queries.len()])
    }

    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, StoreError> {
        Ok(vec![false; authors.len()])
    }

    async fn tally(&self, _: &[Uuid]) -> Result<Tally, StoreError> {
        Ok(Tally::default())
    }
}
