//! Where mail goes.

mod folder;
mod memory;
mod reply;
mod smtp;

use std::path::PathBuf;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use self::smtp::fuzzing;
pub use self::{
    folder::{MailSummary, StoredMail, list_folder, read_folder},
    memory::MemoryMailer,
    reply::{Failure, NextAction, Step, classify},
    smtp::SmtpMailer,
};
use crate::{Backend, Settings, SettingsError, mail::Mail};

/// A mail back-end.
#[derive(Debug)]
pub enum Mailer {
    /// An SMTP server.
    Smtp(Box<SmtpMailer>),
    /// A folder of .eml files.
    Folder(PathBuf),
    /// A list in memory, for tests.
    Memory(MemoryMailer),
}

impl Mailer {
    /// The back-end that the settings name. Reads the password and the certificate authorities; opens no connection.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        match settings.backend {
            Backend::Smtp => SmtpMailer::new(&settings.smtp).map(Box::new).map(Self::Smtp),
            Backend::Folder => Ok(Self::Folder(settings.folder.clone())),
        }
    }

    /// What is out when it does not work, for readiness and logs.
    pub fn dependency(&self) -> &'static str {
        match self {
            Mailer::Smtp(_) => "smtp",
            Mailer::Folder(_) => "mail folder",
            Mailer::Memory(_) => "memory",
        }
    }

    /// How many mails may be under way at a time.
    pub fn width(&self) -> usize {
        match self {
            Mailer::Smtp(smtp) => smtp.connections(),
            Mailer::Folder(_) | Mailer::Memory(_) => 4,
        }
    }

    /// Hands one mail over. `Ok` means that somebody else is responsible for it now. Over SMTP each call that runs at the
    /// same time takes a connection of its own.
    pub async fn send(&self, mail: &Mail) -> Result<(), Failure> {
        match self {
            Mailer::Smtp(smtp) => smtp.send(mail).await,
            Mailer::Folder(path) => folder::write(path.clone(), mail).await,
            Mailer::Memory(memory) => memory.send(mail),
        }
    }

    /// Whether it would take a mail now: opens a connection and keeps it for the next mail.
    pub async fn probe(&self) -> Result<(), Failure> {
        match self {
            Mailer::Smtp(smtp) => smtp.probe().await,
            Mailer::Folder(path) => folder::probe(path),
            Mailer::Memory(_) => Ok(()),
        }
    }

    /// Closes connections that have rested too long; all of them when `all`.
    pub async fn close_idle(&self, all: bool) {
        if let Mailer::Smtp(smtp) = self {
            smtp.close_idle(all).await;
        }
    }
}
