//! The mail about a held comment: its words, its headers, its links.

mod text;
mod view;

use std::time::SystemTime;

use lettre::{
    Message,
    message::{
        Mailbox, MultiPart, MultiPartKind, SinglePart,
        header::{Date, HeaderName, HeaderValue},
    },
};
use rejoinder_proto::{Event, Topic, headers::Headers, token::TokenKeys, v1};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::view::View;
use crate::{Email, Moderator, NewMail, Policy, Settings};

/// A mail that is ready to go out.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// The outbox row; it makes the Message-ID.
    pub id: Uuid,
    /// The envelope's sender.
    pub from: Email,
    /// The envelope's recipient.
    pub to: Email,
    /// The whole mail by RFC 5322, ASCII, lines ended by CRLF.
    pub bytes: Vec<u8>,
}

/// Why a row makes no mail.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The row's event cannot be read.
    #[error("the outbox row's event has no comment in it")]
    Event,
    /// Headers or templates do not come together.
    #[error("the mail could not be written: {0}")]
    Write(String),
}

/// Writes the mail of a row: the same bytes whenever it is called with the same arguments.
pub fn compose(
    owed: &NewMail,
    policy: &Policy,
    moderator: &Moderator,
    settings: &Settings,
    keys: &TokenKeys,
) -> Result<Mail, ComposeError> {
    let event = <v1::CommentScreened as Event>::decode(Topic::Screened, &Headers::new(), Some(&owed.event))
        .map_err(|_| ComposeError::Event)?;
    let comment = event.comment.as_ref().ok_or(ComposeError::Event)?;
    let view = View::new(owed, &event, comment, policy, moderator, settings, keys);
    let (text, html) = (view.text().map_err(unwritten)?, view.html().map_err(unwritten)?);

    let domain = settings.from.domain();
    let thread = comment.thread.as_ref().map_or("", |thread| thread.id.as_str());
    let root = format!("<thread.{}@{domain}>", digest(&[comment.site.as_bytes(), thread.as_bytes()]));
    let mailbox = |name: &str, email: &Email| Mailbox::new(Some(text::line(name, 100)), email.address().clone());
    let message = Message::builder()
        .message_id(Some(format!("<held.{}@{domain}>", owed.id)))
        .header(Date::new(SystemTime::from(owed.created_at)))
        .from(mailbox(&settings.from_name, &settings.from))
        .to(mailbox(&moderator.name, &moderator.email))
        .subject(view.subject())
        .in_reply_to(root.clone())
        .references(root)
        .raw_header(header("List-Id", format!("<held-comments.{}.{domain}>", slug(&comment.site))))
        .raw_header(header("Auto-Submitted", "auto-generated".into()))
        .multipart(
            // A boundary that follows from the content is the same on a resend, and cannot be foreseen inside of it.
            MultiPart::builder()
                .kind(MultiPartKind::Alternative)
                .boundary(format!("=_{}", digest(&[owed.id.as_bytes(), text.as_bytes(), html.as_bytes()])))
                .singlepart(SinglePart::plain(text))
                .singlepart(SinglePart::html(html)),
        )
        .map_err(unwritten)?;
    Ok(Mail { id: owed.id, from: settings.from.clone(), to: moderator.email.clone(), bytes: message.formatted() })
}

fn unwritten(error: impl std::error::Error) -> ComposeError {
    ComposeError::Write(error.to_string())
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A site's key as a label of a list's name (RFC 2919).
fn slug(site: &str) -> String {
    site.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

#[cfg(test)]
mod tests;
