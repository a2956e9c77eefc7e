//! `POST /v1/sites/{site}/comments`: a submission becomes an event on the log.

mod body;
mod id;
mod input;
mod redirect;

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use rejoinder_proto::v1::{self, FieldError};
use serde::Serialize;
use uuid::Uuid;

use crate::{Problem, ProblemKind, Shared, Site, client, negotiate, page, read::Segment};

use body::Encoding;
pub(crate) use body::read as read_body;
pub use id::id_of_key;
pub(crate) use input::Input;
pub use input::{HONEYPOT_FIELD, REDIRECT_FIELD, SHOWN_AT_FIELD};

/// The request header that makes a submission repeatable. Its value should be a random UUID: whoever knows the key of
/// somebody else's submission can only repeat it, but two different comments under one key are one.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A 202.
#[derive(Serialize)]
struct Accepted {
    id: Uuid,
    status_url: String,
}

/// A submission that is not taken in, with what was typed where that is known, so that a page can give it back.
struct Refusal {
    problem: Problem,
    typed: Option<Box<Input>>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, typed: None }
    }
}

/// Answers 202 only when the event is durable on the log.
pub(crate) async fn submit(State(shared): State<Arc<Shared>>, site: Segment, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let encoding = Encoding::of(&parts.headers);
    let wants_page = negotiate::wants_page(&parts.headers, matches!(encoding, Ok(Encoding::Form)));
    let known = match shared.site(&site.0) {
        Ok(known) => known,
        Err(problem) => return negotiate::answer(problem, wants_page),
    };
    match take_in(&shared, &site.0, &parts, encoding, body).await {
        Ok((id, input)) if wants_page => accepted_page(&known, &site.0, id, &input),
        Ok((id, _)) => accepted_json(&shared, id),
        Err(Refusal { problem, typed: Some(typed) }) if wants_page => page::reply(&known, &site.0, &typed, &problem),
        Err(Refusal { problem, .. }) => negotiate::answer(problem, wants_page),
    }
}

async fn take_in(
    shared: &Shared,
    site: &str,
    parts: &Parts,
    encoding: Result<Encoding, Problem>,
    body: Body,
) -> Result<(Uuid, Box<Input>), Refusal> {
    let settings = &shared.gateway.settings;
    let encoding = encoding?;
    let id = match id::key(&parts.headers)? {
        Some(key) => id_of_key(site, key),
        None => Uuid::now_v7(),
    };
    let limit = Duration::from_millis(settings.body_timeout_ms);
    let bytes = body::read(&parts.headers, body, settings.max_body_bytes, limit).await?;
    let input = Box::new(Input::parse(encoding, &bytes)?);
    let keep = |problem| Refusal { problem, typed: Some(input.clone()) };

    let errors = input.errors();
    let event = input.event(id, site, parts, settings.trusted_proxies);
    let errors = merged(errors, (shared.gateway.check)(&event).err().unwrap_or_default());
    if !errors.is_empty() {
        return Err(keep(Problem::fields(errors)));
    }
    // Only what would reach the log counts: who corrects a field is not punished for it.
    if let (Some(limiter), Some(ip)) = (&shared.limiter, client::ip(parts, settings.trusted_proxies)) {
        limiter.check(ip).map_err(|wait| {
            let detail = "too many comments came from this address; please wait a little and send it again";
            keep(Problem::new(ProblemKind::TooMany, detail).retry_after(wait.as_secs() + 1))
        })?;
    }
    shared.append(&event, &parts.headers, "the comment").await.map_err(keep)?;
    Ok((id, input))
}

/// One error a field: the gateway's own goes first, since a field that cannot be read need not be judged.
fn merged(mut own: Vec<FieldError>, checked: Vec<FieldError>) -> Vec<FieldError> {
    for error in checked {
        if !own.iter().any(|known| known.field == error.field) {
            own.push(error);
        }
    }
    own
}

fn accepted_json(shared: &Shared, id: Uuid) -> Response {
    let status_url = shared.gateway.status_url(id);
    let location = HeaderValue::from_str(&status_url).ok();
    let mut response = (StatusCode::ACCEPTED, Json(Accepted { id, status_url })).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn accepted_page(known: &Site, site: &str, id: Uuid, input: &Input) -> Response {
    if let Some(target) = redirect::target(&input.redirect_to, id, &known.origins) {
        return (StatusCode::SEE_OTHER, [(header::LOCATION, target), (header::CACHE_CONTROL, "no-store".into())])
            .into_response();
    }
    page::thanks(known, site, input)
}

impl crate::Gateway {
    /// Where the fate of a comment is read.
    pub(crate) fn status_url(&self, id: Uuid) -> String {
        format!("{}/v1/comments/{id}", self.settings.public_url.trim_end_matches('/'))
    }
}

/// The author as the form gave it.
fn author(input: &Input) -> v1::Author {
    v1::Author { name: input.name.clone(), email: input.email.clone(), url: input.url.clone() }
}
