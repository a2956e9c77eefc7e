use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rejoinder_proto::{millis, v1::Comment};
use rejoinder_spam_filter::external::{ExternalCheck, Opinion, Unanswered};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use url::Url;

use crate::{Settings, SettingsError};

/// The longest answer that is read, in bytes; those of the contract have less than fifty.
const MAX_ANSWER_BYTES: usize = 1_024;
/// How long a connection may rest before it is closed.
const IDLE: Duration = Duration::from_secs(30);
/// The field that people cannot see, as the service is told of it.
const HONEYPOT_FIELD: &str = "rejoinder_honeypot";
/// Stands for an address that nobody knows: the contract asks for one.
const UNKNOWN_IP: &str = "127.0.0.1";

/// A service that speaks Akismet.
pub struct AkismetCheck {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
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
}

impl AkismetCheck {
    /// A client of the service that the settings name. Nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        settings.check()?;
        let https = HttpsConnectorBuilder::new().with_tls_config(tls()?).https_or_http().enable_http1().build();
        // It follows no redirect: elsewhere would be somebody else.
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(https);
        let (endpoint, key, blog) = (settings.endpoint()?, settings.key.clone(), settings.blog.clone());
        Ok(Self { client, timeout: settings.timeout(), endpoint, key, blog })
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
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(self.endpoint.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
            .header(header::USER_AGENT, concat!("Rejoinder/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(body))
            .map_err(|_| away("its address cannot be asked"))?;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|_| away("no connection"))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|_| away("an answer that breaks off, or is too long"))?.to_bytes();
            opinion(head.status, &head.headers, &body)
        };
        timeout(self.timeout, exchange).await.unwrap_or_else(|_| Err(away("no answer in time")))
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
        _ => Err(away("an answer that is none")),
    }
}

fn away(what: &str) -> Unanswered {
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
