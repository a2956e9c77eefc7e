use std::{borrow::Cow, net::IpAddr};

use chrono::{DateTime, Datelike, SubsecRound, TimeDelta, Utc};
use rejoinder_proto::{Timestamp, v1};
use uuid::Uuid;

use crate::{
    Code, Field, FieldError, Fingerprint, Policy,
    address::{self, NoLink},
    clean, markdown,
};

/// A raw text longer than this many times its limit is not even cleaned. Cleaning only ever shortens what people write,
/// by less than this.
const RAW_FACTOR: usize = 4;
/// An IP address is shorter; what a publisher puts there instead (a pseudonym, say) is cut.
const IP_BYTES: usize = 64;

/// A comment whose fields are right by themselves: normalised, within the limits, safe to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    /// The site.
    pub site: String,
    /// The page; its id is as it came, byte for byte.
    pub thread: v1::Thread,
    /// The comment that it answers.
    pub parent: Option<Uuid>,
    /// Who wrote it. The address is as written, not in lower case.
    pub author: v1::Author,
    /// Markdown.
    pub text: String,
    /// Sanitised HTML.
    pub html: String,
    /// What the publisher saw of the client, cut where it is long.
    pub client: v1::Client,
    /// When it was submitted, to the microsecond.
    pub submitted_at: DateTime<Utc>,
}

/// Reads every field of a submitted comment, or says what is wrong with each that is wrong. Looks at nothing else: no
/// clock, no history. The comment's id and the existence of its site are the caller's to check.
pub fn check_fields(submitted: &v1::CommentSubmitted, policy: &Policy) -> Result<Fields, Vec<FieldError>> {
    let mut errors = Vec::new();
    let site = keep(required(&submitted.site, Field::Site, "the site is missing"), &mut errors);
    let submitted_at = keep(submitted_at(submitted.submitted_at.as_ref()), &mut errors);
    let thread = keep(thread(submitted.thread.as_ref(), policy), &mut errors);
    if !thread.id.is_empty() {
        keep(open(&thread, submitted_at, policy), &mut errors);
    }
    let parent = keep(parent(&submitted.parent_id), &mut errors);
    let written = submitted.author.as_ref();
    let author = v1::Author {
        name: keep(name(written.map_or("", |author| &author.name), policy), &mut errors),
        email: keep(email(written.map_or("", |author| &author.email), policy), &mut errors),
        url: keep(author_url(written.map_or("", |author| &author.url), policy), &mut errors),
    };
    let text = keep(body(&submitted.body, policy), &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let html = markdown::render(&text, &policy.url_schemes);
    let client = submitted.client.as_ref().map(|client| self::client(client, policy)).unwrap_or_default();
    Ok(Fields { site, thread, parent, author, text, html, client, submitted_at })
}

impl Fields {
    /// What makes two comments the same one; `id` is the comment's.
    pub fn fingerprint(&self, id: Uuid, policy: &Policy) -> Fingerprint {
        let mut buffers = [Uuid::encode_buffer(); 2];
        let [parent_buffer, id_buffer] = &mut buffers;
        let parent = self.parent.map_or("", |parent| parent.hyphenated().encode_lower(parent_buffer));
        let email = self.email_key();
        let parts = [self.site.as_str(), &self.thread.id, parent, &self.author.name, &email, &self.text];
        if policy.reject_duplicates {
            return Fingerprint::of(&parts);
        }
        let [site, thread, parent, name, email, text] = parts;
        Fingerprint::of(&[site, thread, parent, name, email, text, id.hyphenated().encode_lower(id_buffer)])
    }

    /// The author's address as it is compared: in lower case; may be empty.
    pub fn email_key(&self) -> Cow<'_, str> {
        let email = self.author.email.as_str();
        let is_lower = email.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
        if is_lower { Cow::Borrowed(email) } else { Cow::Owned(email.to_lowercase()) }
    }

    /// The comment as it goes on.
    pub fn into_comment(self, id: Uuid, fingerprint: Fingerprint, origin: v1::Origin) -> v1::Comment {
        v1::Comment {
            id: id.to_string(),
            site: self.site,
            thread: Some(self.thread),
            parent_id: self.parent.map(|parent| parent.to_string()).unwrap_or_default(),
            author: Some(self.author),
            text: self.text,
            html: self.html,
            client: Some(self.client),
            submitted_at: Some(to_timestamp(self.submitted_at)),
            fingerprint: fingerprint.0.to_vec(),
            origin: Some(origin),
        }
    }
}

/// The value, or a stand-in after noting what is wrong with it.
fn keep<T: Default>(result: Result<T, FieldError>, errors: &mut Vec<FieldError>) -> T {
    result.unwrap_or_else(|error| {
        errors.push(error);
        T::default()
    })
}

fn required(raw: &str, field: Field, message: &str) -> Result<String, FieldError> {
    if clean::is_visible(raw) { Ok(raw.to_owned()) } else { Err(FieldError::new(field, Code::Required, message)) }
}

fn submitted_at(raw: Option<&Timestamp>) -> Result<DateTime<Utc>, FieldError> {
    let error = |code, message| FieldError::new(Field::SubmittedAt, code, message);
    let raw = raw.ok_or_else(|| error(Code::Required, "the time of submission is missing"))?;
    to_time(raw).ok_or_else(|| error(Code::Syntax, "is not a time between the years 1970 and 9999"))
}

/// `None` outside of the years that every database and calendar here can hold.
pub(crate) fn to_time(raw: &Timestamp) -> Option<DateTime<Utc>> {
    let nanos = u32::try_from(raw.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    let time = DateTime::from_timestamp(raw.seconds, nanos)?;
    (1970..=9999).contains(&time.year()).then(|| time.trunc_subsecs(6))
}

pub(crate) fn to_timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: time.timestamp(), nanos: time.timestamp_subsec_nanos() as i32 }
}

fn thread(raw: Option<&v1::Thread>, policy: &Policy) -> Result<v1::Thread, FieldError> {
    let error = |code, message: &str| FieldError::new(Field::Thread, code, message);
    let missing = || error(Code::Required, "the id of the thread (the page that the comment stands under) is missing");
    let raw = raw.filter(|thread| clean::is_visible(&thread.id)).ok_or_else(missing)?;
    if raw.id.len() > policy.thread_id_bytes {
        return Err(FieldError::too_long(Field::Thread, policy.thread_id_bytes));
    }
    if raw.id.contains(char::is_control) {
        return Err(error(Code::Syntax, "the id of the thread holds control characters; none are allowed"));
    }
    let url = raw.url.trim();
    if url.len() > policy.thread_url_bytes {
        let limit = policy.thread_url_bytes;
        return Err(error(Code::TooLong, &format!("the thread's URL is too long; at most {limit} bytes are allowed")));
    }
    // The page's own address may be http even where links may not.
    let url = match url {
        "" => String::new(),
        _ => address::link(url, &Policy::default().url_schemes).map(String::from).map_err(|_| {
            error(Code::Syntax, "the thread's URL is not an http or https URL without user name and password")
        })?,
    };
    let published_at = match &raw.published_at {
        None => None,
        Some(time) => {
            let time = to_time(time).ok_or_else(|| {
                error(Code::Syntax, "the thread's time of publication is not between the years 1970 and 9999")
            })?;
            Some(to_timestamp(time))
        }
    };
    Ok(v1::Thread {
        id: raw.id.clone(),
        url,
        title: cut_line(&raw.title, policy.thread_title_bytes),
        published_at,
        closed: raw.closed,
    })
}

/// Whether a thread takes comments: it is not closed by its publisher, by the policy, or by its age.
fn open(thread: &v1::Thread, submitted_at: DateTime<Utc>, policy: &Policy) -> Result<(), FieldError> {
    let error = |message: String| FieldError::new(Field::Thread, Code::Closed, message);
    if thread.closed || policy.closed_threads.contains(&thread.id) {
        return Err(error("comments on this page are closed".to_owned()));
    }
    let days = policy.close_after_days;
    let published_at = thread.published_at.as_ref().and_then(to_time);
    let too_old = |published: DateTime<Utc>| submitted_at - published > TimeDelta::days(i64::from(days));
    if days > 0 && published_at.is_some_and(too_old) {
        return Err(error(format!("comments on this page are closed; they close {days} days after publication")));
    }
    Ok(())
}

fn parent(raw: &str) -> Result<Option<Uuid>, FieldError> {
    match raw.trim() {
        "" => Ok(None),
        id => Uuid::parse_str(id).map(Some).map_err(|_| {
            FieldError::new(Field::Parent, Code::Syntax, "is not a comment's id; give a UUID, or leave it out")
        }),
    }
}

fn name(raw: &str, policy: &Policy) -> Result<String, FieldError> {
    let name = limited(raw, Field::Name, policy.name_bytes, clean::name)?;
    if clean::is_visible(&name) {
        Ok(name)
    } else if policy.require_name_email {
        Err(FieldError::new(Field::Name, Code::Required, "a name is required"))
    } else {
        Ok(String::new())
    }
}

fn email(raw: &str, policy: &Policy) -> Result<String, FieldError> {
    let email = limited(raw, Field::Email, policy.email_bytes, clean::line)?;
    if email.is_empty() && policy.require_name_email {
        return Err(FieldError::new(Field::Email, Code::Required, "an email address is required; it is not published"));
    }
    if !email.is_empty() && !address::is_email(&email) {
        let message = "is not an email address; write it like name@example.org";
        return Err(FieldError::new(Field::Email, Code::Syntax, message));
    }
    Ok(email)
}

fn author_url(raw: &str, policy: &Policy) -> Result<String, FieldError> {
    let written = limited(raw, Field::Url, policy.url_bytes, clean::line)?;
    if written.is_empty() {
        return Ok(written);
    }
    let url = address::author_link(&written, &policy.url_schemes).map_err(|problem| {
        let (code, message) = match problem {
            NoLink::Syntax => (Code::Syntax, "is not a URL; write it like https://example.org".to_owned()),
            NoLink::Scheme => (Code::Scheme, allowed_schemes(policy)),
            NoLink::Credentials => (Code::Credentials, "holds a user name or a password; leave them out".to_owned()),
        };
        FieldError::new(Field::Url, code, message)
    })?;
    // Written with ASCII only, it may have grown.
    if url.as_str().len() > policy.url_bytes {
        return Err(FieldError::too_long(Field::Url, policy.url_bytes));
    }
    Ok(url.into())
}

fn allowed_schemes(policy: &Policy) -> String {
    let schemes: Vec<_> = policy.url_schemes.iter().map(|scheme| format!("{}://", scheme.as_str())).collect();
    match schemes.as_slice() {
        [] => "URLs are not taken here; leave it out".to_owned(),
        schemes => format!("must begin with {}", schemes.join(" or ")),
    }
}

fn body(raw: &str, policy: &Policy) -> Result<String, FieldError> {
    let text = limited(raw, Field::Body, policy.body_bytes, clean::text)?;
    if clean::is_visible(&text) {
        Ok(text)
    } else {
        Err(FieldError::new(Field::Body, Code::Required, "the comment is empty; write something"))
    }
}

fn limited(raw: &str, field: Field, limit: usize, clean: fn(&str) -> String) -> Result<String, FieldError> {
    if raw.len() > limit.saturating_mul(RAW_FACTOR) {
        return Err(FieldError::too_long(field, limit));
    }
    let text = clean(raw);
    if text.len() > limit { Err(FieldError::too_long(field, limit)) } else { Ok(text) }
}

fn cut_line(raw: &str, bytes: usize) -> String {
    let line = clean::line(clean::cut(raw, bytes.saturating_mul(RAW_FACTOR)));
    // What stands at the cut may have lost what it was kept for: a joiner, the letter after it.
    if line.len() > bytes { clean::line(clean::cut(&line, bytes)) } else { line }
}

fn client(raw: &v1::Client, policy: &Policy) -> v1::Client {
    v1::Client {
        ip: ip(&raw.ip),
        user_agent: cut_line(&raw.user_agent, policy.user_agent_bytes),
        referrer: cut_line(&raw.referrer, policy.referrer_bytes),
        honeypot_filled: raw.honeypot_filled,
        form_seconds: raw.form_seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0),
    }
}

/// One spelling for one address: `::ffff:192.0.2.1` is `192.0.2.1`, and letters are lower case. It is cleaned before it is
/// read, or an invisible character would give an address a second spelling.
fn ip(raw: &str) -> String {
    let lower = clean::cut(raw, IP_BYTES.saturating_mul(RAW_FACTOR)).to_lowercase();
    let line = cut_line(&lower, IP_BYTES);
    line.parse::<IpAddr>().map_or(line, |address| address.to_canonical().to_string())
}
