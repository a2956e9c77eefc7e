//! An SMTP server that does as a script says.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use mail_parser::MessageParser;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// What the server does with the next mail, in the order of the mails' arrival; an empty script takes every mail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// Takes it.
    Take,
    /// Answers RCPT with this.
    Recipient(&'static str),
    /// Answers RCPT with this, and closes the connection.
    RecipientAndClose(&'static str),
    /// Answers the content with this.
    Content(&'static str),
    /// Takes it, and closes the connection before it says so.
    TakeAndClose,
    /// Takes it, and closes the connection right after it said so.
    TakeThenClose,
}

/// How its connections are protected.
#[derive(Clone, Default)]
pub enum Wire {
    #[default]
    Plain,
    Tls(TlsAcceptor),
    StartTls(TlsAcceptor),
    /// STARTTLS, with an answer slipped in before the handshake.
    StartTlsWithExtra(TlsAcceptor),
}

/// A mail that the server took.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    pub connection: usize,
    pub recipient: String,
    pub data: Vec<u8>,
}

impl Taken {
    pub fn message_id(&self) -> String {
        let mail = MessageParser::default().parse(&self.data).expect("a mail");
        mail.message_id().expect("a Message-ID").to_owned()
    }
}

#[derive(Default)]
struct State {
    wire: Wire,
    login: Option<String>,
    script: Mutex<VecDeque<Turn>>,
    taken: Mutex<Vec<Taken>>,
    recipients: Mutex<usize>,
    connections: Mutex<usize>,
    commands: Mutex<Vec<String>>,
    changed: Notify,
}

/// Listens on loopback until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(script: impl IntoIterator<Item = Turn>) -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), script, Wire::Plain, None).await
    }

    /// `login` is the expected `AUTH PLAIN` answer in base64.
    pub async fn at(
        address: SocketAddr,
        script: impl IntoIterator<Item = Turn>,
        wire: Wire,
        login: Option<&str>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let script = Mutex::new(script.into_iter().collect());
        let state = Arc::new(State { wire, login: login.map(str::to_owned), script, ..State::default() });
        let task = tokio::spawn(accept(listener, state.clone()));
        Self { address, state, task }
    }

    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.state.taken).clone()
    }

    /// How often a recipient was named, taken or not.
    pub fn recipients(&self) -> usize {
        *lock(&self.state.recipients)
    }

    pub fn connections(&self) -> usize {
        *lock(&self.state.connections)
    }

    pub fn commands(&self) -> Vec<String> {
        lock(&self.state.commands).clone()
    }

    /// Waits until so many mails were taken.
    pub async fn took(&self, mails: usize) -> Vec<Taken> {
        let enough = async {
            loop {
                let changed = self.state.changed.notified();
                if self.taken().len() >= mails {
                    return self.taken();
                }
                changed.await;
            }
        };
        timeout(Duration::from_secs(20), enough)
            .await
            .unwrap_or_else(|_| panic!("{} of {mails} mails came in 20 s", self.taken().len()))
    }

    /// Ends, with every connection, and gives what it took.
    pub async fn stop(mut self) -> Vec<Taken> {
        self.task.abort();
        let _ = (&mut self.task).await;
        self.taken()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic under the lock")
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((tcp, _)) = listener.accept().await else { return };
        tcp.set_nodelay(true).expect("a socket");
        let number = {
            let mut connections = lock(&state.connections);
            *connections += 1;
            *connections
        };
        connections.spawn(serve(tcp, number, state.clone()));
        while connections.try_join_next().is_some() {}
    }
}

trait Wired: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wired for T {}

async fn serve(tcp: TcpStream, number: usize, state: Arc<State>) -> io::Result<()> {
    let stream: Box<dyn Wired> = match &state.wire {
        Wire::Tls(acceptor) => Box::new(acceptor.accept(tcp).await?),
        Wire::Plain => Box::new(tcp),
        Wire::StartTls(acceptor) | Wire::StartTlsWithExtra(acceptor) => {
            let mut clear = BufReader::new(tcp);
            say(&mut clear, "220 test ESMTP").await?;
            expect(&mut clear, "EHLO", &state).await?;
            say(&mut clear, "250-test\r\n250-8BITMIME\r\n250 STARTTLS").await?;
            expect(&mut clear, "STARTTLS", &state).await?;
            let extra = matches!(state.wire, Wire::StartTlsWithExtra(_));
            say(&mut clear, if extra { "220 go\r\n250 AUTH PLAIN" } else { "220 go" }).await?;
            Box::new(acceptor.accept(clear.into_inner()).await?)
        }
    };
    let mut stream = BufReader::new(stream);
    if !matches!(state.wire, Wire::StartTls(_) | Wire::StartTlsWithExtra(_)) {
        say(&mut stream, "220 test ESMTP").await?;
    }
    let mut recipient = String::new();
    let mut turn = Turn::Take;
    loop {
        let line = line(&mut stream, &state).await?;
        let command = line.to_ascii_uppercase();
        match command.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if state.login.is_some() => say(&mut stream, "250-test\r\n250 AUTH PLAIN LOGIN").await?,
            // There are servers that leave a line blank.
            "EHLO" => say(&mut stream, "250-test\r\n250-  \r\n250 8BITMIME").await?,
            "AUTH" => {
                let right = line.split(' ').nth(2) == state.login.as_deref();
                say(&mut stream, if right { "235 welcome" } else { "535 no" }).await?;
            }
            "RCPT" => {
                recipient = line["RCPT TO:<".len()..].trim_end_matches('>').to_owned();
                turn = lock(&state.script).pop_front().unwrap_or(Turn::Take);
                *lock(&state.recipients) += 1;
                match turn {
                    Turn::Recipient(reply) => say(&mut stream, reply).await?,
                    Turn::RecipientAndClose(reply) => return say(&mut stream, reply).await,
                    _ => say(&mut stream, "250 ok").await?,
                }
            }
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let data = content(&mut stream).await?;
                if let Turn::Content(reply) = turn {
                    say(&mut stream, reply).await?;
                    continue;
                }
                lock(&state.taken).push(Taken { connection: number, recipient: recipient.clone(), data });
                state.changed.notify_waiters();
                match turn {
                    Turn::TakeAndClose => return Ok(()),
                    Turn::TakeThenClose => return say(&mut stream, "250 taken").await,
                    _ => say(&mut stream, "250 taken").await?,
                }
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 ok").await?,
        }
    }
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), reply: &str) -> io::Result<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
    stream.flush().await
}

async fn line(stream: &mut (impl AsyncBufReadExt + Unpin), state: &State) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end().to_owned();
    lock(&state.commands).push(line.clone());
    Ok(line)
}

async fn expect(stream: &mut (impl AsyncBufReadExt + Unpin), command: &str, state: &State) -> io::Result<()> {
    let line = line(stream, state).await?;
    if line.starts_with(command) { Ok(()) } else { Err(io::Error::other(line)) }
}

async fn content(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let start = data.len();
        if stream.read_until(b'\n', &mut data).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match &data[start..] {
            b".\r\n" => {
                data.truncate(start);
                return Ok(data);
            }
            line if line.starts_with(b".") => {
                data.remove(start);
            }
            _ => {}
        }
    }
}
