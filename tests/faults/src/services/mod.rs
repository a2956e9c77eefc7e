//! The real services that the workers lean on, and the wires between them, all on loopback.

pub mod disk;
pub mod kafka;
pub mod postgres;
pub mod proxy;
pub mod smtp;

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// A port of ours: below those that systems hand out to clients, so that nobody takes it while its owner is down.
pub fn port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(20_600);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if port >= 32_000 {
            bail!("no port between 20600 and 32000 is free");
        }
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
}

/// Asks until the answer is yes; `false` when the time is over.
pub async fn wait(time: Duration, mut condition: impl AsyncFnMut() -> bool) -> bool {
    let end = Instant::now() + time;
    while !condition().await {
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}
