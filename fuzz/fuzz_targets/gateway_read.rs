//! Everything else that the gateway reads of a request: the path with its site, id or token, the query with its cursor
//! and limit, and the headers that decide about the answer. The input's fields are the method and path, then headers.
#![no_main]

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, Uri, header},
};
use libfuzzer_sys::fuzz_target;
use rejoinder_comment_store::Cursor;
use rejoinder_fuzz::{FIELD_END, house};

const HEADERS: [&str; 8] = [
    "accept",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "origin",
    "traceparent",
    "x-forwarded-for",
    "access-control-request-method",
];

fuzz_target!(|data: &[u8]| {
    let mut fields = data.split(|byte| *byte == FIELD_END);
    let Some((&method, path)) = fields.next().and_then(<[u8]>::split_first) else { return };
    let Ok(uri) = Uri::try_from(path) else { return };
    let method = [Method::GET, Method::POST, Method::HEAD, Method::OPTIONS][usize::from(method) % 4].clone();
    let mut request = Request::new(Body::from(&b"thread=a&name=Ann&email=ann%40example.org&body=Hello"[..]));
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri.clone();
    for field in fields {
        let Some((&which, value)) = field.split_first() else { continue };
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        request.headers_mut().append(HeaderName::from_static(HEADERS[usize::from(which) % HEADERS.len()]), value);
    }
    let answer = house::ask(request);
    assert!(!answer.status.is_server_error() || uri.path() == "/readyz", "{} for {method} {uri}", answer.status);
    assert!(answer.submitted.is_none() || method == Method::POST, "only a POST writes");
    if answer.header(header::CONTENT_TYPE) == "application/problem+json" && method != Method::HEAD {
        answer.is_problem();
    }
    // The store gives back the cursor that it was asked with.
    if let Ok(page) = serde_json::from_str::<serde_json::Value>(&answer.body)
        && let Some(next) = page["next"].as_str()
    {
        assert!(Cursor::decode(next).is_ok(), "a page ends with a cursor that is none");
    }
});
