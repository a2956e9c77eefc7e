//! The socket under a conversation: nodelay, and encrypted before anything is said that matters.
//!
//! STARTTLS is done here rather than by lettre, whose reader keeps what came in the clear before the handshake and would
//! take it for an encrypted answer (the class of CVE-2011-0411).

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use crate::{
    Security,
    mailer::{Failure, Step},
};

/// More than any greeting or list of extensions.
const MAX_REPLY_BYTES: usize = 16 * 1024;

/// Where and how to connect.
pub(super) struct Target {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub tls: Option<TlsConnector>,
    /// How we name ourselves.
    pub hello: String,
    /// Limit of the connection, and again of the handshake.
    pub connect: Duration,
    /// Limit of one answer.
    pub command: Duration,
}

/// A connection up to where lettre takes over: it reads the greeting first, also the one that came before STARTTLS.
#[derive(Debug)]
pub(super) struct Stream {
    greeting: Vec<u8>,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects, and encrypts as the target asks.
pub(super) async fn open(target: &Target) -> Result<Stream, Failure> {
    let connecting = TcpStream::connect((target.host.as_str(), target.port));
    let mut tcp = within(target.connect, connecting).await?;
    tcp.set_nodelay(true).map_err(broken)?;
    match (target.security, &target.tls) {
        (Security::None, _) => Ok(Stream { greeting: Vec::new(), socket: Socket::Plain(tcp) }),
        (Security::Tls, Some(tls)) => Ok(Stream { greeting: Vec::new(), socket: encrypt(tcp, tls, target).await? }),
        (Security::Starttls, Some(tls)) => {
            let greeting = start_tls(&mut tcp, target).await?;
            Ok(Stream { greeting, socket: encrypt(tcp, tls, target).await? })
        }
        (Security::Tls | Security::Starttls, None) => Err(broken(io::Error::other("no TLS was set up"))),
    }
}

async fn encrypt(tcp: TcpStream, tls: &TlsConnector, target: &Target) -> Result<Socket, Failure> {
    let name = ServerName::try_from(target.host.clone()).map_err(|error| broken(io::Error::other(error)))?;
    Ok(Socket::Tls(Box::new(within(target.connect, tls.connect(name, tcp)).await?)))
}

/// Asks for encryption, and gives back the server's greeting.
pub(super) async fn start_tls(
    tcp: &mut (impl AsyncRead + AsyncWrite + Unpin),
    target: &Target,
) -> Result<Vec<u8>, Failure> {
    let greeting = within(target.command, read_reply(tcp)).await?;
    expect(220, &greeting)?;
    let extensions = ask(tcp, &format!("EHLO {}\r\n", target.hello), target.command).await?;
    expect(250, &extensions)?;
    let offered = |line: &[u8]| line.get(4..).is_some_and(|word| word.trim_ascii().eq_ignore_ascii_case(b"STARTTLS"));
    if !extensions.split(|byte| *byte == b'\n').any(offered) {
        let detail = "the server offers no STARTTLS; mend it, or set mail.smtp.security".into();
        return Err(Failure::Connection { step: Step::Session, detail });
    }
    expect(220, &ask(tcp, "STARTTLS\r\n", target.command).await?)?;
    Ok(greeting)
}

async fn ask(
    tcp: &mut (impl AsyncRead + AsyncWrite + Unpin),
    command: &str,
    limit: Duration,
) -> Result<Vec<u8>, Failure> {
    within(limit, async {
        tcp.write_all(command.as_bytes()).await?;
        read_reply(tcp).await
    })
    .await
}

/// Reads one reply and refuses whatever follows it: until we speak again, nobody honest has anything to add.
async fn read_reply(tcp: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut reply = Vec::new();
    loop {
        if tcp.read_buf(&mut reply).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The last line of a reply has no hyphen after its code.
        let mut lines = reply.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        if let Some(last) = lines.position(|line| line.get(3) != Some(&b'-')) {
            let length: usize = reply.split_inclusive(|byte| *byte == b'\n').take(last + 1).map(<[u8]>::len).sum();
            return match length == reply.len() {
                true => Ok(reply),
                false => Err(io::Error::new(io::ErrorKind::InvalidData, "the server said more than it was asked for")),
            };
        }
        if reply.len() > MAX_REPLY_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the server's answer has no end"));
        }
    }
}

fn expect(code: u16, reply: &[u8]) -> Result<(), Failure> {
    let digits = reply.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
    let found = digits.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
    match found {
        Some(found) if found == code => Ok(()),
        // By RFC 5321 no reply's code begins with another digit.
        Some(found @ 200..=599) => Err(Failure::Reply { code: found, step: Step::Session }),
        Some(_) | None => Err(broken(io::Error::new(io::ErrorKind::InvalidData, "the server does not speak SMTP"))),
    }
}

async fn within<T>(limit: Duration, step: impl Future<Output = io::Result<T>>) -> Result<T, Failure> {
    timeout(limit, step).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(broken)
}

fn broken(error: io::Error) -> Failure {
    Failure::Connection { step: Step::Session, detail: error.to_string() }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.greeting.is_empty() {
            let length = self.greeting.len().min(buf.remaining());
            buf.put_slice(&self.greeting[..length]);
            self.greeting.drain(..length);
            return Poll::Ready(Ok(()));
        }
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Socket::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Socket::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Socket::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Socket::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

impl AsyncTokioStream for Stream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Socket::Plain(tcp) => tcp.peer_addr(),
            Socket::Tls(tls) => tls.get_ref().0.peer_addr(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_digits_of_smtp_are_a_code() {
        assert_eq!(expect(220, b"220 here\r\n"), Ok(()));
        assert_eq!(expect(220, b"554 no\r\n"), Err(Failure::Reply { code: 554, step: Step::Session }));
        for reply in ["025 x\r\n", "+25 x\r\n", "999 x\r\n", "22\r\n", "HTTP/1.1 400\r\n", "\r\n"] {
            assert!(matches!(expect(220, reply.as_bytes()), Err(Failure::Connection { .. })), "{reply:?}");
        }
    }
}
