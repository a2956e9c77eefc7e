//! A folder of .eml files: a mailbox without a server.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use mail_parser::{Address, Message, MessageParser};
use uuid::Uuid;

use super::Failure;
use crate::mail::Mail;

const EXTENSION: &str = "eml";

/// A stored mail's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSummary {
    /// The file's name in the folder; what [`read_folder`] takes.
    pub file: String,
    /// The recipient's name and address.
    pub to: String,
    /// The subject, decoded.
    pub subject: String,
    /// The mail's date.
    pub date: DateTime<Utc>,
}

/// A stored mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMail {
    /// Its head.
    pub summary: MailSummary,
    /// The plain text part.
    pub text: String,
    /// The HTML part. It holds a reader's words, escaped; show it in a sandboxed frame all the same.
    pub html: String,
}

/// Writes a mail under its row's id: the same mail again replaces itself. On disk when it returns.
pub(super) async fn write(folder: PathBuf, mail: &Mail) -> Result<(), Failure> {
    let (id, bytes) = (mail.id, mail.bytes.clone());
    let written = tokio::task::spawn_blocking(move || write_now(&folder, id, &bytes)).await;
    match written {
        Ok(result) => result.map_err(|error| Failure::Folder(error.to_string())),
        Err(panic) => Err(Failure::Folder(panic.to_string())),
    }
}

/// Whether the folder is there, or can be made.
pub(super) fn probe(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::Folder(error.to_string()))
}

fn write_now(folder: &Path, id: Uuid, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!(".{id}.{}.tmp", Uuid::now_v7()));
    let result = (|| {
        let mut file = File::create_new(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, folder.join(format!("{id}.{EXTENSION}")))?;
        // The name is in the folder's own data.
        File::open(folder)?.sync_all()
    })();
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// The mails of a folder, the newest first; none when there is no folder yet. Other files in it are passed over.
pub fn list_folder(folder: &Path) -> io::Result<Vec<MailSummary>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut mails = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let Some(file) = name.to_str().filter(|file| is_ours(file)) else { continue };
        let bytes = match fs::read(folder.join(file)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        mails.extend(MessageParser::default().parse(&bytes).map(|message| summary(file, &message)));
    }
    mails.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.file.cmp(&b.file)));
    Ok(mails)
}

/// One mail of a folder. `NotFound` for every name that [`list_folder`] would not give, so no path leads out of it.
pub fn read_folder(folder: &Path, file: &str) -> io::Result<StoredMail> {
    if !is_ours(file) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let bytes = fs::read(folder.join(file))?;
    let message = MessageParser::default()
        .parse(&bytes)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the file is not a mail"))?;
    let part = |body: Option<std::borrow::Cow<'_, str>>| body.map(String::from).unwrap_or_default();
    Ok(StoredMail {
        summary: summary(file, &message),
        text: part(message.body_text(0)),
        html: part(message.body_html(0)),
    })
}

/// Whether a name is one that we write: a UUID in its plain form, and the extension.
fn is_ours(file: &str) -> bool {
    let id = file.strip_suffix(EXTENSION).and_then(|stem| stem.strip_suffix('.'));
    id.is_some_and(|id| Uuid::parse_str(id).is_ok_and(|uuid| uuid.to_string() == id))
}

fn summary(file: &str, message: &Message<'_>) -> MailSummary {
    let to = message.to().and_then(Address::first).map_or_else(String::new, |to| {
        let address = to.address().unwrap_or_default();
        to.name().map_or_else(|| address.to_owned(), |name| format!("{name} <{address}>"))
    });
    let seconds = message.date().map_or(0, mail_parser::DateTime::to_timestamp);
    MailSummary {
        file: file.to_owned(),
        to,
        subject: message.subject().unwrap_or_default().to_owned(),
        date: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(id: u128) -> Mail {
        let email: crate::Email = "desk@news.example".parse().expect("an address");
        let bytes = b"To: Sara <sara@news.example>\r\nSubject: =?utf-8?b?2LPZhNin2YU=?=\r\n\
            Date: Tue, 24 Nov 2026 20:10:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n";
        Mail { id: Uuid::from_u128(id), from: email.clone(), to: email, bytes: bytes.to_vec() }
    }

    #[tokio::test]
    async fn what_is_written_can_be_listed_and_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("not").join("yet");
        assert_eq!(list_folder(&path).expect("an empty list"), []);
        for id in [7, 8, 7] {
            write(path.clone(), &mail(id)).await.expect("written");
        }
        fs::write(path.join("notes.txt"), "no mail").expect("written");
        let mails = list_folder(&path).expect("listed");
        assert_eq!(mails.len(), 2, "the same mail again replaces itself: {mails:?}");
        assert_eq!(fs::read_dir(&path).expect("listed").count(), 3, "no temporary file stays");
        assert_eq!((mails[0].to.as_str(), mails[0].subject.as_str()), ("Sara <sara@news.example>", "سلام"));
        assert_eq!(mails[0].date.to_rfc3339(), "2026-11-24T20:10:00+00:00");
        let read = read_folder(&path, &mails[0].file).expect("read");
        assert_eq!((read.summary, read.text.trim()), (mails[0].clone(), "hello"));
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("secret.eml"), "x").expect("written");
        let inner = folder.path().join("mail");
        fs::create_dir(&inner).expect("made");
        for name in ["../secret.eml", "/etc/passwd", "", ".eml", "..", "secret.eml", "a/../../secret.eml", "\0.eml"] {
            let error = read_folder(&inner, name).expect_err(name);
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{name}");
        }
        let missing = read_folder(&inner, &format!("{}.eml", Uuid::nil())).expect_err("no such mail");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "in the way").expect("written");
        let failure = write(file, &mail(1)).await.expect_err("a file is no folder");
        assert_eq!(super::super::classify(&failure, false), super::super::NextAction::Wait);
    }
}
