//! A server's lines, made safe for lettre.
//!
//! Its reader (0.11.23) panics over an extension of blanks alone (`250-  `), and takes a line of any length into memory.
//! The text of a reply is for people, so what stands there instead of a blank is of no matter.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// RFC 5321 asks clients for 512 bytes a line; more than this is no honest server's.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// The three digits, and the blank or hyphen after them.
const CODE_BYTES: usize = 4;

/// A connection whose lines are looked at as they come.
#[derive(Debug)]
pub(super) struct Lines {
    stream: Box<dyn AsyncTokioStream>,
    line: Line,
}

/// How far the line that is being read has come.
#[derive(Debug, Default)]
struct Line {
    bytes: usize,
    /// Something to see stands in its text.
    has_text: bool,
    /// Its end has begun: CR.
    ends: bool,
}

impl Lines {
    pub fn of(stream: Box<dyn AsyncTokioStream>) -> Self {
        Self { stream, line: Line::default() }
    }
}

impl Line {
    /// Takes bytes as they come, in pieces of any size. What cannot be seen is replaced where a line's text begins.
    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        for byte in bytes {
            self.bytes += 1;
            match *byte {
                b'\n' => *self = Self::default(),
                _ if self.bytes > MAX_LINE_BYTES => return Err(no_smtp("the server's line has no end")),
                _ if self.has_text || self.bytes <= CODE_BYTES => {}
                _ if self.ends => return Err(no_smtp("the server's line has an end within it")),
                b'\r' => self.ends = true,
                b'!'..=b'~' => self.has_text = true,
                _ => *byte = b'.',
            }
        }
        Ok(())
    }
}

fn no_smtp(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl AsyncRead for Lines {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut *self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.line.take(&mut buf.filled_mut()[before..]))
    }
}

impl AsyncWrite for Lines {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Lines {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &str, piece: usize) -> Option<String> {
        let mut line = Line::default();
        let mut bytes = said.as_bytes().to_vec();
        let all_taken = bytes.chunks_mut(piece).all(|chunk| line.take(chunk).is_ok());
        all_taken.then(|| String::from_utf8(bytes).expect("UTF-8"))
    }

    #[test]
    fn a_text_that_cannot_be_seen_is_replaced_and_others_are_not() {
        for (said, heard) in [
            ("250-mail.example\r\n250-  \r\n250 \t\u{a0}\r\n", "250-mail.example\r\n250-..\r\n250 ...\r\n"),
            ("250-\r\n250 \r\n", "250-\r\n250 \r\n"),
            ("250 ok  سلام \r\n", "250 ok  سلام \r\n"),
            ("250 ok\r\r\n", "250 ok\r\r\n"),
        ] {
            for piece in [1, 2, 3, 100] {
                assert_eq!(read(said, piece).as_deref(), Some(heard), "{said:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_line_that_does_not_end_where_it_should_is_refused() {
        assert_eq!(read("250 \r\r\n", 1), None);
        assert_eq!(read(&"2".repeat(20_000), 1_000), None);
        assert!(read(&"250 ok\r\n".repeat(20_000), 1_000).is_some());
    }
}
