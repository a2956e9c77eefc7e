//! Reading: one comment's fate, a thread, the newest, counts. Nothing private is in any of these.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{FromRequestParts, Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::SecondsFormat;
use rejoinder_comment_store::{Cursor, Fate, PublicComment, State as Stored};
use rejoinder_proto::v1::FieldError;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Problem, ProblemKind, Shared, problem, query};

/// How many comments a page has when the reader does not say: as many as WordPress shows.
pub(crate) const PAGE: u32 = 50;
const MAX_PAGE: u32 = 200;
const RECENT: u32 = 5;
const MAX_RECENT: u32 = 50;
const MAX_COUNTS: usize = 100;

/// The variable part of a path, when it is UTF-8; else 404.
pub(crate) struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(segment)| Self(segment))
            .map_err(|_| Problem::new(ProblemKind::NotFound, "the address is not UTF-8"))
    }
}

/// Where a comment stands, as far as readers may know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// Nothing is known yet.
    Submitted,
    Published,
    Pending,
    Rejected(Vec<FieldError>),
    Removed,
}

impl Standing {
    /// Spam reads as pending, so that nobody can try out what the filter lets through.
    pub fn of(fate: Option<&Fate>) -> Self {
        match fate {
            None => Self::Submitted,
            Some(Fate::Rejected(errors)) => Self::Rejected(errors.clone()),
            Some(Fate::Stored(comment)) => match comment.state {
                Stored::Approved => Self::Published,
                Stored::Pending | Stored::Spam => Self::Pending,
                Stored::Trash => Self::Removed,
            },
        }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Published => "published",
            Self::Pending => "pending",
            Self::Rejected(_) => "rejected",
            Self::Removed => "removed",
        }
    }
}

#[derive(Serialize)]
struct FateView {
    id: Uuid,
    state: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "problem::field_errors")]
    errors: Vec<FieldError>,
}

/// `GET /v1/comments/{id}`. A UUIDv7 of which nothing is known reads as submitted: between the log and the database
/// there is nobody who could tell it from one that was never sent.
pub(crate) async fn fate(State(shared): State<Arc<Shared>>, id: Segment) -> Result<Response, Problem> {
    let id = comment_id(&id.0).ok_or_else(|| Problem::new(ProblemKind::NotFound, "a comment's id is a UUIDv7"))?;
    let standing = shared.standing(id).await?;
    let state = standing.word();
    let errors = if let Standing::Rejected(errors) = standing { errors } else { Vec::new() };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(FateView { id, state, errors })).into_response())
}

/// A UUIDv7 in its usual form with hyphens.
pub(crate) fn comment_id(text: &str) -> Option<Uuid> {
    let id = Uuid::parse_str(text).ok().filter(|id| id.get_version_num() == 7)?;
    text.eq_ignore_ascii_case(&id.to_string()).then_some(id)
}

impl Shared {
    /// Where a comment stands.
    pub(crate) async fn standing(&self, id: Uuid) -> Result<Standing, Problem> {
        let fates = self.ask(self.gateway.store.fates(&[id])).await?;
        Ok(Standing::of(fates.first().and_then(Option::as_ref)))
    }
}

#[derive(Serialize)]
struct CommentView<'a> {
    id: Uuid,
    thread: ThreadView<'a>,
    parent: Option<Uuid>,
    depth: u16,
    author: AuthorView<'a>,
    html: &'a str,
    submitted_at: String,
}

#[derive(Serialize)]
struct ThreadView<'a> {
    id: &'a str,
    title: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct AuthorView<'a> {
    name: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct CommentsView<'a> {
    comments: Vec<CommentView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Option<String>>,
}

impl<'a> From<&'a PublicComment> for CommentView<'a> {
    fn from(comment: &'a PublicComment) -> Self {
        Self {
            id: comment.id,
            thread: ThreadView { id: &comment.thread, title: &comment.thread_title, url: &comment.thread_url },
            parent: comment.parent,
            depth: comment.depth,
            author: AuthorView { name: &comment.author_name, url: &comment.author_url },
            html: &comment.html,
            submitted_at: comment.submitted_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        }
    }
}

/// `GET /v1/sites/{site}/comments?thread=…&cursor=…&limit=…`: visible comments in tree order.
pub(crate) async fn thread(
    State(shared): State<Arc<Shared>>,
    site: Segment,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    shared.site(&site.0)?;
    let query = Parameters::parse(query)?;
    let thread = query.one("thread")?.filter(|thread| !thread.is_empty());
    let thread =
        thread.ok_or_else(|| Problem::parameter("thread", "required", "thread names the page, as submitted"))?;
    let cursor = query.one("cursor")?.map(parse_cursor).transpose()?;
    let limit = query.limit(PAGE, MAX_PAGE)?;
    let page = shared.ask(shared.gateway.store.thread(&site.0, thread, cursor.as_ref(), limit)).await?;
    let comments = page.comments.iter().map(CommentView::from).collect();
    let view = CommentsView { comments, next: Some(page.next.as_ref().map(Cursor::encode)) };
    Ok(shared.cacheable(&headers, &view))
}

/// `GET /v1/sites/{site}/recent?limit=5`: the newest visible comments, newest first.
pub(crate) async fn recent(
    State(shared): State<Arc<Shared>>,
    site: Segment,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    shared.site(&site.0)?;
    let limit = Parameters::parse(query)?.limit(RECENT, MAX_RECENT)?;
    let comments = shared.ask(shared.gateway.store.recent(&site.0, limit)).await?;
    let view = CommentsView { comments: comments.iter().map(CommentView::from).collect(), next: None };
    Ok(shared.cacheable(&headers, &view))
}

#[derive(Serialize)]
struct CountsView {
    counts: BTreeMap<String, u64>,
}

/// `GET /v1/sites/{site}/counts?thread=a&thread=b`: how many visible comments each thread has.
pub(crate) async fn counts(
    State(shared): State<Arc<Shared>>,
    site: Segment,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    shared.site(&site.0)?;
    let threads = Parameters::parse(query)?.all("thread");
    if threads.is_empty() || threads.len() > MAX_COUNTS {
        let message = format!("name 1 to {MAX_COUNTS} threads, as thread=a&thread=b");
        return Err(Problem::parameter("thread", "number", message));
    }
    let counts = shared.ask(shared.gateway.store.counts(&site.0, &threads)).await?;
    Ok(shared.cacheable(&headers, &CountsView { counts: threads.into_iter().zip(counts).collect() }))
}

/// A query string's parameters.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn parse(query: Option<String>) -> Result<Self, Problem> {
        let pairs = query::parse(query.unwrap_or_default().as_bytes());
        pairs.map(Self).map_err(|error| Problem::new(ProblemKind::Malformed, error.to_string()))
    }

    /// The only value under `name`.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let value = values.next();
        if values.next().is_some() {
            return Err(Problem::parameter(name, "repeated", format!("{name} is given twice; send it once")));
        }
        Ok(value)
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect()
    }

    fn limit(&self, default: u32, max: u32) -> Result<u32, Problem> {
        let Some(text) = self.one("limit")? else { return Ok(default) };
        let limit = text.parse().ok().filter(|limit| (1..=max).contains(limit));
        limit.ok_or_else(|| Problem::parameter("limit", "range", format!("limit is a whole number from 1 to {max}")))
    }
}

/// The cursor that a client sends back.
pub(crate) fn parse_cursor(text: &str) -> Result<Cursor, Problem> {
    Cursor::decode(text).map_err(|error| Problem::parameter("cursor", "syntax", error.to_string()))
}

impl Shared {
    /// JSON that caches may keep for a moment, and that a client who has it need not get again.
    fn cacheable<T: Serialize>(&self, request: &HeaderMap, view: &T) -> Response {
        let body = match serde_json::to_vec(view) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                return Problem::new(ProblemKind::Defect, "the answer could not be written").into_response();
            }
        };
        let etag = format!("\"{}\"", BASE64.encode(&Sha256::digest(&body)[..12]));
        let cache = format!("public, max-age={}", self.gateway.settings.cache_seconds);
        let seen = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut seen = seen.flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
        let headers = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, cache)];
        if seen.any(|tag| tag == etag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (headers, json, body).into_response()
    }
}
