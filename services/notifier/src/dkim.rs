//! DKIM signatures (RFC 6376; Ed25519 by RFC 8463), relaxed/relaxed, over the headers that matter and the whole body.
//!
//! lettre can sign too, with a crate whose RSA is open to timing attacks (RUSTSEC-2023-0071); ring is here for TLS anyway.

use std::{
    fmt, fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chrono::{DateTime, Utc};
use rejoinder_pipeline::files::Watched;
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, pem::PemObject};

use crate::{Settings, SettingsError};

/// What is signed where it stands in the mail.
const SIGNED: [&str; 14] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];
/// What nobody may add on the way either: it is signed once more than it stands there.
const SEALED: [&str; 5] = ["from", "to", "cc", "reply-to", "subject"];
/// Longest line of the signature's text.
const LINE: usize = 72;

/// Signs mails with the key of a domain.
pub struct Signer {
    selector: String,
    domain: String,
    path: std::path::PathBuf,
    key: Mutex<(Watched, Arc<Key>)>,
}

enum Key {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}._domainkey.{})", self.selector, self.domain)
    }
}

impl Signer {
    /// Reads the key; `None` where the settings have none. The key is PEM: RSA (PKCS #1 or #8, 2048 bits or more) or Ed25519
    /// (PKCS #8).
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, SettingsError> {
        let Some(path) = &settings.dkim.private_key_file else { return Ok(None) };
        let domain = match settings.dkim.domain.as_str() {
            "" => settings.from.domain(),
            domain => domain,
        };
        let watched = Watched::new([path.clone()]);
        let key = Mutex::new((watched, Arc::new(Key::read(path)?)));
        Ok(Some(Self { selector: settings.dkim.selector.clone(), domain: domain.to_owned(), path: path.clone(), key }))
    }

    /// The mail with its signature in front. The same mail and time have the same signature.
    pub fn sign(&self, mail: &[u8], time: DateTime<Utc>) -> Result<Vec<u8>, SignError> {
        let key = self.key();
        let (head, body) = split(mail).ok_or(SignError("the mail has no headers"))?;
        let headers = headers(head);
        let names = names(&headers);
        let unsigned = format!(
            "v=1; a={}; c=relaxed/relaxed; d={}; s={}; t={};\r\n h={};\r\n bh={};\r\n b=",
            key.algorithm(),
            self.domain,
            self.selector,
            time.timestamp(),
            names.join(":\r\n "),
            BASE64.encode(Sha256::digest(relaxed_body(body))),
        );
        let mut signed = selected(&headers, &names);
        signed.push_str(relaxed_header("dkim-signature", &unsigned).trim_end());
        let signature = BASE64.encode(key.sign(signed.as_bytes())?);
        let mut out = format!("DKIM-Signature: {unsigned}").into_bytes();
        for (number, line) in signature.as_bytes().chunks(LINE).enumerate() {
            if number > 0 {
                out.extend_from_slice(b"\r\n ");
            }
            out.extend_from_slice(line);
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(mail);
        Ok(out)
    }

    fn key(&self) -> Arc<Key> {
        let mut held = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0.changed() {
            match Key::read(&self.path) {
                Ok(key) => {
                    tracing::info!("the DKIM key has changed and was read again");
                    held.1 = Arc::new(key);
                }
                Err(error) => tracing::error!(%error, "the DKIM key has changed to what cannot be used"),
            }
        }
        Arc::clone(&held.1)
    }
}

/// Why a mail could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mail could not be signed: {0}")]
pub struct SignError(&'static str);

impl Key {
    fn read(path: &Path) -> Result<Self, SettingsError> {
        let refused = |detail| SettingsError::DkimKey { path: path.to_owned(), source: io::Error::other(detail) };
        let pem = fs::read(path).map_err(|source| SettingsError::DkimKey { path: path.to_owned(), source })?;
        let no_key = "no PEM with a private key in it";
        match PrivateKeyDer::from_pem_slice(&pem).map_err(|_| refused(no_key))? {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).map(Key::Rsa),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
                    .map(Key::Ed25519)
                    .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Key::Rsa))
            }
            _ => return Err(refused("neither an RSA key nor an Ed25519 key")),
        }
        .map_err(|_| refused("neither an RSA key of 2048 bits or more nor an Ed25519 key"))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Key::Rsa(_) => "rsa-sha256",
            Key::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, SignError> {
        match self {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
                    .map_err(|_| SignError("the RSA key refused"))?;
                Ok(signature)
            }
            Key::Ed25519(key) => Ok(key.sign(&Sha256::digest(text)).as_ref().to_vec()),
        }
    }
}

/// The headers as text, each line with its end, and the body.
fn split(mail: &[u8]) -> Option<(&str, &[u8])> {
    let end = mail.windows(4).position(|window| window == b"\r\n\r\n")? + 2;
    Some((std::str::from_utf8(&mail[..end]).ok()?, &mail[end + 2..]))
}

/// Each header's name in lower case, and its value with the folds.
fn headers(head: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.split_inclusive("\r\n") {
        match (line.starts_with([' ', '\t']), headers.last_mut()) {
            (true, Some((_, value))) => value.push_str(line),
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                headers.push((name.trim_end().to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
    headers
}

/// What is signed: every such header as often as it stands there, and the sealed ones once more.
fn names(headers: &[(String, String)]) -> Vec<&'static str> {
    let count = |name: &str| headers.iter().filter(|(each, _)| each == name).count();
    let present = SIGNED.iter().flat_map(|name| std::iter::repeat_n(*name, count(name)));
    present.chain(SEALED).collect()
}

/// The headers of these names, the last one of a name first; a name that is left over stands for nothing.
fn selected(headers: &[(String, String)], names: &[&str]) -> String {
    let mut left: Vec<_> = headers.iter().collect();
    let mut text = String::new();
    for name in names {
        if let Some(at) = left.iter().rposition(|(each, _)| each == name) {
            let (name, value) = left.remove(at);
            text.push_str(&relaxed_header(name, value));
        }
    }
    text
}

/// RFC 6376, 3.4.2.
fn relaxed_header(name: &str, value: &str) -> String {
    let words: Vec<&str> = value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect();
    format!("{name}:{}\r\n", words.join(" "))
}

/// RFC 6376, 3.4.4.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    // As long as the text is up to the last line that is not empty.
    let mut end = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        let mut space = false;
        let begun = out.len();
        for byte in line {
            match byte {
                b' ' | b'\t' => space = true,
                byte => {
                    if std::mem::take(&mut space) {
                        out.push(b' ');
                    }
                    out.push(*byte);
                }
            }
        }
        let empty = out.len() == begun;
        out.extend_from_slice(b"\r\n");
        if !empty {
            end = out.len();
        }
    }
    out.truncate(end);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6376, 3.4.5.
    #[test]
    fn the_standards_own_example_comes_out() {
        let mail = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (head, body) = split(mail).expect("headers");
        assert_eq!(selected(&headers(head), &["a", "b"]), "a:X\r\nb:Y Z\r\n");
        assert_eq!(relaxed_body(body), b" C\r\nD E\r\n");
        assert_eq!(relaxed_body(b"\r\n\r\n"), b"");
    }

    #[test]
    fn what_nobody_may_add_is_signed_once_more() {
        let headers = headers("From: a\r\nSubject: b\r\nX-Other: c\r\n");
        assert_eq!(names(&headers), ["from", "subject", "from", "to", "cc", "reply-to", "subject"]);
        let twice = super::headers("From: 1\r\nFrom: 2\r\n");
        assert_eq!(selected(&twice, &["from", "from", "from"]), "from:2\r\nfrom:1\r\n");
    }
}
