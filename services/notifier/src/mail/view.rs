//! What a mail about a held comment says, before it is put into words.

use askama::Template;
use chrono::{DateTime, Duration, Utc};
use rejoinder_proto::{
    findings::{self, Finding},
    from_millis, millis,
    token::TokenKeys,
    v1::{self, Action},
};

use super::text::{excerpt, isolate, line};
use crate::{Moderator, NewMail, Policy, Settings};

/// Enough to decide most comments without opening the page, and short enough for a phone.
const EXCERPT_CHARS: usize = 500;
const TITLE_CHARS: usize = 120;
const LABEL_CHARS: usize = 200;
const DATE: &str = "%-d %B %Y, %H:%M UTC";

/// The facts of one mail, cleaned and bounded; not escaped.
#[derive(Clone)]
pub(super) struct View {
    pub site: String,
    pub title: String,
    pub url: String,
    pub author: String,
    pub email: String,
    pub ip: String,
    pub website: String,
    pub submitted: String,
    /// What the filter made of it, and why: each finding with what it counts.
    pub verdict: String,
    pub findings: Vec<(String, String)>,
    pub nothing: &'static str,
    pub excerpt: String,
    pub approve: String,
    pub spam: String,
    pub trash: String,
    pub expires: String,
}

#[derive(Template)]
#[template(path = "held.txt")]
struct Text<'a> {
    v: &'a View,
}

#[derive(Template)]
#[template(path = "held.html")]
struct Html<'a> {
    v: &'a View,
}

impl View {
    pub(super) fn new(
        owed: &NewMail,
        event: &v1::CommentScreened,
        comment: &v1::Comment,
        policy: &Policy,
        moderator: &Moderator,
        settings: &Settings,
        keys: &TokenKeys,
    ) -> Self {
        let thread = comment.thread.clone().unwrap_or_default();
        let author = comment.author.clone().unwrap_or_default();
        let ip = comment.client.as_ref().map_or("", |client| client.ip.as_str());
        let shown = |private: &str| if policy.show_author_address { line(private, LABEL_CHARS) } else { String::new() };
        let expires = owed.created_at + Duration::days(i64::from(settings.token_days));
        let link = |action: Action| {
            let token = keys.sign(&v1::ModerationClaim {
                comment_id: comment.id.clone(),
                site: comment.site.clone(),
                thread_id: thread.id.clone(),
                action: action.into(),
                moderator: moderator.name.clone(),
                expires_at: Some(from_millis(expires.timestamp_millis())),
            });
            format!("{}/moderate/{token}", settings.public_url.trim_end_matches('/'))
        };
        Self {
            site: line(first_of(&policy.title, &comment.site), LABEL_CHARS),
            title: line(first_of(&thread.title, &thread.id), TITLE_CHARS),
            url: web_page(&line(&thread.url, 2_000)),
            author: line(&author.name, LABEL_CHARS),
            email: shown(&author.email),
            ip: shown(ip),
            website: line(&author.url, LABEL_CHARS),
            submitted: DateTime::<Utc>::from_timestamp_millis(millis(comment.submitted_at.as_ref()))
                .map_or_else(String::new, |time| time.format(DATE).to_string()),
            verdict: findings::verdict(event.verdict(), event.score),
            findings: findings::findings(&event.signals).into_iter().take(findings::TOP).map(shown_finding).collect(),
            nothing: findings::NOTHING,
            excerpt: excerpt(&comment.text, EXCERPT_CHARS),
            approve: link(Action::Approve),
            spam: link(Action::Spam),
            trash: link(Action::Trash),
            expires: expires.format(DATE).to_string(),
        }
    }

    pub(super) fn subject(&self) -> String {
        format!("[{}] Please moderate: \"{}\"", isolate(&self.site), isolate(&self.title))
    }

    pub(super) fn text(&self) -> Result<String, askama::Error> {
        let quoted = isolate(&self.excerpt).split('\n').map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n");
        let isolated = Self {
            site: isolate(&self.site),
            title: isolate(&self.title),
            author: isolate(&self.author),
            website: isolate(&self.website),
            findings: self.findings.iter().map(|(said, counts)| (isolate(said), counts.clone())).collect(),
            excerpt: quoted,
            ..self.clone()
        };
        Text { v: &isolated }.render()
    }

    pub(super) fn html(&self) -> Result<String, askama::Error> {
        Html { v: self }.render()
    }
}

fn shown_finding(Finding { sentence, counts, .. }: Finding<'_>) -> (String, String) {
    (line(&sentence, LABEL_CHARS), counts)
}

fn first_of<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.trim().is_empty() { otherwise } else { text }
}

/// Only what a mail program may safely open.
fn web_page(url: &str) -> String {
    if url.starts_with("https://") || url.starts_with("http://") { url.to_owned() } else { String::new() }
}
