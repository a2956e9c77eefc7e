use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

/// An answer to an export is short; a longer one is none.
const ANSWER: u64 = 1 << 20;

/// Sends exports over HTTP/1.1. It blocks: exporters have a thread each. Whom the system trusts is trusted.
#[derive(Debug)]
pub struct Client(Agent);

impl Client {
    /// `timeout` bounds a whole request.
    pub fn new(timeout: Duration) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder().tls_config(tls).timeout_global(Some(timeout)).http_status_as_error(false);
        Self(config.build().into())
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let (head, mut body) = self.0.run(Request::from_parts(head, body.to_vec()))?.into_parts();
        let bytes = body.with_config().limit(ANSWER).read_to_vec()?;
        Ok(Response::from_parts(head, bytes.into()))
    }
}
