use std::{env, fs, io, net::IpAddr, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::Email;

/// How mail leaves the process. All times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The mails' sender. Its domain also makes the Message-IDs. Default: rejoinder@localhost, which no server outside
    /// takes; set it to an address of a domain that the SMTP server may send for (SPF, DKIM).
    pub from: Email,
    /// The sender's name. Default: Rejoinder.
    pub from_name: String,
    /// Where moderators reach the gateway; their links start with it. No key of this section: the gateway needs it as
    /// well, so whoever reads the configuration fills it in.
    #[serde(skip)]
    pub public_url: String,
    /// How long the links in a mail work, in days. Default: 14, so that a holiday does not make them useless, and a
    /// mailbox that leaks next year does no harm.
    pub token_days: u32,
    /// Where mail goes: "folder" or "smtp". Default: folder, which needs no server.
    pub backend: Backend,
    /// Backend folder: where the mails are written, one .eml file each. Default: mailbox, in the data folder.
    pub folder: PathBuf,
    /// Backend smtp: the server.
    pub smtp: Smtp,
    /// The signature of every mail.
    pub dkim: Dkim,
    /// When a mail that the server did not take is tried again: after so long from each failure, then it is given up.
    /// Default: 5 s, 1 min, 5 min, 30 min, 2 h, 5 h, 10 h: greylisting passes at the second or third, a server that is
    /// mended within half a day loses nothing, and nobody is told a day late.
    pub retry_seconds: Vec<f64>,
    /// How far each of these times is spread at random, as a share of it. Default: 0.2, so that mails that failed
    /// together do not come back together.
    pub retry_jitter: f64,
    /// How often the outbox is looked at when nothing wakes the sender. Default: 1, the delay that a mail may have when
    /// the stage runs in another process.
    pub poll_seconds: f64,
    /// How long a claimed row is out of reach of other senders. Default: 600, above the longest that a mail can take
    /// (six commands of 30 s, twice, after a connection of 10 s): a mail that takes longer would be sent twice.
    pub lease_seconds: f64,
    /// How long to wait for a comment that the store does not have yet. Default: 1.
    pub unstored_wait_seconds: f64,
    /// When to stop waiting for it. Default: 3600: the store is back within the hour, or somebody is looking at it; a
    /// mail about a comment that cannot be opened helps nobody.
    pub unstored_give_up_seconds: f64,
    /// How long settled rows stay in the outbox; while they do, an event that comes again causes no second mail.
    /// Default: 30 days, well above the log's retention.
    pub keep_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let from = "rejoinder@localhost".parse();
        Self {
            from: from.expect("the default address is one"),
            from_name: "Rejoinder".into(),
            public_url: "http://localhost:8080".into(),
            token_days: 14,
            backend: Backend::Folder,
            folder: "mailbox".into(),
            smtp: Smtp::default(),
            dkim: Dkim::default(),
            retry_seconds: vec![5.0, 60.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0],
            retry_jitter: 0.2,
            poll_seconds: 1.0,
            lease_seconds: 600.0,
            unstored_wait_seconds: 1.0,
            unstored_give_up_seconds: 3_600.0,
            keep_days: 30,
        }
    }
}

/// Where mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A folder of .eml files.
    Folder,
    /// An SMTP server.
    Smtp,
}

/// The SMTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// Its name. Default: localhost.
    pub host: String,
    /// Its port. Default: 587, submission (RFC 6409); 465 goes with security "tls".
    pub port: u16,
    /// "starttls", "tls" (from the first byte, RFC 8314) or "none". Default: starttls, which the server must then offer:
    /// nothing is sent in the clear because an answer was tampered with. "none" is for a relay on the same machine or
    /// in the same trusted network, and takes no user name unless the host is this machine.
    pub security: Security,
    /// A PEM file with further authorities to trust, besides the system's. Default: none.
    pub ca_file: Option<PathBuf>,
    /// Log in with this name (AUTH PLAIN, else LOGIN). Default: empty, no login.
    pub username: String,
    /// A file with the password, as secrets are mounted. Default: none.
    pub password_file: Option<PathBuf>,
    /// Else the environment variable with the password. Default: REJOINDER_SMTP_PASSWORD.
    pub password_env: String,
    /// How many connections at most, and so how many mails at a time. Default: 4: one connection carries hundreds of
    /// mails a second, and public servers allow few from one client.
    pub connections: usize,
    /// How long a connection may rest before it is closed. Default: 20, below the 30 s after which impatient servers
    /// close theirs (RFC 5321 asks for 5 minutes).
    pub idle_seconds: f64,
    /// How long a connection may take, with its TLS handshake. Default: 10.
    pub connect_seconds: f64,
    /// How long the server may take for one answer. Default: 30: RFC 5321 allows minutes, but a server that needs them
    /// is asked again later.
    pub command_seconds: f64,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 587,
            security: Security::Starttls,
            ca_file: None,
            username: String::new(),
            password_file: None,
            password_env: "REJOINDER_SMTP_PASSWORD".into(),
            connections: 4,
            idle_seconds: 20.0,
            connect_seconds: 10.0,
            command_seconds: 30.0,
        }
    }
}

/// The signature of every mail (DKIM), by which receivers know that it is from the sender's domain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dkim {
    /// A PEM file with the private key: RSA of 2048 bits or more, or Ed25519. When it changes it is read again. Default:
    /// none, no signature, which is right where the SMTP server signs.
    pub private_key_file: Option<PathBuf>,
    /// The name under which the public key stands in DNS: SELECTOR._domainkey.DOMAIN. Default: empty; there is no safe
    /// guess.
    pub selector: String,
    /// The domain that signs. Default: empty, the domain of mail.from; it may be one above it.
    pub domain: String,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Begun in the clear, and upgraded before anything is said.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// In the clear.
    None,
}

/// Settings that do not work; each names the setting and the fix.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value out of its range.
    #[error("{setting} {problem}")]
    Value {
        /// Its name within the section.
        setting: &'static str,
        /// What is wrong, and what is allowed.
        problem: &'static str,
    },
    /// A file that cannot be read.
    #[error("smtp.{setting}: {path}: {source}; name a file that this process may read")]
    File {
        /// `password_file` or `ca_file`.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The DKIM key is of no use.
    #[error("dkim.private_key_file: {path}: {source}")]
    DkimKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A user name without a password.
    #[error("smtp.username is set, but there is no password; set password_file, or the environment variable {0}")]
    NoPassword(String),
    /// No authorities to trust.
    #[error("no certificate authorities could be read; install ca-certificates, or set smtp.ca_file ({0})")]
    NoAuthorities(String),
}

impl Settings {
    /// Refuses values that cannot work.
    pub fn check(&self) -> Result<(), SettingsError> {
        let refuse = |setting, problem| Err(SettingsError::Value { setting, problem });
        if !self.public_url.starts_with("http://") && !self.public_url.starts_with("https://") {
            return refuse("public_url", "must start with https:// (or http:// for trying it out)");
        }
        if self.public_url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '?' || c == '#') {
            return refuse("public_url", "must be an address without spaces, query or fragment");
        }
        if self.token_days == 0 || self.token_days > 366 {
            return refuse("token_days", "must be between 1 and 366");
        }
        if !(0.0..=1.0).contains(&self.retry_jitter) {
            return refuse("retry_jitter", "must be between 0 and 1");
        }
        let times = [
            ("poll_seconds", self.poll_seconds),
            ("lease_seconds", self.lease_seconds),
            ("unstored_wait_seconds", self.unstored_wait_seconds),
            ("unstored_give_up_seconds", self.unstored_give_up_seconds),
            ("smtp.idle_seconds", self.smtp.idle_seconds),
            ("smtp.connect_seconds", self.smtp.connect_seconds),
            ("smtp.command_seconds", self.smtp.command_seconds),
        ];
        for (setting, seconds) in times.into_iter().chain(self.retry_seconds.iter().map(|s| ("retry_seconds", *s))) {
            if !(0.0..=31_536_000.0).contains(&seconds) {
                return refuse(setting, "must be between 0 and a year");
            }
        }
        if self.poll_seconds < 0.01 {
            return refuse("poll_seconds", "must be at least 0.01, or the database is asked without a pause");
        }
        if self.smtp.connections == 0 || self.smtp.connections > 64 {
            return refuse("smtp.connections", "must be between 1 and 64");
        }
        if self.smtp.security == Security::None && !self.smtp.username.is_empty() && !self.smtp.is_loopback() {
            return refuse("smtp.security", "is none, which would send the password in the clear; use starttls or tls");
        }
        self.check_dkim()
    }

    fn check_dkim(&self) -> Result<(), SettingsError> {
        let refuse = |setting, problem| Err(SettingsError::Value { setting, problem });
        let Dkim { private_key_file, selector, domain } = &self.dkim;
        let name = |name: &str| {
            let plain =
                |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            name.split('.').all(plain)
        };
        if private_key_file.is_some() && !name(selector) {
            return refuse("dkim.selector", "must be a name in DNS, such as rejoinder1");
        }
        let from = self.from.domain().to_ascii_lowercase();
        let above = |domain: &str| from == domain || from.ends_with(&format!(".{domain}"));
        if !domain.is_empty() && (!name(domain) || !above(&domain.to_ascii_lowercase())) {
            return refuse("dkim.domain", "must be the domain of mail.from, or one above it, or receivers ignore it");
        }
        Ok(())
    }
}

impl Smtp {
    /// The password of `username`; `None` without a user name.
    pub(crate) fn password(&self) -> Result<Option<SecretString>, SettingsError> {
        if self.username.is_empty() {
            return Ok(None);
        }
        if let Some(path) = &self.password_file {
            let text = fs::read_to_string(path).map_err(|source| SettingsError::File {
                setting: "password_file",
                path: path.clone(),
                source,
            })?;
            return Ok(Some(text.trim_end_matches(['\r', '\n']).into()));
        }
        let password =
            env::var(&self.password_env).map_err(|_| SettingsError::NoPassword(self.password_env.clone()))?;
        Ok(Some(password.into()))
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// A checked number of seconds.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work_and_survive_their_own_file() {
        let settings = Settings::default();
        settings.check().expect("the defaults are valid");
        let text = toml::to_string(&settings).expect("serialises");
        assert_eq!(toml::from_str::<Settings>(&text).expect(&text), settings);
        assert_eq!(toml::from_str::<Settings>("poll_seconds = 2").expect("an integer").poll_seconds, 2.0);
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (text, setting) in [
            ("token_days = 0", "token_days"),
            ("retry_seconds = [1, -1]", "retry_seconds"),
            ("retry_seconds = [nan]", "retry_seconds"),
            ("retry_jitter = 1.5", "retry_jitter"),
            ("poll_seconds = 0", "poll_seconds"),
            ("[smtp]\nconnections = 0", "smtp.connections"),
            ("[dkim]\nprivate_key_file = 'a'", "dkim.selector"),
            ("[dkim]\nprivate_key_file = 'a'\nselector = 'a b'", "dkim.selector"),
            ("from = 'a@news.example'\n[dkim]\ndomain = 'ews.example'", "dkim.domain"),
            ("[smtp]\nhost = 'mail.example'\nusername = 'a'\nsecurity = 'none'", "smtp.security"),
        ] {
            let settings: Settings = toml::from_str(text).expect(text);
            let error = settings.check().expect_err(text).to_string();
            assert!(error.starts_with(&format!("{setting} ")), "{error}");
        }
        for public_url in ["news.example", "https://news.example/a b"] {
            let settings = Settings { public_url: public_url.into(), ..Settings::default() };
            let error = settings.check().expect_err(public_url).to_string();
            assert!(error.starts_with("public_url "), "{error}");
        }
    }

    #[test]
    fn a_password_comes_from_its_file_or_the_environment() {
        use secrecy::ExposeSecret;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        fs::write(&file, "secret words\n").expect("written");
        let smtp = Smtp { username: "a".into(), password_file: Some(file), ..Smtp::default() };
        assert_eq!(smtp.password().expect("read").map(|p| p.expose_secret().to_owned()), Some("secret words".into()));
        let smtp = Smtp { password_file: None, password_env: "REJOINDER_NO_SUCH_VARIABLE".into(), ..smtp };
        assert!(matches!(smtp.password(), Err(SettingsError::NoPassword(_))));
        assert!(Smtp::default().password().expect("no name, no password").is_none());
    }
}
