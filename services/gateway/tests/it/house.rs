//! A gateway over the fakes, and a short way to ask it.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode},
};
use rejoinder_gateway::{Akismet, AkismetKeys, Dev, Gateway, Settings, Site, router};
use rejoinder_pipeline::health::Health;
use rejoinder_proto::{
    from_millis,
    token::TokenKeys,
    v1::{Action, CommentSubmitted, FieldError, ModerationClaim},
};
use tower::ServiceExt;
use uuid::Uuid;

use crate::fakes::{Filter, MemoryLog, MemoryStore};

/// A key of site `news`.
pub const KEY: &str = "0123456789ab";

/// A gateway with what stands around it.
pub struct House {
    pub log: Arc<MemoryLog>,
    pub store: Arc<MemoryStore>,
    pub filter: Arc<Filter>,
    pub keys: TokenKeys,
    pub mailbox: tempfile::TempDir,
    pub router: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a JSON answer")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("a text header")).unwrap_or_default()
    }

    /// Checks that it is a problem of this status by RFC 9457, and gives the fields that it names.
    pub fn problem(&self, status: u16) -> Vec<String> {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let mut fields = Vec::new();
        for error in errors {
            assert!(error["code"].is_string() && error["message"].is_string(), "{error}");
            fields.push(error["field"].as_str().expect("a field's name").to_owned());
        }
        fields
    }
}

impl House {
    pub fn new() -> Self {
        Self::with(Settings { submit_per_minute: 0, ..Settings::default() })
    }

    pub fn with(settings: Settings) -> Self {
        let (log, store) = (MemoryLog::new(), Arc::new(MemoryStore::default()));
        let filter = Arc::new(Filter::default());
        let mut akismet_keys = AkismetKeys::default();
        akismet_keys.add("news", KEY).expect("a good key");
        akismet_keys.add("blog", "cdefcdefcdefcdef").expect("a good key");
        let keys = TokenKeys::new([[7u8; 32]]).expect("a long key");
        let mailbox = tempfile::tempdir().expect("a folder");
        let site = |origin: &str| Site {
            title: "The <News>".into(),
            origins: vec![origin.into()],
            moderators: vec!["editor".into()],
            ..Site::default()
        };
        let sites = [("news", site("https://news.example")), ("blog", site("https://blog.example"))];
        let gateway = Gateway {
            publisher: log.clone(),
            store: store.clone(),
            sites: Arc::new(HashMap::from(sites.map(|(name, site)| (name.to_owned(), site)))).into(),
            tokens: keys.clone(),
            check: Arc::new(check),
            akismet: Some(Akismet { keys: Arc::new(akismet_keys).into(), filter: filter.clone() }),
            health: Health::new(),
            settings: Settings { public_url: "https://comments.example/".into(), ..settings },
            dev: Some(Dev { site: "news".into(), mailbox: mailbox.path().into() }),
        };
        Self { log, store, filter, keys, mailbox, router: router(gateway) }
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        let peer: SocketAddr = ([192, 0, 2, 77], 9).into();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.expect("a router always answers");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a whole body");
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    pub async fn submit(&self, body: impl Into<Body>) -> Answer {
        self.send(json(body)).await
    }

    pub async fn submit_form(&self, body: impl Into<Body>) -> Answer {
        self.send(form(body)).await
    }

    pub fn token(&self, comment: Uuid, action: Action) -> String {
        self.token_by("editor", comment, action, 4_000_000_000_000)
    }

    pub fn token_by(&self, moderator: &str, comment: Uuid, action: Action, expires_ms: i64) -> String {
        self.keys.sign(&ModerationClaim {
            comment_id: comment.to_string(),
            site: "news".into(),
            thread_id: "a".into(),
            action: action.into(),
            moderator: moderator.into(),
            expires_at: Some(from_millis(expires_ms)),
        })
    }
}

pub fn json(body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/v1/sites/news/comments").header("content-type", "application/json");
    request.body(body.into()).expect("a request")
}

pub fn form(body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/v1/sites/news/comments").header("accept", "text/html,*/*;q=0.8");
    request.header("content-type", "application/x-www-form-urlencoded").body(body.into()).expect("a request")
}

/// A submission that nothing is wrong with.
pub const GOOD: &str = r#"{"thread": "a", "name": "Ann", "email": "ann@example.org", "body": "Hello"}"#;
pub const GOOD_FORM: &str = "thread=a&name=Ann&email=ann%40example.org&body=Hello";

/// A stand-in for the validator's check.
fn check(event: &CommentSubmitted) -> Result<(), Vec<FieldError>> {
    let author = event.author.clone().unwrap_or_default();
    let thread = event.thread.clone().unwrap_or_default();
    let mut errors = Vec::new();
    for (field, value) in
        [("thread", &thread.id), ("name", &author.name), ("email", &author.email), ("body", &event.body)]
    {
        if value.trim().is_empty() {
            errors.push(FieldError {
                field: field.into(),
                code: "required".into(),
                message: format!("{field} is required"),
            });
        }
    }
    if author.name.len() > 245 {
        let message = String::from("name has at most 245 bytes");
        errors.push(FieldError { field: "name".into(), code: "too_long".into(), message });
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
