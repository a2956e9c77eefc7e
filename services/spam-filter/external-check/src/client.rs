use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat};
use rejoinder_proto::{millis, v1::Comment};
use rejoinder_spam_filter::external::{ExternalCheck, Opinion, Unanswered};
use reqwest::{Client, Response, StatusCode, Url, header::HeaderMap, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::{Settings, SettingsError};

/// The longest answer that is read, in bytes; those of the contract have less than fifty.
const MAX_ANSWER_BYTES: usize = 1_024;
/// The field that people cannot see, as the service is told of it.
const HONEYPOT_FIELD: &str = "rejoinder_honeypot";
/// Stands for an address that nobody knows: the contract asks for one.
const UNKNOWN_IP: &str = "127.0.0.1";

/// A service that speaks Akismet.
pub struct AkismetCheck {
    client: Client,
    endpoint: Url,
    key: SecretString,
    blog: String,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// TLS.
    #[error("TLS cannot be set up")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// The HTTP client.
    #[error("the HTTP client cannot be set up")]
    Http(#[from] reqwest::Error),
}

impl AkismetCheck {
    /// A client of the service that the settings name. Nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        settings.check()?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .user_agent(concat!("Rejoinder/", env!("CARGO_PKG_VERSION")))
            .timeout(settings.timeout())
            .pool_idle_timeout(Duration::from_secs(30))
            // Elsewhere would be somebody else.
            .redirect(Policy::none())
            .build()?;
        Ok(Self { client, endpoint: settings.endpoint()?, key: settings.key.clone(), blog: settings.blog.clone() })
    }

    fn form<'a>(&'a self, comment: &'a Comment, again: bool) -> Vec<(&'static str, &'a str)> {
        let text = |text: Option<&'a String>| text.map_or("", String::as_str);
        let (author, client) = (comment.author.as_ref(), comment.client.as_ref());
        let ip = text(client.map(|client| &client.ip));
        let mut form = vec![
            ("api_key", self.key.expose_secret()),
            ("blog", &self.blog),
            ("blog_charset", "UTF-8"),
            ("user_ip", if ip.is_empty() { UNKNOWN_IP } else { ip }),
            ("user_agent", text(client.map(|client| &client.user_agent))),
            ("referrer", text(client.map(|client| &client.referrer))),
            ("permalink", text(comment.thread.as_ref().map(|thread| &thread.url))),
            ("comment_type", if comment.parent_id.is_empty() { "comment" } else { "reply" }),
            ("comment_author", text(author.map(|author| &author.name))),
            ("comment_author_email", text(author.map(|author| &author.email))),
            ("comment_author_url", text(author.map(|author| &author.url))),
            ("comment_content", &comment.text),
            ("honeypot_field_name", HONEYPOT_FIELD),
            (HONEYPOT_FIELD, if client.is_some_and(|client| client.honeypot_filled) { "filled" } else { "" }),
            ("recheck_reason", if again { "recheck" } else { "" }),
        ];
        form.retain(|(_, value)| !value.is_empty());
        form
    }
}

#[async_trait]
impl ExternalCheck for AkismetCheck {
    async fn ask(&self, comment: &Comment, again: bool) -> Result<Opinion, Unanswered> {
        let mut form = self.form(comment, again);
        let written = DateTime::from_timestamp_millis(millis(comment.submitted_at.as_ref()));
        let written = written.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default();
        form.push(("comment_date_gmt", &written));
        let answer = self.client.post(self.endpoint.clone()).form(&form).send().await.map_err(|error| away(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = body(answer).await?;
        opinion(status, &headers, &body)
    }
}

/// What an answer means. Only the contract's own words count: whatever else comes is no answer.
fn opinion(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Opinion, Unanswered> {
    if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS && status != StatusCode::REQUEST_TIMEOUT {
        return Err(Unanswered::Refused(format!("HTTP {}", status.as_u16())));
    }
    if status != StatusCode::OK {
        return Err(Unanswered::Away(format!("HTTP {}", status.as_u16())));
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (body.trim_ascii(), header("x-akismet-error")) {
        (b"true", _) if header("x-akismet-pro-tip") == Some("discard") => Ok(Opinion::Discard),
        (b"true", _) => Ok(Opinion::Spam),
        (b"false", Some("needs-review")) => Ok(Opinion::Review),
        // A suspended key is answered so: nothing was checked.
        (b"false", Some(_)) => Err(Unanswered::Refused("x-akismet-error".to_owned())),
        (b"false", None) if headers.contains_key("x-akismet-recheck-after") => Err(Unanswered::Later),
        (b"false", None) => Ok(Opinion::Ham),
        (b"invalid", _) => Err(Unanswered::Refused("it says invalid; see that key and blog are right".to_owned())),
        _ => Err(Unanswered::Away("an answer that is none".to_owned())),
    }
}

async fn body(mut answer: Response) -> Result<Vec<u8>, Unanswered> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| away(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(Unanswered::Away("an answer that is too long".to_owned()));
        }
    }
    Ok(body)
}

/// The kind of failure; the client's own words hold the address.
fn away(error: &reqwest::Error) -> Unanswered {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    Unanswered::Away(what.to_owned())
}

/// Trusts the system's authorities.
fn tls() -> Result<ClientConfig, tokio_rustls::rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
