//! An SMTP server that does as it is told.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use mail_parser::MessageParser;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{
    port,
    proxy::{Mode, Proxy},
};
use crate::model::Mail;

/// What the server does with a conversation, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whim {
    /// Answers the greeting, or the next mail on a connection that is there, with 421 and closes.
    Busy,
    /// Answers the recipient with this code.
    Recipient(u16),
    /// Answers the whole mail with this code, and does not keep it.
    Content(u16),
    /// Keeps the mail, and closes before it says so.
    Cut,
}

#[derive(Default)]
struct State {
    mails: Vec<Mail>,
    whims: VecDeque<Whim>,
    /// Whims that struck.
    struck: usize,
}

/// A running server, behind a proxy.
pub struct Smtp {
    state: Arc<Mutex<State>>,
    proxy: Proxy,
}

impl Smtp {
    /// Listens on loopback.
    pub async fn start() -> Result<Self> {
        let (own, proxied) = (port()?, port()?);
        let listener = TcpListener::bind(("127.0.0.1", own)).await?;
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(converse(client, Arc::clone(&shared)));
            }
        });
        Ok(Self { state, proxy: Proxy::start(proxied, own).await? })
    }

    /// Where it is reached.
    pub fn port(&self) -> u16 {
        self.proxy.port()
    }

    /// Changes what the wire does.
    pub fn wire(&self, mode: Mode) {
        self.proxy.set(mode);
    }

    /// How many connections have come.
    pub fn connections(&self) -> usize {
        self.proxy.connections()
    }

    /// Has these whims, one after the other, then none.
    pub fn has(&self, whims: impl IntoIterator<Item = Whim>) {
        self.lock().whims.extend(whims);
    }

    /// How many whims have struck.
    pub fn struck(&self) -> usize {
        self.lock().struck
    }

    /// The mails so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.lock().mails.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the next whim if it is one of those that fit.
fn whim(state: &Mutex<State>, fits: impl Fn(Whim) -> bool) -> Option<Whim> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let next = state.whims.front().copied().filter(|whim| fits(*whim))?;
    state.whims.pop_front();
    state.struck += 1;
    Some(next)
}

async fn converse(client: TcpStream, state: Arc<Mutex<State>>) -> io::Result<()> {
    let (read, mut write) = client.into_split();
    let mut lines = BufReader::new(read);
    if whim(&state, |whim| whim == Whim::Busy).is_some() {
        return write.write_all(b"421 busy, try again\r\n").await;
    }
    write.write_all(b"220 faults.example ready\r\n").await?;
    let (mut line, mut recipient) = (String::new(), String::new());
    loop {
        line.clear();
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim().to_ascii_uppercase();
        let answer = match command.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-faults.example\r\n250 8BITMIME".to_owned(),
            "MAIL" if whim(&state, |whim| whim == Whim::Busy).is_some() => {
                return write.write_all(b"421 busy, try again\r\n").await;
            }
            "RCPT" => match whim(&state, |whim| matches!(whim, Whim::Recipient(_))) {
                Some(Whim::Recipient(code)) => format!("{code} not now"),
                _ => {
                    recipient = line.trim().to_owned();
                    "250 ok".to_owned()
                }
            },
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let content = content(&mut lines).await?;
                match whim(&state, |whim| matches!(whim, Whim::Content(_) | Whim::Cut)) {
                    Some(Whim::Content(code)) => format!("{code} no"),
                    Some(Whim::Cut) => {
                        keep(&state, &recipient, &content);
                        return Ok(());
                    }
                    _ => {
                        keep(&state, &recipient, &content);
                        "250 kept".to_owned()
                    }
                }
            }
            "QUIT" => return write.write_all(b"221 bye\r\n").await,
            _ => "250 ok".to_owned(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

async fn content(lines: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let start = content.len();
        if lines.read_until(b'\n', &mut content).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if &content[start..] == b".\r\n" {
            content.truncate(start);
            return Ok(content);
        }
        if content[start..].starts_with(b"..") {
            content.remove(start);
        }
    }
}

fn keep(state: &Mutex<State>, recipient: &str, content: &[u8]) {
    let parsed = MessageParser::default().parse(content);
    let mail = Mail {
        message_id: parsed.as_ref().and_then(|mail| mail.message_id()).unwrap_or_default().to_owned(),
        recipient: recipient.to_owned(),
        text: parsed.as_ref().and_then(|mail| mail.body_text(0)).unwrap_or_default().into_owned(),
    };
    state.lock().unwrap_or_else(PoisonError::into_inner).mails.push(mail);
}
