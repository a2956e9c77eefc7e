//! A wire that can be cut: a TCP proxy on loopback.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
};

/// What a wire does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Resets every connection, old and new.
    Reset,
    /// Takes connections and bytes and passes nothing on. What was on its way arrives when the wire is mended.
    BlackHole,
    /// Passes requests on, and swallows the answers. Connections whose answers were swallowed are reset at the end.
    HalfOpen,
    /// Passes 16 KiB at a time, each 40 ms late.
    Slow,
}

/// A running proxy.
pub struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens on `port`, and connects to `target`.
    pub async fn start(port: u16, target: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let (mode, watched) = watch::channel(Mode::Pass);
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(client, target, watched.clone()));
            }
        });
        Ok(Self { port, mode, connections })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it has taken so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// From now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn serve(client: TcpStream, target: u16, mode: watch::Receiver<Mode>) {
    // Closing with unread bytes or zero linger sends a reset.
    let _ = client.set_zero_linger();
    if *mode.borrow() == Mode::Reset {
        return;
    }
    let mut held = mode.clone();
    if held.wait_for(|mode| *mode != Mode::BlackHole).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = mode.clone();
    tokio::select! {
        _ = copy(from_client, to_server, mode.clone(), false) => {}
        _ = copy(from_server, to_client, mode, true) => {}
        _ = cut.wait_for(|mode| *mode == Mode::Reset) => {}
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    answers: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let gone = |_| io::Error::other("the proxy has gone");
        let now = *mode.wait_for(|mode| *mode != Mode::BlackHole).await.map_err(gone)?;
        if now == Mode::HalfOpen && answers {
            mode.wait_for(|mode| *mode != Mode::HalfOpen).await.map_err(gone)?;
            return Ok(());
        }
        if now == Mode::Slow {
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
