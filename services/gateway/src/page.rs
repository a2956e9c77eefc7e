//! Pages for people, and the headers that keep them safe.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use rejoinder_comment_store::PublicComment;
use rejoinder_proto::{findings::sentence, millis, now, v1::FieldError};
use uuid::Uuid;

use crate::{HONEYPOT_FIELD, Problem, ProblemKind, REDIRECT_FIELD, SHOWN_AT_FIELD, Site, submit::Input};

/// Nothing is loaded or run but our own files, and nobody may frame the page. Comments' HTML is sanitised long before;
/// this holds should that ever fail.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
                      frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// A page that is never cached, whose forms may lead to `form_targets` too.
pub(crate) fn render(status: StatusCode, template: &impl Template, form_targets: &[String]) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            return Problem::new(ProblemKind::Defect, "the page could not be written").into_response();
        }
    };
    let policy = form_targets.iter().fold(POLICY.to_owned(), |policy, origin| format!("{policy} {origin}"));
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(POLICY));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

/// A short message on a page of its own.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Message<'a> {
    pub title: &'a str,
    pub detail: &'a str,
    /// Which fields or parameters are wrong.
    pub errors: &'a [FieldError],
    /// Where to go from here; empty for nowhere.
    pub link: &'a str,
    pub link_text: &'a str,
}

/// A problem on a page of its own.
pub(crate) fn problem(problem: &Problem) -> Response {
    let detail = sentence(&problem.detail);
    let page =
        Message { title: problem.kind.title(), detail: &detail, errors: &problem.errors, link: "", link_text: "" };
    problem.stamp(render(problem.kind.status(), &page, &[]))
}

/// After a form that names no page to return to.
pub(crate) fn thanks(site: &Site, name: &str, input: &Input) -> Response {
    let title = "Thank you";
    let detail = "Your comment has arrived and is being checked. It appears under the article in a moment, or when a \
                  moderator has looked at it.";
    let link = href(&input.thread_url).unwrap_or_default();
    let link_text = format!(
        "Back to {}",
        [&input.thread_title, &site.title, name].into_iter().find(|t| !t.is_empty()).unwrap_or(name)
    );
    let page = Message { title, detail, errors: &[], link, link_text: &link_text };
    render(StatusCode::ACCEPTED, &page, &[])
}

/// The form for a reply, empty or with what was typed before.
#[derive(Default)]
pub(crate) struct ReplyForm {
    pub action: String,
    pub typed: Input,
    pub errors: Vec<FieldError>,
    pub shown_at: i64,
    pub redirect_to: String,
    pub required: bool,
    /// Whose comment is answered; empty at the top level.
    pub parent_name: String,
    /// The page without a parent.
    pub cancel: String,
}

impl ReplyForm {
    /// A form for `site`.
    pub fn new(name: &str, site: &Site) -> Self {
        Self {
            action: format!("/v1/sites/{}/comments", url_segment(name)),
            shown_at: millis(Some(&now())),
            required: site.require_name_email,
            ..Self::default()
        }
    }

    /// What is wrong with one field; empty when nothing is.
    pub fn error(&self, field: &str) -> &str {
        self.errors.iter().find(|error| error.field == field).map_or("", |error| &error.message)
    }

    /// Where the summary's link to a wrong field leads; empty for a field that the form does not show.
    pub fn anchor(&self, field: &str) -> &'static str {
        match field {
            "body" => "#comment",
            "name" => "#author",
            "email" => "#email",
            "url" => "#url",
            _ => "",
        }
    }

    /// See [`HONEYPOT_FIELD`].
    pub fn honeypot_field(&self) -> &'static str {
        HONEYPOT_FIELD
    }

    /// See [`SHOWN_AT_FIELD`].
    pub fn shown_at_field(&self) -> &'static str {
        SHOWN_AT_FIELD
    }

    /// See [`REDIRECT_FIELD`].
    pub fn redirect_field(&self) -> &'static str {
        REDIRECT_FIELD
    }
}

#[derive(Template)]
#[template(path = "reply.html")]
struct Reply<'a> {
    title: &'a str,
    detail: &'a str,
    site: &'a str,
    form: ReplyForm,
}

/// The form again with everything that was typed, and what is in the way.
pub(crate) fn reply(site: &Site, name: &str, typed: &Input, problem: &Problem) -> Response {
    let detail = if problem.errors.is_empty() { sentence(&problem.detail) } else { String::new() };
    let form = ReplyForm {
        typed: typed.clone(),
        errors: problem.errors.clone(),
        redirect_to: typed.redirect_to.clone(),
        ..ReplyForm::new(name, site)
    };
    let shown = if site.title.is_empty() { name } else { &site.title };
    let page = Reply { title: problem.kind.title(), detail: &detail, site: shown, form };
    problem.stamp(render(problem.kind.status(), &page, &site.origins))
}

/// A name as one segment of a path.
fn url_segment(name: &str) -> String {
    name.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
        path
    })
}

/// An address that a link may have: http or https. Others were refused before; nothing else is ever a link here.
pub(crate) fn href(url: &str) -> Option<&str> {
    let scheme = url.split_once("://")?.0;
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")).then_some(url)
}

/// A time for people.
pub(crate) fn date(time: &DateTime<Utc>) -> String {
    time.format("%-d %B %Y at %H:%M UTC").to_string()
}

/// A comment as pages show it.
pub(crate) struct CommentCard {
    pub id: Uuid,
    pub author: String,
    pub author_href: Option<String>,
    pub thread_title: String,
    pub thread_href: Option<String>,
    pub html: String,
    pub date: String,
    pub datetime: String,
}

impl From<&PublicComment> for CommentCard {
    fn from(comment: &PublicComment) -> Self {
        let name = if comment.author_name.is_empty() { "Anonymous" } else { &comment.author_name };
        let title = if comment.thread_title.is_empty() { &comment.thread } else { &comment.thread_title };
        Self {
            id: comment.id,
            author: name.to_owned(),
            author_href: href(&comment.author_url).map(str::to_owned),
            thread_title: title.to_owned(),
            thread_href: href(&comment.thread_url).map(str::to_owned),
            html: comment.html.clone(),
            date: date(&comment.submitted_at),
            datetime: comment.submitted_at.to_rfc3339(),
        }
    }
}
