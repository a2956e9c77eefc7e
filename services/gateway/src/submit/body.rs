//! A request's body: how it is written, and its bytes within their limit.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
};
use tokio::time::timeout;

use crate::{Problem, ProblemKind};

/// How a submission is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`, as a plain HTML form sends it.
    Form,
}

impl Encoding {
    /// The encoding that the `Content-Type` header names.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
        let encoding = match parts.next().as_deref() {
            Some("application/json") => Self::Json,
            Some("application/x-www-form-urlencoded") => Self::Form,
            _ => {
                let detail = "send application/json or application/x-www-form-urlencoded";
                return Err(Problem::new(ProblemKind::MediaType, detail));
            }
        };
        let charset =
            parts.find_map(|part| part.strip_prefix("charset=").map(|name| name.trim_matches('"').to_owned()));
        match charset.as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii") => Ok(encoding),
            Some(_) => Err(Problem::new(ProblemKind::MediaType, "the only charset read here is UTF-8")),
        }
    }
}

/// How much of a body that is too long is read and thrown away, so that a client that writes before it reads gets to
/// see the answer: a multiple of what is allowed.
const DRAIN: usize = 16;

/// The whole body: 413 beyond `max` bytes, 408 when it takes longer than `limit`.
pub(crate) async fn read(headers: &HeaderMap, body: Body, max: usize, limit: Duration) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(ProblemKind::TooLarge, format!("a request has at most {max} bytes"));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let hopeless = announced.is_some_and(|length: usize| length > max.saturating_mul(DRAIN));
    let waits_for_leave = announced.is_some_and(|length| length > max) && headers.contains_key(header::EXPECT);
    if hopeless || waits_for_leave {
        return Err(too_large());
    }
    match timeout(limit, gather(body, max)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(ProblemKind::Malformed, "the body ended too early")),
        Err(_) => Err(Problem::new(ProblemKind::Slow, "the body did not come in time")),
    }
}

/// `None` when there are more than `max` bytes.
async fn gather(mut body: Body, max: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut bytes = Vec::new();
    let mut total = 0usize;
    while let Some(frame) = std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else { continue };
        total = total.saturating_add(data.len());
        if total > max.saturating_mul(DRAIN) {
            break;
        }
        if total <= max {
            bytes.extend_from_slice(&data);
        }
    }
    Ok((total <= max).then(|| bytes.into()))
}
