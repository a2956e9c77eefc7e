//! Mails a second, by the client alone and by the whole sender with an outbox in memory.
//!
//! `cargo run --release -p rejoinder-notifier --example smtp_throughput -- [connections] [mails] [host:port]`; without an
//! address it sends to a sink of its own in the same process, which takes its share of the processor.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

#[path = "../tests/it/samples.rs"]
mod samples;

use std::{collections::HashMap, env, error::Error, io, sync::Arc, time::Instant};

use async_trait::async_trait;
use rejoinder_notifier::{
    Backend, Comments, Mailer, MemoryOutbox, Moderator, NewMail, Outbox, Policy, Security, Sender, Settings, Smtp,
    Standing, mail::compose, row_id,
};
use rejoinder_pipeline::{Transient, health::Health};
use rejoinder_proto::{Event, token::TokenKeys};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

struct AllPending;

#[async_trait]
impl Comments for AllPending {
    async fn standing(&self, ids: &[Uuid]) -> Result<Vec<Standing>, Transient> {
        Ok(vec![Standing::Pending; ids.len()])
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let argument = |index: usize| env::args().nth(index);
    let connections: usize = argument(1).map_or(Ok(4), |text| text.parse())?;
    let mails: usize = argument(2).map_or(Ok(5_000), |text| text.parse())?;
    let address = match argument(3) {
        Some(address) => address.parse()?,
        None => sink().await?,
    };
    let smtp = Smtp {
        host: address.ip().to_string(),
        port: address.port(),
        security: Security::None,
        connections,
        ..Smtp::default()
    };
    let settings = Settings { backend: Backend::Smtp, smtp, ..Settings::default() };
    let keys = TokenKeys::new([[7; 32]])?;
    let moderator = Moderator { name: "amin".into(), email: "amin@localhost".parse()? };
    let policy = Policy { moderators: vec![moderator.clone()], ..Policy::default() };
    let owed: Vec<_> = (0..mails).map(|_| owe(&moderator)).collect();

    let started = Instant::now();
    let composed: Result<Vec<_>, _> =
        owed.iter().map(|owed| compose(owed, &policy, &moderator, &settings, &keys)).collect();
    report("composed, one thread", mails, started);
    let composed = Arc::new(composed?);

    let mailer = Arc::new(Mailer::from_settings(&settings)?);
    let started = Instant::now();
    let lanes = (0..connections).map(|lane| {
        let (mailer, composed) = (mailer.clone(), composed.clone());
        tokio::spawn(async move {
            for mail in composed.iter().skip(lane).step_by(connections) {
                mailer.send(mail).await?;
            }
            Ok::<(), rejoinder_notifier::mailer::Failure>(())
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await??;
    }
    report(&format!("client, {connections} connections"), mails, started);

    let outbox = Arc::new(MemoryOutbox::new());
    outbox.enqueue(&owed).await?;
    let sites = Arc::new(HashMap::from([("news".to_owned(), policy)]));
    let mailer = Mailer::from_settings(&settings)?;
    let wake = Arc::new(Notify::new());
    let sender = Sender::new(settings, sites, keys, outbox.clone(), Arc::new(AllPending), mailer, wake);
    let stop = CancellationToken::new();
    let started = Instant::now();
    let running = tokio::spawn(sender.run(stop.clone(), Health::new()));
    while outbox.depth().await?.sent < mails as u64 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    report(&format!("whole sender, {connections} connections"), mails, started);
    stop.cancel();
    running.await?;
    Ok(())
}

fn report(what: &str, mails: usize, started: Instant) {
    let elapsed = started.elapsed();
    println!("{what}: {mails} mails in {elapsed:.2?}, {:.0}/s", mails as f64 / elapsed.as_secs_f64());
}

fn owe(moderator: &Moderator) -> NewMail {
    let comment = Uuid::now_v7();
    let mut event = samples::screened();
    event.comment.get_or_insert_default().id = comment.to_string();
    NewMail {
        id: row_id(comment, &moderator.name),
        comment,
        site: "news".into(),
        moderator: moderator.name.clone(),
        event: event.encode(),
        created_at: chrono::Utc::now(),
        trace: None,
    }
}

async fn sink() -> io::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(swallow(tcp));
        }
    });
    Ok(address)
}

async fn swallow(tcp: TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut stream = BufReader::new(tcp);
    stream.write_all(b"220 sink\r\n").await?;
    let mut line = Vec::new();
    let mut content = false;
    while stream.read_until(b'\n', &mut line).await? > 0 {
        let reply: &[u8] = match line.as_slice() {
            b".\r\n" => b"250 ok\r\n",
            _ if content => b"",
            b"DATA\r\n" => b"354 go\r\n",
            _ => b"250 ok\r\n",
        };
        content = if content { line != b".\r\n" } else { line == b"DATA\r\n" };
        stream.write_all(reply).await?;
        line.clear();
    }
    Ok(())
}
