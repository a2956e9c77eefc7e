//! Whether an answer is for a person's browser or for a program.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use crate::{Problem, ProblemKind, page};

/// Whether the `Accept` header puts HTML before JSON; `None` when it names neither.
fn prefers_html(headers: &HeaderMap) -> Option<bool> {
    let (mut html, mut json) = (0.0f32, 0.0f32);
    for value in headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for range in value.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|p| p.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
            match media.as_str() {
                "text/html" | "application/xhtml+xml" => html = html.max(quality),
                "application/json" | "application/problem+json" => json = json.max(quality),
                _ => {}
            }
        }
    }
    if html == 0.0 && json == 0.0 { None } else { Some(html >= json && html > 0.0) }
}

/// Whether to answer with a page. A form's sender gets one unless it asks for JSON; others only when they prefer it.
pub(crate) fn wants_page(headers: &HeaderMap, form: bool) -> bool {
    prefers_html(headers).unwrap_or(form)
}

/// A problem as a page or as JSON.
pub(crate) fn answer(problem: Problem, page: bool) -> Response {
    if page { page::problem(&problem) } else { problem.into_response() }
}

/// No such path.
pub(crate) async fn not_found(headers: HeaderMap) -> Response {
    answer(Problem::new(ProblemKind::NotFound, "no page has this address"), wants_page(&headers, false))
}

/// A path of ours, but not with this method; axum adds `Allow`.
pub(crate) async fn method_not_allowed(headers: HeaderMap) -> Response {
    let problem = Problem::new(ProblemKind::Method, "see the Allow header for the methods of this address");
    answer(problem, wants_page(&headers, false))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(true))]
    #[case("application/json", Some(false))]
    #[case("application/json, text/html;q=0.5", Some(false))]
    #[case("text/html;q=0.4, application/json;q=0.2", Some(true))]
    #[case("*/*", None)]
    #[case("", None)]
    fn html_is_preferred(#[case] accept: &str, #[case] expected: Option<bool>) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().expect("a header value"))]);
        assert_eq!(prefers_html(&headers), expected);
    }
}
