//! The exact bytes and headers of the answers.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{Problem, ProblemKind};

const GUID: HeaderName = HeaderName::from_static("x-akismet-guid");
const PRO_TIP: HeaderName = HeaderName::from_static("x-akismet-pro-tip");
const DEBUG_HELP: HeaderName = HeaderName::from_static("x-akismet-debug-help");
const ERROR: HeaderName = HeaderName::from_static("x-akismet-error");
/// Ours: which signals spoke, by their names alone. `debug-help` would be the contract's place for it, but clients
/// take that header for an error whatever the body says.
const SIGNALS: HeaderName = HeaderName::from_static("x-rejoinder-signals");

/// What a call is answered.
pub(super) enum Answer {
    Valid,
    Invalid(Invalid),
    Check(Check),
    Thanks,
    Usage(UsageLimit),
}

/// Why the answer is `invalid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    Key,
    NoBlog,
    Blog,
    UserIp,
}

/// What a comment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ham,
    /// A person should look at it. The contract has two answers only, and `true` would lose what is good: so it is `false`,
    /// with an `X-akismet-error`, which makes the clients that know it put the comment before a moderator.
    Review,
    Spam,
    /// Spam that need not be kept.
    Blatant,
}

/// The answer to a `comment-check`.
pub(super) struct Check {
    pub verdict: Verdict,
    pub guid: String,
    /// The names of the signals that spoke, the strongest first.
    pub signals: Vec<String>,
}

/// The answer to a `usage-limit`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct UsageLimit {
    /// There are no plans here.
    pub limit: &'static str,
    pub usage: u64,
    pub percentage: f64,
    pub throttled: bool,
}

impl Invalid {
    /// A stable word for programs, and a sentence for people.
    const fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Key => {
                ("invalid-key", "the key is not known here; send it as api_key, or as the first part of the host")
            }
            Self::NoBlog => ("missing-required-field", "blog is missing; send the address of the site's front page"),
            Self::Blog => ("invalid-field", "blog is not an address; write it like https://blog.example/"),
            Self::UserIp => {
                ("missing-required-field", "user_ip is missing; send the address that the comment came from")
            }
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Valid => text(StatusCode::OK, "valid"),
            Self::Thanks => text(StatusCode::OK, "Thanks for making the web a better place."),
            Self::Invalid(why) => {
                let (word, sentence) = why.parts();
                let mut response = text(StatusCode::OK, "invalid");
                response.headers_mut().insert(ERROR, HeaderValue::from_static(word));
                response.headers_mut().insert(DEBUG_HELP, HeaderValue::from_static(sentence));
                response
            }
            Self::Check(check) => check.into_response(),
            Self::Usage(usage) => no_store(Json(usage).into_response()),
        }
    }
}

impl IntoResponse for Check {
    fn into_response(self) -> Response {
        let spam = matches!(self.verdict, Verdict::Spam | Verdict::Blatant);
        let mut response = text(StatusCode::OK, if spam { "true" } else { "false" });
        let headers = response.headers_mut();
        put(headers, GUID, &self.guid);
        match self.verdict {
            Verdict::Blatant => put(headers, PRO_TIP, "discard"),
            Verdict::Review => put(headers, ERROR, "needs-review"),
            Verdict::Ham | Verdict::Spam => {}
        }
        if !self.signals.is_empty() {
            put(headers, SIGNALS, &self.signals.join(", "));
        }
        response
    }
}

/// What the contract leaves to HTTP: the status, `Retry-After`, and a sentence that is neither `true` nor `false`.
pub(super) fn problem(problem: &Problem) -> Response {
    let mut response = problem.stamp(text(problem.kind.status(), &problem.detail));
    let word = match problem.kind {
        ProblemKind::TooMany => "rate-limit",
        ProblemKind::Unavailable | ProblemKind::Defect => "unavailable",
        _ => "invalid-request",
    };
    put(response.headers_mut(), ERROR, word);
    put(response.headers_mut(), DEBUG_HELP, &problem.detail);
    response
}

fn text(status: StatusCode, body: &str) -> Response {
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    no_store((status, [(header::CONTENT_TYPE, media_type)], body.to_owned()).into_response())
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What no header can carry is left out: nobody is told less of the verdict for it.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
