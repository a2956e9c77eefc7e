//! An SMTP client with a small pool of connections.
//!
//! The conversation is lettre's; the socket is ours, because lettre does not set TCP_NODELAY, without which each mail
//! waits for delayed acknowledgements several times.

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lines;
mod stream;
mod tls;

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lettre::transport::smtp::{
    Error as SmtpError,
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, AsyncTokioStream},
    commands::{Data, Mail as MailFrom, Rcpt, Rset},
    extension::ClientId,
};
use rejoinder_pipeline::files::Watched;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use self::{lines::Lines, stream::Target};
use super::{Failure, NextAction, Step, classify};
use crate::{Security, SettingsError, Smtp, mail::Mail, settings::seconds};

/// How long a server may take to answer our goodbye.
const QUIT: Duration = Duration::from_secs(1);

/// Sends mails over connections that it keeps open while they are used.
pub struct SmtpMailer {
    settings: Smtp,
    hello: ClientId,
    access: Mutex<(Watched, Arc<Access>)>,
    command: Duration,
    idle: Duration,
    connections: usize,
    resting: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// What a connection is opened with: the address, and what the files of the settings held when they were last read.
struct Access {
    target: Target,
    login: Option<(String, SecretString)>,
}

impl Access {
    fn read(settings: &Smtp, hello: &ClientId) -> Result<Self, SettingsError> {
        let tls = match settings.security {
            Security::None => None,
            Security::Starttls | Security::Tls => Some(tls::connector(settings.ca_file.as_deref())?),
        };
        let target = Target {
            host: settings.host.clone(),
            port: settings.port,
            security: settings.security,
            tls,
            hello: hello.to_string(),
            connect: seconds(settings.connect_seconds),
            command: seconds(settings.command_seconds),
        };
        Ok(Self { target, login: settings.password()?.map(|password| (settings.username.clone(), password)) })
    }
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpMailer({}:{})", self.settings.host, self.settings.port)
    }
}

impl SmtpMailer {
    /// Reads the password and the certificate authorities; opens no connection.
    pub fn new(settings: &Smtp) -> Result<Self, SettingsError> {
        let hello = ClientId::default();
        let files = Watched::new(settings.ca_file.iter().chain(&settings.password_file).cloned());
        let access = Arc::new(Access::read(settings, &hello)?);
        Ok(Self {
            settings: settings.clone(),
            hello,
            access: Mutex::new((files, access)),
            command: seconds(settings.command_seconds),
            idle: seconds(settings.idle_seconds),
            connections: settings.connections,
            resting: Mutex::default(),
        })
    }

    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    /// Sends a mail; once more at once when a 421 closed the connection, or when a resting one turned out to be dead.
    pub(super) async fn send(&self, mail: &Mail) -> Result<(), Failure> {
        let (connection, rested) = match self.take() {
            Some(connection) => (Ok(connection), true),
            None => (self.open().await, false),
        };
        let Err(failure) = self.deliver(connection, mail).await else { return Ok(()) };
        match classify(&failure, false) {
            NextAction::Reopen => self.deliver(self.open().await, mail).await,
            NextAction::Wait if rested => {
                // The others were opened to the same server, and have probably died with it.
                self.resting().clear();
                self.deliver(self.open().await, mail).await
            }
            NextAction::Wait | NextAction::Retry | NextAction::GiveUp => Err(failure),
        }
    }

    pub(super) async fn probe(&self) -> Result<(), Failure> {
        let connection = self.open().await?;
        self.rest(connection);
        Ok(())
    }

    pub(super) async fn close_idle(&self, all: bool) {
        let tired: Vec<_> = self.resting().extract_if(.., |(_, since)| all || since.elapsed() >= self.idle).collect();
        for (mut connection, _) in tired {
            let _ = timeout(QUIT, connection.quit()).await;
        }
    }

    async fn deliver(&self, connection: Result<AsyncSmtpConnection, Failure>, mail: &Mail) -> Result<(), Failure> {
        let mut connection = connection?;
        let result = self.converse(&mut connection, mail).await;
        let reusable = match &result {
            Ok(()) => true,
            Err(Failure::Reply { code, .. }) if *code != 421 => {
                self.answer(connection.command(Rset), Step::Session).await.is_ok()
            }
            Err(_) => false,
        };
        if reusable {
            self.rest(connection);
        }
        result
    }

    async fn converse(&self, connection: &mut AsyncSmtpConnection, mail: &Mail) -> Result<(), Failure> {
        let from = MailFrom::new(Some(mail.from.address().clone()), Vec::new());
        let to = Rcpt::new(mail.to.address().clone(), Vec::new());
        self.answer(connection.command(from), Step::Sender).await?;
        self.answer(connection.command(to), Step::Recipient).await?;
        self.answer(connection.command(Data), Step::Data).await?;
        self.answer(connection.message(&mail.bytes), Step::Content).await
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Failure> {
        let access = self.access();
        self.greet(Box::new(stream::open(&access.target).await?), access.login.as_ref()).await
    }

    /// What the next connection is opened with: read again when a file has changed, and as before when that is of no use.
    fn access(&self) -> Arc<Access> {
        let mut held = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0.changed() {
            match Access::read(&self.settings, &self.hello) {
                Ok(access) => {
                    tracing::info!(
                        "the password or the authorities of the SMTP server have changed and were read again"
                    );
                    held.1 = Arc::new(access);
                }
                Err(error) => tracing::error!(%error, "a file of mail.smtp has changed to what cannot be used"),
            }
        }
        Arc::clone(&held.1)
    }

    /// Hears the greeting, says who we are, and logs in.
    async fn greet(
        &self,
        stream: Box<dyn AsyncTokioStream>,
        login: Option<&(String, SecretString)>,
    ) -> Result<AsyncSmtpConnection, Failure> {
        let lines = Box::new(Lines::of(stream));
        let greeted = timeout(self.command, AsyncSmtpConnection::connect_with_transport(lines, &self.hello)).await;
        let mut connection =
            greeted.map_err(|_| silent(Step::Session))?.map_err(|error| failure(&error, Step::Session))?;
        if let Some((name, password)) = login {
            let credentials = Credentials::new(name.clone(), password.expose_secret().to_owned());
            let login = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
            self.answer(login, Step::Login).await?;
        }
        Ok(connection)
    }

    async fn answer<T>(&self, reply: impl Future<Output = Result<T, SmtpError>>, step: Step) -> Result<(), Failure> {
        match timeout(self.command, reply).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failure(&error, step)),
            Err(_) => Err(silent(step)),
        }
    }

    /// The connection that rested the shortest, so that the surplus of a busy hour gets tired and is closed.
    fn take(&self) -> Option<AsyncSmtpConnection> {
        let mut resting = self.resting();
        resting.pop_if(|(_, since)| since.elapsed() < self.idle).map(|(connection, _)| connection)
    }

    fn rest(&self, connection: AsyncSmtpConnection) {
        self.resting().push((connection, Instant::now()));
    }

    fn resting(&self) -> MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(error: &SmtpError, step: Step) -> Failure {
    match error.status() {
        Some(code) => Failure::Reply { code: code.into(), step },
        // The text of a broken answer may quote an address.
        None if error.is_response() => {
            Failure::Connection { step, detail: "the answer was cut off or is no SMTP".into() }
        }
        None => Failure::Connection { step, detail: error.to_string() },
    }
}

fn silent(step: Step) -> Failure {
    Failure::Connection { step, detail: "no answer in time".into() }
}
