//! Counts, durations and spans of requests, by route. No path, no address: both can name a person.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use opentelemetry::metrics::{Counter, Histogram};
use rejoinder_pipeline::{
    spans::{Span, SpanKind},
    telemetry::{self, label},
};
use rejoinder_proto::trace::TRACEPARENT;

use crate::{Shared, append::place_of};

/// What is measured at every request.
pub(crate) struct Metrics {
    requests: Counter<u64>,
    seconds: Histogram<f64>,
}

impl Metrics {
    pub fn new() -> Self {
        Self {
            requests: telemetry::counter("rejoinder.http.requests", "HTTP requests answered"),
            seconds: telemetry::seconds("rejoinder.http.duration", "time from a request's head to its answer's head"),
        }
    }
}

/// Measures one request.
pub(crate) async fn record(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = matched.unwrap_or_else(|| "other".into());
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        // Anybody can invent methods; labels must stay few.
        _ => "other",
    };
    let probe = matches!(route.as_str(), "/livez" | "/readyz" | "/metrics");
    let span = match probe {
        true => Span::default(),
        false => Span::start(SpanKind::Server, format!("{method} {route}"), place_of(request.headers())),
    };
    // What the handlers send stands below this span.
    if let Some(Ok(place)) = span.place().filter(|_| span.is_recording()).map(|place| place.to_string().parse()) {
        request.headers_mut().insert(TRACEPARENT, place);
    }
    let response = span.within(next.run(request)).await;
    let status = i64::from(response.status().as_u16());
    span.set("http.request.method", method);
    span.set("http.route", route.clone());
    span.set("http.response.status_code", status);
    if response.status().is_server_error() {
        span.fail("server_error");
    }
    let route = label("route", route);
    shared.metrics.seconds.record(started.elapsed().as_secs_f64(), std::slice::from_ref(&route));
    shared.metrics.requests.add(1, &[route, label("method", method), label("status", status)]);
    response
}
