//! Which pages' scripts may call the API.

use std::{collections::HashMap, time::Duration};

use axum::http::{HeaderName, HeaderValue, Method, header, request::Parts};
use tower_http::cors::{AllowOrigin, CorsLayer};

use rejoinder_pipeline::Live;

use crate::{IDEMPOTENCY_KEY, Site};

/// Allows a site's own origins on its paths, and every site's on `/v1/comments/{id}`. No cookies: there are none.
pub(crate) fn layer(sites: Live<HashMap<String, Site>>) -> CorsLayer {
    let allowed = move |origin: &HeaderValue, parts: &Parts| is_allowed(&sites.now(), origin, parts.uri.path());
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            HeaderName::from_static(IDEMPOTENCY_KEY),
            HeaderName::from_static(rejoinder_proto::trace::TRACEPARENT),
        ])
        .expose_headers([header::LOCATION, header::RETRY_AFTER])
        .max_age(Duration::from_secs(600))
}

fn is_allowed(sites: &HashMap<String, Site>, origin: &HeaderValue, path: &str) -> bool {
    let names = |site: &Site| site.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    match path.strip_prefix("/v1/sites/").and_then(|rest| rest.split('/').next()) {
        Some(site) => sites.get(site).is_some_and(names),
        None => sites.values().any(names),
    }
}
