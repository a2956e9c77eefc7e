//! The mails that the dev mode "sent": `.eml` files of a folder, shown as a mail program would.

use std::{cmp::Reverse, io, path::Path, sync::Arc};

use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use linkify::{LinkFinder, LinkKind};
use mail_parser::{Address, Message, MessageParser, PartType};
use tokio::fs;

use crate::{Problem, ProblemKind, Shared, page, read::Segment};

/// How many mails the list shows, the newest.
const SHOWN: usize = 200;
/// Links in a mail open in the place of the whole page, and only when a person clicks.
const SANDBOX: &str = "allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation";

#[derive(Template)]
#[template(path = "mailbox.html")]
struct List {
    mails: Vec<Summary>,
}

struct Summary {
    file: String,
    from: String,
    to: String,
    subject: String,
    date: String,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Mail {
    summary: Summary,
    has_html: bool,
    sandbox: &'static str,
    text: Vec<Piece>,
    headers: Vec<(String, String)>,
}

/// A stretch of plain text, and the address when it is a link.
struct Piece {
    text: String,
    href: String,
}

/// `GET /mailbox`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let Some(dev) = &shared.gateway.dev else { return page::problem(&absent()) };
    match newest(&dev.mailbox).await {
        Ok(mails) => page::render(StatusCode::OK, &List { mails }, &[]),
        Err(error) => page::problem(&unreadable(&error)),
    }
}

/// `GET /mailbox/{file}`.
pub(super) async fn show(State(shared): State<Arc<Shared>>, file: Segment) -> Response {
    let bytes = match read(&shared, &file.0).await {
        Ok(bytes) => bytes,
        Err(problem) => return page::problem(&problem),
    };
    let Some(message) = MessageParser::default().parse(&bytes) else { return page::problem(&absent()) };
    let text = message.body_text(0).unwrap_or_default();
    let raw = message.headers_raw().map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let mail = Mail {
        summary: summary(&file.0, &message),
        has_html: html_part(&message).is_some(),
        sandbox: SANDBOX,
        text: pieces(&text),
        headers: raw.collect(),
    };
    page::render(StatusCode::OK, &mail, &[])
}

/// `GET /mailbox/{file}/html`: the HTML part alone, for the frame of the page above.
pub(super) async fn html(State(shared): State<Arc<Shared>>, file: Segment) -> Response {
    let bytes = match read(&shared, &file.0).await {
        Ok(bytes) => bytes,
        Err(problem) => return page::problem(&problem),
    };
    let message = MessageParser::default().parse(&bytes);
    let Some(html) = message.as_ref().and_then(html_part) else { return page::problem(&absent()) };
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox {SANDBOX}"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store".into()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
    ];
    (headers, Html(with_base(html))).into_response()
}

async fn newest(folder: &Path) -> io::Result<Vec<Summary>> {
    let mut files = Vec::new();
    let mut entries = match fs::read_dir(folder).await {
        Ok(entries) => entries,
        // No mail was sent yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    while let Some(entry) = entries.next_entry().await? {
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if is_mail(&name) {
            files.push((entry.metadata().await?.modified()?, name));
        }
    }
    files.sort_by_key(|file| Reverse(file.clone()));
    let mut mails = Vec::new();
    for (_, file) in files.into_iter().take(SHOWN) {
        let bytes = fs::read(folder.join(&file)).await?;
        if let Some(message) = MessageParser::default().parse(&bytes) {
            mails.push(summary(&file, &message));
        }
    }
    Ok(mails)
}

async fn read(shared: &Shared, file: &str) -> Result<Vec<u8>, Problem> {
    let dev = shared.gateway.dev.as_ref().filter(|_| is_mail(file)).ok_or_else(absent)?;
    fs::read(dev.mailbox.join(file)).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => absent(),
        _ => unreadable(&error),
    })
}

/// A plain file name, never a path.
fn is_mail(name: &str) -> bool {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@+=,".contains(c));
    plain && !name.starts_with('.') && name.ends_with(".eml")
}

fn absent() -> Problem {
    Problem::new(ProblemKind::NotFound, "there is no such mail")
}

fn unreadable(error: &io::Error) -> Problem {
    tracing::error!(%error, "the mailbox folder could not be read");
    Problem::new(ProblemKind::Defect, "the mailbox folder cannot be read; see the log")
}

fn summary(file: &str, message: &Message<'_>) -> Summary {
    Summary {
        file: file.to_owned(),
        from: people(message.from()),
        to: people(message.to()),
        subject: message.subject().filter(|s| !s.is_empty()).unwrap_or("(no subject)").to_owned(),
        date: message
            .date()
            .map(|date| date.to_rfc3339())
            .and_then(|d| d.parse().ok())
            .map_or_else(String::new, |d| page::date(&d)),
    }
}

fn people(addresses: Option<&Address<'_>>) -> String {
    let shown = addresses.into_iter().flat_map(Address::iter).map(|who| match (&who.name, &who.address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(only), None) | (None, Some(only)) => only.to_string(),
        (None, None) => String::new(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn html_part<'m>(message: &'m Message<'_>) -> Option<&'m str> {
    message.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.as_ref()),
        _ => None,
    })
}

/// Lets links leave the frame. After `<head>` where there is one, so that the doctype stays first.
fn with_base(html: &str) -> String {
    const BASE: &str = "<base target=\"_top\">";
    let lower = html.to_ascii_lowercase();
    let after_head = lower.find("<head").and_then(|at| lower[at..].find('>').map(|end| at + end + 1)).unwrap_or(0);
    format!("{}{BASE}{}", &html[..after_head], &html[after_head..])
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    let piece = |span: linkify::Span<'_>| {
        let href = span.kind().and_then(|_| page::href(span.as_str())).unwrap_or_default();
        Piece { text: span.as_str().to_owned(), href: href.to_owned() }
    };
    finder.spans(text).map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_file_names_are_mails() {
        for good in ["1.eml", "2026-11-24T22-01_a@b.example.eml"] {
            assert!(is_mail(good), "{good}");
        }
        for bad in ["", ".eml", "a", "../a.eml", "a/b.eml", "a\\b.eml", "a.eml/", ".a.eml", "a\0.eml"] {
            assert!(!is_mail(bad), "{bad}");
        }
    }

    #[test]
    fn the_base_goes_into_the_head() {
        let base = "<base target=\"_top\">";
        assert_eq!(with_base("<!doctype html><HEAD lang=x><p>"), format!("<!doctype html><HEAD lang=x>{base}<p>"));
        assert_eq!(with_base("<p>سلام"), format!("{base}<p>سلام"));
    }

    #[test]
    fn links_in_plain_text_are_found() {
        let found = pieces("Approve: http://127.0.0.1/moderate/1.a_-.b.c\nhello");
        let links: Vec<_> = found.iter().map(|p| p.href.as_str()).filter(|href| !href.is_empty()).collect();
        assert_eq!(links, ["http://127.0.0.1/moderate/1.a_-.b.c"]);
        let whole: String = found.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(whole, "Approve: http://127.0.0.1/moderate/1.a_-.b.c\nhello");
    }
}
