use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rejoinder_proto::v1::FieldError;
use serde::{Serialize, Serializer};

/// What went wrong with a request: the status, the title, and the word at the end of the problem's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// 400: the request cannot be read.
    Malformed,
    /// 403: a link that is not ours, or no longer allowed.
    Forbidden,
    /// 404.
    NotFound,
    /// 405.
    Method,
    /// 408: the body came too slowly.
    Slow,
    /// 410: a link that has expired.
    Expired,
    /// 413.
    TooLarge,
    /// 415.
    MediaType,
    /// 422: the request can be read, but fields are wrong.
    Fields,
    /// 429.
    TooMany,
    /// 500: a defect of ours.
    Defect,
    /// 503: the log or the database is away.
    Unavailable,
}

impl ProblemKind {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The request cannot be read"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "This link is not valid"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is nothing here"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method", "This method is not offered here"),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "slow", "The request took too long"),
            Self::Expired => (StatusCode::GONE, "expired", "This link has expired"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "This content type is not read here"),
            Self::Fields => (StatusCode::UNPROCESSABLE_ENTITY, "fields", "Some fields need another look"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many comments in a short time"),
            Self::Defect => (StatusCode::INTERNAL_SERVER_ERROR, "defect", "Something went wrong here"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not possible at this moment"),
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        self.parts().0
    }

    /// A short sentence for people, the same for every problem of the kind.
    pub const fn title(self) -> &'static str {
        self.parts().2
    }

    /// The problem's `type`, a stable name for programs.
    pub fn type_uri(self) -> String {
        format!("urn:problem-type:rejoinder:{}", self.parts().1)
    }
}

/// An error answer by RFC 9457. As a response it is `application/problem+json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What went wrong.
    pub kind: ProblemKind,
    /// What to do about it; never what the reader wrote, but for the names of fields.
    pub detail: String,
    /// The fields that are wrong.
    pub errors: Vec<FieldError>,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem without field errors.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// Wrong fields, all of them.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let detail = match errors.len() {
            1 => "one field is wrong; see errors".to_owned(),
            n => format!("{n} fields are wrong; see errors"),
        };
        Self { errors, ..Self::new(ProblemKind::Fields, detail) }
    }

    /// One wrong parameter of a query.
    pub fn parameter(field: &str, code: &str, message: impl Into<String>) -> Self {
        let errors = vec![field_error(field, code, message)];
        Self { errors, ..Self::new(ProblemKind::Malformed, "a parameter is wrong; see errors") }
    }

    /// The same, to be tried again after some seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// Puts the headers of the problem on a response in whatever form.
    pub(crate) fn stamp(&self, mut response: Response) -> Response {
        *response.status_mut() = self.kind.status();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self.kind, ProblemKind::Slow) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A field error from its parts.
pub(crate) fn field_error(field: &str, code: &str, message: impl Into<String>) -> FieldError {
    FieldError { field: field.into(), code: code.into(), message: message.into() }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty", serialize_with = "field_errors")]
    errors: &'a [FieldError],
}

/// Writes field errors with all three members, also when one is empty (the proto3 JSON mapping leaves those out).
pub(crate) fn field_errors<S: Serializer>(errors: &[FieldError], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Entry<'a> {
        field: &'a str,
        code: &'a str,
        message: &'a str,
    }
    serializer.collect_seq(errors.iter().map(|e| Entry { field: &e.field, code: &e.code, message: &e.message }))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: self.kind.type_uri(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let mut response = axum::Json(body).into_response();
        let media_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        self.stamp(response)
    }
}
