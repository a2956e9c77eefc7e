//! The SMTP client against a server that reads from a script, for the fuzz targets.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{AsyncTokioStream, Failure, SmtpMailer, stream};
use crate::{Security, Smtp, mail::Mail};

/// Hands a mail over to a server that says `script`, in pieces of at most `piece` bytes, whatever it is told, and then
/// closes the connection; `login` as well when it is given.
pub async fn hand_over(script: &[u8], piece: usize, login: Option<(&str, &str)>, mail: &Mail) -> Result<(), Failure> {
    let mailer = mailer();
    let login = login.map(|(name, password)| (name.to_owned(), password.to_owned().into()));
    let mut connection = mailer.greet(Box::new(Scripted::new(script, piece)), login.as_ref()).await?;
    mailer.converse(&mut connection, mail).await
}

/// Asks such a server for encryption, up to where the handshake would begin. Gives its greeting.
pub async fn start_tls(script: &[u8], piece: usize) -> Result<Vec<u8>, Failure> {
    stream::start_tls(&mut Scripted::new(script, piece), &mailer().access().target).await
}

fn mailer() -> SmtpMailer {
    let settings = Smtp { security: Security::None, ..Smtp::default() };
    SmtpMailer::new(&settings).expect("without TLS and password there is nothing to read")
}

#[derive(Debug)]
struct Scripted {
    left: Vec<u8>,
    piece: usize,
}

impl Scripted {
    fn new(script: &[u8], piece: usize) -> Self {
        Self { left: script.to_vec(), piece: piece.max(1) }
    }
}

impl AsyncRead for Scripted {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.left.len().min(self.piece).min(into.remaining());
        into.put_slice(&self.left[..length]);
        self.left.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncTokioStream for Scripted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from(([127, 0, 0, 1], 25)))
    }
}
