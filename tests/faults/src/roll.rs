//! Planned restarts and scaling under load: every replica of every worker is replaced one by one, then the workers are scaled
//! up and down; nothing may be lost or doubled, and the longest that a comment waited meanwhile is measured.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use prost::Message;
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use rejoinder_proto::{from_millis, v1};
use rustix::process::Signal;
use sqlx::{Connection, PgConnection};
use tokio::{
    sync::Mutex,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    cell::WORKERS,
    deployment::Deployment,
    observe,
    services::{port, smtp::Smtp, wait},
    world::{Paths, Services, fresh},
};

const DATABASE: &str = "roll";
/// What a planned restart may hold a comment up for.
const GOAL: Duration = Duration::from_secs(3);
/// How long a replica may take until it is at work.
const READY: Duration = Duration::from_secs(60);
/// How long everything may take to come to its end when nothing more is sent.
const ENDING: Duration = Duration::from_secs(120);

/// How much, and how often.
#[derive(Args)]
pub struct RollArgs {
    /// Comments a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Replicas of each worker before the scaling
    #[arg(long, default_value_t = 2)]
    replicas: usize,
    /// Seconds between two steps
    #[arg(long, default_value_t = 3)]
    pause: u64,
}

/// A comment: when it was sent, and in which phase.
type Sent = Arc<Mutex<HashMap<Uuid, (i64, &'static str)>>>;

/// Runs it; whether everything held.
pub async fn run(arguments: &RollArgs, paths: &Paths) -> Result<bool> {
    fresh(&paths.folder)?;
    let services = Services::start(paths, "roll", 1).await?;
    services.postgres.create(DATABASE).await?;
    let smtp = Smtp::start().await?;
    let deployment = Deployment::new(&paths.binary, &paths.folder.join("roll"), &configuration(&services, &smtp)?)?;
    deployment.succeed(&["topics", "create"])?;
    deployment.succeed(&["migrate"])?;
    let mut replicas = Replicas { deployment: &deployment, probes: HashMap::new() };
    for number in 0..arguments.replicas {
        for role in WORKERS {
            replicas.add(role, number).await?;
        }
    }

    let (sent, phase) = (Sent::default(), Arc::new(Mutex::new("steady")));
    let stop = CancellationToken::new();
    let flow = flow(services.kafka.brokers(), arguments.rate, Arc::clone(&sent), Arc::clone(&phase), stop.clone());
    let flow = tokio::spawn(flow);
    let (brokers, ended) = (services.kafka.brokers(), CancellationToken::new());
    let (to, token) = (brokers.clone(), ended.clone());
    let watch =
        tokio::task::spawn_blocking(move || observe::arrivals(&to, "roll.comments.published", || token.is_cancelled()));
    let pause = Duration::from_secs(arguments.pause);
    sleep(pause * 3).await;
    *phase.lock().await = "restarts";
    for role in WORKERS {
        for number in 0..arguments.replicas {
            replicas.replace(role, number).await?;
            sleep(pause).await;
        }
    }
    for (name, from, to) in [("scaling 1 to 4", 1, 4), ("scaling 4 to 2", 4, 2)] {
        if from == 1 {
            *phase.lock().await = "scaling to 1";
            for role in WORKERS {
                replicas.scale(role, 1).await?;
            }
            sleep(pause).await;
        }
        *phase.lock().await = name;
        for role in WORKERS {
            replicas.scale(role, to).await?;
        }
        sleep(pause * 2).await;
    }
    stop.cancel();
    flow.await??;
    let drained = async || observe::is_drained(&brokers, "roll.").unwrap_or(false);
    ensure!(
        wait(ENDING, drained).await,
        "not everything came to its end in {ENDING:?}; see {}",
        deployment.log().display()
    );

    // What was committed last has yet to be fetched.
    sleep(Duration::from_secs(2)).await;
    ended.cancel();
    let published = watch.await??;

    let sent = sent.lock().await;
    let mut held = ages(&sent, &published, rows(&services).await?);
    let audit = deployment.run(&["audit"])?;
    print!("{}", String::from_utf8_lossy(&audit.stdout));
    if !audit.status.success() {
        println!("FAILED: the audit says {}: {}", audit.status, String::from_utf8_lossy(&audit.stderr));
        held = false;
    }
    for exit in deployment.exits() {
        println!("FAILED: {} ended by itself: {exit:?}", exit.name);
        held = false;
    }
    println!("{}", if held { "1 passed, 0 failed" } else { "0 passed, 1 failed" });
    Ok(held)
}

/// As an operator would have it: the time-outs of the defaults.
fn configuration(services: &Services, smtp: &Smtp) -> Result<String> {
    Ok(format!(
        "deployment = \"distributed\"\nlisten = \"127.0.0.1:{}\"\nkafka.brokers = {:?}\nkafka.prefix = \"roll.\"\n\
         kafka.partitions = 8\nkafka.replication_factor = 1\npostgres.url = {:?}\n\
         moderation.keys = [\"0123456789abcdef0123456789abcdef\"]\n\
         policy.screening.mode = \"post\"\npolicy.validation.flood_seconds = 0\n\
         policy.screening.burst_weight = 0.0\npolicy.screening.campaign_weight = 0.0\n\
         policy.screening.model_weight_max = 0.0\n\
         mail.backend = \"smtp\"\nmail.smtp.host = \"127.0.0.1\"\nmail.smtp.port = {}\nmail.smtp.security = \"none\"\n\
         [sites.news]\ntitle = \"News\"\nmoderators = [{{ name = \"editor\", email = \"editor@example.org\" }}]\n",
        port()?,
        services.kafka.brokers(),
        services.postgres.url(DATABASE),
        smtp.port(),
    ))
}

/// The replicas of the workers, each with its probes.
struct Replicas<'a> {
    deployment: &'a Deployment,
    probes: HashMap<String, u16>,
}

impl Replicas<'_> {
    /// Starts a replica, and waits until it is ready.
    async fn add(&mut self, role: &str, number: usize) -> Result<()> {
        let (name, port) = (format!("{role}-{number}"), port()?);
        let environment = [("REJOINDER__PROBES__LISTEN", format!("127.0.0.1:{port}"))];
        self.deployment.start(role, &name, &environment, &[])?;
        self.probes.insert(name.clone(), port);
        let address = format!("http://127.0.0.1:{port}/readyz");
        let ready = async || reqwest::get(&address).await.is_ok_and(|answer| answer.status().is_success());
        ensure!(wait(READY, ready).await, "{name} is not ready after {READY:?}");
        Ok(())
    }

    /// Ends a replica as an orchestrator does, and waits for its end.
    fn remove(&mut self, role: &str, number: usize) -> Result<()> {
        let name = format!("{role}-{number}");
        let status = self.deployment.end(&name, Signal::TERM)?;
        ensure!(status.success(), "{name} ended with {status}");
        self.probes.remove(&name);
        Ok(())
    }

    /// The new one stands before the old one goes, as in a rolling update with a surge of one.
    async fn replace(&mut self, role: &str, number: usize) -> Result<()> {
        self.add(role, number + 100).await?;
        self.remove(role, number)
    }

    async fn scale(&mut self, role: &str, to: usize) -> Result<()> {
        let prefix = format!("{role}-");
        let mut numbers: Vec<usize> =
            self.probes.keys().filter_map(|name| name.strip_prefix(&prefix)?.parse().ok()).collect();
        numbers.sort_unstable();
        while numbers.len() > to {
            self.remove(role, numbers.pop().context("a replica")?)?;
        }
        for _ in numbers.len()..to {
            let next = numbers.last().map_or(200, |last| last + 1).max(200);
            self.add(role, next).await?;
            numbers.push(next);
        }
        Ok(())
    }
}

/// Sends comments at a steady rate until it is told to stop.
async fn flow(
    brokers: String,
    rate: u32,
    sent: Sent,
    phase: Arc<Mutex<&'static str>>,
    stop: CancellationToken,
) -> Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .create()?;
    let mut tick = interval(Duration::from_secs(1) / rate.max(1));
    let mut flight = Vec::new();
    for number in 0u64.. {
        if stop.run_until_cancelled(tick.tick()).await.is_none() {
            break;
        }
        let (id, thread, now) = (Uuid::now_v7(), format!("t{}", number % 97), chrono::Utc::now().timestamp_millis());
        let event = v1::CommentSubmitted {
            id: id.to_string(),
            site: "news".into(),
            thread: Some(v1::Thread { id: thread.clone(), ..Default::default() }),
            author: Some(v1::Author {
                name: "Reader".into(),
                email: format!("reader{number}@example.org"),
                ..Default::default()
            }),
            body: format!("Comment {number}, sent while workers come and go."),
            submitted_at: Some(from_millis(now)),
            ..Default::default()
        };
        let (payload, key, name) = (event.encode_to_vec(), format!("news/{thread}"), id.to_string());
        let headers = OwnedHeaders::new()
            .insert(Header { key: "content-type", value: Some("application/protobuf") })
            .insert(Header { key: "ce_id", value: Some(&name) });
        let record = FutureRecord::to("roll.comments.submitted").key(&key).payload(&payload).headers(headers);
        let delivery = producer.send_result(record).map_err(|(error, _)| error)?;
        let at = *phase.lock().await;
        sent.lock().await.insert(id, (now, at));
        flight.push(delivery);
    }
    for delivery in flight {
        delivery.await?.map_err(|(error, _)| error)?;
    }
    Ok(())
}

async fn rows(services: &Services) -> Result<i64> {
    let mut connection = PgConnection::connect(&services.postgres.url(DATABASE)).await?;
    Ok(sqlx::query_scalar("SELECT count(*) FROM comments WHERE state = 1").fetch_one(&mut connection).await?)
}

/// Prints, for each phase, how long comments took from their submission until a site could read their publication; whether
/// none is missing and no planned restart took longer than the goal.
fn ages(sent: &HashMap<Uuid, (i64, &'static str)>, published: &HashMap<Uuid, i64>, rows: i64) -> bool {
    let mut by_phase: HashMap<&str, Vec<i64>> = HashMap::new();
    let mut missing = 0;
    for (id, (at, phase)) in sent {
        match published.get(id) {
            Some(appended) => by_phase.entry(phase).or_default().push(appended - at),
            None => missing += 1,
        }
    }
    let mut held = true;
    println!("{:<16} {:>8} {:>8} {:>8} {:>8}", "phase", "comments", "p50 ms", "p99 ms", "max ms");
    for phase in ["steady", "restarts", "scaling to 1", "scaling 1 to 4", "scaling 4 to 2"] {
        let Some(ages) = by_phase.get_mut(phase) else { continue };
        ages.sort_unstable();
        let at = |share: f64| ages[((ages.len() - 1) as f64 * share) as usize];
        println!("{phase:<16} {:>8} {:>8} {:>8} {:>8}", ages.len(), at(0.5), at(0.99), at(1.0));
        if phase == "restarts" && at(1.0) > GOAL.as_millis() as i64 {
            println!("FAILED: a planned restart held a comment up for more than {GOAL:?}");
            held = false;
        }
    }
    println!("sent {}, published {}, rows {rows}", sent.len(), published.len());
    if missing > 0 || rows != sent.len() as i64 {
        println!("FAILED: {missing} comments were not published");
        held = false;
    }
    held
}
