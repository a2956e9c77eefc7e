//! Secrets that stand in files: read at the start, and again when they change. No error shows what stands in one.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rejoinder_pipeline::files::{self, Watched};
use rejoinder_proto::token::TokenKeys;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{ModerationConfig, PostgresConfig};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Calls `renew` whenever one of the files has changed, for as long as the runtime runs. What it refuses changes nothing.
pub fn follow(mut files: Watched, what: &'static str, mut renew: impl FnMut() -> Result<()> + Send + 'static) {
    if files.is_empty() {
        return;
    }
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            if !files.changed() {
                continue;
            }
            match renew() {
                Ok(()) => tracing::info!(what, "a secret has changed and was read again"),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        what,
                        error,
                        "a secret has changed to what cannot be used; going on with the old one"
                    );
                }
            }
        }
    });
}

impl PostgresConfig {
    /// The files that the address comes from.
    pub fn files(&self) -> Watched {
        Watched::new([&self.url_file, &self.password_file].into_iter().filter(|file| is_set(file)).cloned())
    }

    /// The address with its password.
    pub fn address(&self) -> Result<SecretString> {
        let url = match (self.url.expose_secret(), is_set(&self.url_file)) {
            ("", true) => files::read_line(&self.url_file).context("postgres.url_file")?,
            (_, true) => bail!("postgres.url and postgres.url_file are both set; leave one of them out"),
            ("", false) => bail!("postgres.url is empty; set it to postgres://user:password@host/database"),
            (url, false) => url.to_owned(),
        };
        if !is_set(&self.password_file) {
            return Ok(url.into());
        }
        let password = files::read_line(&self.password_file).context("postgres.password_file")?;
        // The parser's error may quote what it was given.
        let Ok(mut url) = url::Url::parse(&url) else { bail!("postgres.url is no address") };
        if url.password().is_some() {
            bail!("postgres.url has a password, and postgres.password_file is set; leave one of them out");
        }
        if url.set_password(Some(&password)).is_err() {
            bail!("postgres.url has no host, so postgres.password_file cannot be used");
        }
        Ok(String::from(url).into())
    }
}

impl ModerationConfig {
    /// The files that keys come from.
    pub fn files(&self) -> Watched {
        Watched::new(self.key_files.iter().cloned())
    }

    /// The keys that are given; `None` where none is.
    pub fn token_keys(&self) -> Result<Option<TokenKeys>> {
        let read = |file: &PathBuf| files::read_line(file).context("moderation.key_files");
        let mut keys = self.key_files.iter().map(read).collect::<Result<Vec<_>>>()?;
        keys.extend(self.keys.iter().map(|key| key.expose_secret().to_owned()));
        if keys.is_empty() {
            return Ok(None);
        }
        TokenKeys::new(keys).context("moderation.keys").map(Some)
    }
}

fn is_set(file: &Path) -> bool {
    !file.as_os_str().is_empty()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn postgres(url: &str, url_file: PathBuf, password_file: PathBuf) -> PostgresConfig {
        PostgresConfig { url: url.into(), url_file, password_file, max_connections: 1 }
    }

    #[test]
    fn an_address_comes_together_from_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let (url, password, none) = (folder.path().join("url"), folder.path().join("password"), PathBuf::new());
        fs::write(&url, "postgres://ada@db/comments?sslmode=verify-full\n").expect("written");
        fs::write(&password, "p@ss/word\n").expect("written");
        let address = |config: PostgresConfig| config.address().map(|address| address.expose_secret().to_owned());
        let whole = "postgres://ada:p%40ss%2Fword@db/comments?sslmode=verify-full";
        assert_eq!(address(postgres("", url.clone(), password.clone())).expect("good"), whole);
        for config in [
            postgres("", none.clone(), none.clone()),
            postgres("postgres://ada:secretsecret@db/c", url.clone(), none.clone()),
            postgres("postgres://ada:secretsecret@db/c", none.clone(), password.clone()),
            postgres("secretsecret", none.clone(), password.clone()),
            postgres("", folder.path().join("none"), none.clone()),
        ] {
            let error = format!("{:#}", address(config).expect_err("refused"));
            assert!(error.contains("postgres.") && !error.contains("secretsecret"), "{error}");
        }
    }

    #[test]
    fn keys_from_files_come_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        fs::write(&file, "a key of thirty-two bytes or more\n").expect("written");
        let given = ModerationConfig { keys: vec!["another key of thirty-two bytes...".into()], key_files: vec![file] };
        let keys = given.token_keys().expect("good").expect("two");
        let first = TokenKeys::new(["a key of thirty-two bytes or more"]).expect("long");
        let claim = Default::default();
        assert_eq!(keys.sign(&claim), first.sign(&claim));
        assert!(ModerationConfig { keys: vec![], key_files: vec![] }.token_keys().expect("good").is_none());
    }
}
