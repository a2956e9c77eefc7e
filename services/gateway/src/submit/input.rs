//! What a reader typed, parsed from JSON or from a form.

use std::{collections::BTreeSet, fmt};

use axum::http::{HeaderMap, HeaderName, header, request::Parts};
use rejoinder_proto::{
    millis, now,
    v1::{self, FieldError},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, error::Category};
use uuid::Uuid;

use super::body::Encoding;
use crate::{Problem, ProblemKind, client, problem::field_error, query};

/// A field that people do not see and programs like to fill in. Browsers have nothing to complete it with.
pub const HONEYPOT_FIELD: &str = "subject";
/// A hidden field with the moment at which the form was shown, in milliseconds since 1970.
pub const SHOWN_AT_FIELD: &str = "shown_at";
/// A hidden field of a form with the page to go to afterwards: a path, or a page of one of the site's origins.
pub const REDIRECT_FIELD: &str = "redirect_to";

/// What is kept of a header, in bytes; the validator's own limits are lower.
const MAX_HEADER_BYTES: usize = 1_000;

/// A submission's fields as they came. An absent field is an empty one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Input {
    pub thread: String,
    pub parent: String,
    pub name: String,
    pub email: String,
    pub url: String,
    pub body: String,
    pub thread_title: String,
    pub thread_url: String,
    pub honeypot: String,
    pub shown_at: String,
    /// The page that the form wants to return to; unchecked.
    pub redirect_to: String,
    /// Fields of JSON that we do not know, or of another type than text.
    pub wrong: Vec<FieldError>,
}

impl Input {
    /// Reads a body. Errors are about the body as a whole; what is wrong with single fields, [`Input::errors`] says.
    pub(super) fn parse(encoding: Encoding, bytes: &[u8]) -> Result<Self, Problem> {
        let malformed = |detail: String| Problem::new(ProblemKind::Malformed, detail);
        match encoding {
            Encoding::Form => {
                let pairs = query::parse(bytes).map_err(|error| malformed(error.to_string()))?;
                // Forms carry buttons and other things of the page; JSON is written for us alone.
                Self::fill(pairs.into_iter().map(|(name, value)| (name, Value::String(value))), false)
            }
            Encoding::Json => {
                let Members(pairs) = serde_json::from_slice(bytes).map_err(|error| malformed(json_detail(&error)))?;
                Self::fill(pairs, true)
            }
        }
    }

    fn fill(pairs: impl IntoIterator<Item = (String, Value)>, strict: bool) -> Result<Self, Problem> {
        let mut input = Self::default();
        let mut seen = BTreeSet::new();
        for (name, value) in pairs {
            let shown: String = name.chars().take(60).collect();
            let Some(slot) = input.slot(&name) else {
                if strict {
                    input.wrong.push(field_error(
                        &shown,
                        "unknown",
                        format!("there is no field {shown:?}; leave it out"),
                    ));
                }
                continue;
            };
            match value {
                Value::Null => {}
                Value::String(text) => *slot = text,
                Value::Number(number) if name == SHOWN_AT_FIELD => *slot = number.to_string(),
                _ => input.wrong.push(field_error(&shown, "type", format!("{shown} must be a string"))),
            }
            if !seen.insert(name) {
                return Err(Problem::new(ProblemKind::Malformed, format!("{shown} is given twice; send it once")));
            }
        }
        Ok(input)
    }

    fn slot(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "thread" => &mut self.thread,
            "parent" => &mut self.parent,
            "name" => &mut self.name,
            "email" => &mut self.email,
            "url" => &mut self.url,
            "body" => &mut self.body,
            "thread_title" => &mut self.thread_title,
            "thread_url" => &mut self.thread_url,
            HONEYPOT_FIELD => &mut self.honeypot,
            SHOWN_AT_FIELD => &mut self.shown_at,
            REDIRECT_FIELD => &mut self.redirect_to,
            _ => return None,
        })
    }

    /// Fields that are no text at all: unknown, of another type, or with a NUL, which no database keeps.
    pub fn errors(&self) -> Vec<FieldError> {
        let texts = [
            ("thread", &self.thread),
            ("parent", &self.parent),
            ("name", &self.name),
            ("email", &self.email),
            ("url", &self.url),
            ("body", &self.body),
            ("thread_title", &self.thread_title),
            ("thread_url", &self.thread_url),
        ];
        let nul = texts.iter().filter(|(_, text)| text.contains('\0'));
        let nul = nul.map(|(field, _)| field_error(field, "nul", format!("{field} holds a NUL character; remove it")));
        self.wrong.iter().cloned().chain(nul).collect()
    }

    /// The event that says it all.
    pub(super) fn event(&self, id: Uuid, site: &str, parts: &Parts, trusted_proxies: u8) -> v1::CommentSubmitted {
        let submitted_at = now();
        let thread = v1::Thread {
            id: self.thread.clone(),
            url: self.thread_url.clone(),
            title: self.thread_title.clone(),
            ..Default::default()
        };
        let client = v1::Client {
            ip: client::ip(parts, trusted_proxies).map(|ip| ip.to_string()).unwrap_or_default(),
            user_agent: header_text(&parts.headers, &header::USER_AGENT),
            referrer: header_text(&parts.headers, &header::REFERER),
            honeypot_filled: !self.honeypot.is_empty(),
            form_seconds: self.form_seconds(millis(Some(&submitted_at))),
        };
        v1::CommentSubmitted {
            id: id.to_string(),
            site: site.to_owned(),
            thread: Some(thread),
            parent_id: self.parent.clone(),
            author: Some(super::author(self)),
            body: self.body.clone(),
            client: Some(client),
            submitted_at: Some(submitted_at),
        }
    }

    /// How long the form was open; unknown when the field is absent, no number, or not within the last day.
    fn form_seconds(&self, now_ms: i64) -> Option<f64> {
        let shown_at: i64 = self.shown_at.parse().ok()?;
        let open = now_ms.checked_sub(shown_at)?;
        (0..=86_400_000).contains(&open).then(|| open as f64 / 1_000.0)
    }
}

fn header_text(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default();
    value[..value.floor_char_boundary(MAX_HEADER_BYTES)].to_owned()
}

/// A JSON object's members in order, also those that come twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// What the parser found, and where; serde_json's own words may quote the reader's.
fn json_detail(error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    match error.classify() {
        Category::Data => "the body must be a JSON object with the comment's fields".into(),
        Category::Eof => format!("the JSON ends too early at {place}"),
        Category::Syntax | Category::Io => format!("the body is not JSON in UTF-8: see {place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_was_open_for_so_long() {
        let input = |shown_at: &str| Input { shown_at: shown_at.into(), ..Input::default() };
        assert_eq!(input("1000").form_seconds(3_500), Some(2.5));
        for unknown in ["", "soon", "9000", "-99999999999", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(input(unknown).form_seconds(3_500), None, "{unknown}");
        }
    }
}
