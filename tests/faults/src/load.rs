//! Publishers: one posts to the gateway, one produces to Kafka. Both write down what they were promised.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use prost::Message;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
};
use rejoinder_proto::{Event, from_millis, v1};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep_until};
use uuid::Uuid;

use crate::model::{ClientLog, Kind, Sent};

/// How long a publisher goes on trying: longer than any fault lasts.
const PATIENCE: Duration = Duration::from_secs(180);

/// What is sent, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// By HTTP.
    pub posts: usize,
    /// By Kafka.
    pub events: usize,
    /// Over this time, evenly.
    pub time: Duration,
}

/// Where it is sent.
#[derive(Clone)]
pub struct Targets {
    /// The gateway's address.
    pub gateway: String,
    /// Kafka's brokers and the prefix of the topics; `None` in the embedded deployment.
    pub kafka: Option<(String, String)>,
}

/// One comment about to be sent.
struct Draft {
    id: Uuid,
    sent: Sent,
    parent: Option<Uuid>,
    body: String,
}

type Shared = Arc<Mutex<ClientLog>>;

/// Sends all of the plan; returns when everything was accepted, or patience has ended.
pub async fn run(plan: Plan, targets: Targets, seed: u64) -> Result<ClientLog> {
    let log = Shared::default();
    let begun = Instant::now();
    let pace = |count: usize| plan.time / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    let by_http = post_all(plan.posts, pace(plan.posts), begun, targets.gateway, seed, Arc::clone(&log));
    match targets.kafka {
        Some((brokers, prefix)) => {
            let by_kafka =
                produce_all(plan.events, pace(plan.events), begun, &brokers, &prefix, seed, Arc::clone(&log));
            tokio::try_join!(by_http, by_kafka)?;
        }
        None => by_http.await?,
    }
    let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(log)
}

fn note(log: &Shared, id: Uuid, sent: Sent) {
    log.lock().unwrap_or_else(PoisonError::into_inner).sent.insert(id, sent);
}

fn accept(log: &Shared, id: Uuid) {
    if let Some(sent) = log.lock().unwrap_or_else(PoisonError::into_inner).sent.get_mut(&id) {
        sent.accepted = true;
    }
}

fn marker(random: &mut StdRng) -> String {
    format!("mk{:016x}", random.random::<u64>())
}

async fn post_all(count: usize, pace: Duration, begun: Instant, gateway: String, seed: u64, log: Shared) -> Result<()> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(7)).build()?;
    let mut random = StdRng::seed_from_u64(seed ^ 1);
    let mut flight = JoinSet::new();
    for number in 0..count {
        sleep_until((begun + pace * u32::try_from(number)?).into()).await;
        let (marker, held) = (marker(&mut random), random.random_bool(0.1));
        let (kind, links) =
            if held { (Kind::Held, " https://a.example/x https://b.example/y") } else { (Kind::Plain, "") };
        let thread = format!("posted-{}", random.random_range(0..4));
        let comment = json!({
            "thread": thread, "name": "Reader", "email": format!("{marker}@example.org"), "body": format!("{marker}{links}")
        });
        let sent = Sent { kind, thread, marker, twin: None, accepted: false };
        flight.spawn(post(client.clone(), gateway.clone(), comment, sent, Arc::clone(&log)));
    }
    while let Some(done) = flight.join_next().await {
        done??;
    }
    Ok(())
}

/// Posts a comment until it gets its 202, each time under the same key.
async fn post(client: reqwest::Client, gateway: String, comment: Value, sent: Sent, log: Shared) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let request = client
            .post(format!("{gateway}/v1/sites/news/comments"))
            .header("Idempotency-Key", &sent.marker)
            .json(&comment);
        if let Ok(answer) = request.send().await
            && answer.status() == reqwest::StatusCode::ACCEPTED
            && let Ok(body) = answer.json::<Value>().await
        {
            let id: Uuid = body["id"].as_str().context("an answer without an id")?.parse()?;
            let key = sent.marker.clone();
            note(&log, id, Sent { accepted: true, ..sent });
            log.lock().unwrap_or_else(PoisonError::into_inner).keys.entry(key).or_default().insert(id);
            // Once more: whoever repeats a request that was answered must hear the same.
            return Ok(());
        }
        log.lock().unwrap_or_else(PoisonError::into_inner).repeats += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    anyhow::bail!("the gateway did not accept a comment within {PATIENCE:?}")
}

async fn produce_all(
    count: usize,
    pace: Duration,
    begun: Instant,
    brokers: &str,
    prefix: &str,
    seed: u64,
    log: Shared,
) -> Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "2")
        .set("message.timeout.ms", PATIENCE.as_millis().to_string())
        .create()?;
    let mut random = StdRng::seed_from_u64(seed ^ 2);
    let mut drafts = Drafts::default();
    let mut flight = JoinSet::new();
    let mut number = 0;
    while number < count {
        for draft in drafts.next(&mut random) {
            sleep_until((begun + pace * u32::try_from(number)?).into()).await;
            number += 1;
            let id = draft.id;
            note(&log, id, draft.sent.clone());
            let mut records = vec![("comments.submitted", payload(&draft))];
            if draft.sent.kind != Kind::Poison && random.random_bool(0.05) {
                // The publisher repeats itself: nothing may follow from it.
                records.extend(records.clone());
            }
            if draft.sent.kind == Kind::Decided {
                records.push(("comments.moderated", decision(&draft)));
            }
            for (topic, payload) in records {
                let (topic, thread) = (format!("{prefix}{topic}"), draft.sent.thread.clone());
                let record = Produced { topic, thread, id, payload };
                // Handed over here, so that a thread's records go out in their order.
                let sent = record.send(&producer)?;
                flight.spawn(until_taken(producer.clone(), record, sent, Arc::clone(&log)));
            }
        }
    }
    while let Some(done) = flight.join_next().await {
        done??;
    }
    Ok(())
}

/// A record that a publisher has produced, kept until it is acknowledged.
struct Produced {
    topic: String,
    thread: String,
    id: Uuid,
    payload: Vec<u8>,
}

impl Produced {
    fn send(&self, producer: &FutureProducer) -> Result<DeliveryFuture> {
        let (key, id) = (format!("news/{}", self.thread), self.id.to_string());
        let headers = OwnedHeaders::new()
            .insert(Header { key: "content-type", value: Some("application/protobuf") })
            .insert(Header { key: "ce_id", value: Some(&id) });
        let record = FutureRecord::to(&self.topic).key(&key).payload(&self.payload).headers(headers);
        producer.send_result(record).map_err(|(error, _)| error.into())
    }
}

/// Produces a record again, under the same id, until the broker has taken it.
async fn until_taken(producer: FutureProducer, record: Produced, first: DeliveryFuture, log: Shared) -> Result<()> {
    let (mut sent, until) = (first, Instant::now() + PATIENCE);
    while let Err((error, _)) = sent.await? {
        ensure!(Instant::now() < until, "Kafka did not take a record within {PATIENCE:?}: {error}");
        log.lock().unwrap_or_else(PoisonError::into_inner).repeats += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
        sent = record.send(&producer)?;
    }
    if record.topic.ends_with("comments.submitted") {
        accept(&log, record.id);
    }
    Ok(())
}

/// Comments of every kind, some of which belong together.
#[derive(Default)]
struct Drafts {
    last: Vec<(String, Uuid)>,
}

impl Drafts {
    fn next(&mut self, random: &mut StdRng) -> Vec<Draft> {
        let thread = format!("produced-{}", random.random_range(0..6));
        let draft = |kind, marker: &str, body: String, twin| Draft {
            id: Uuid::now_v7(),
            sent: Sent { kind, thread: thread.clone(), marker: marker.to_owned(), twin, accepted: false },
            parent: None,
            body,
        };
        let word = marker(random);
        let links = format!("{word} https://a.example/x https://b.example/y");
        match random.random_range(0..100) {
            0..8 => vec![draft(Kind::Held, &word, links, None)],
            8..12 => vec![draft(Kind::Decided, &word, links, None)],
            12..20 => vec![draft(Kind::Invalid, &word, " ".into(), None)],
            20..22 => vec![draft(Kind::Poison, &word, String::new(), None)],
            22..26 => {
                let (mut one, mut other) =
                    (draft(Kind::Twin, &word, word.clone(), None), draft(Kind::Twin, &word, word.clone(), None));
                (one.sent.twin, other.sent.twin) = (Some(other.id), Some(one.id));
                vec![one, other]
            }
            roll => {
                let mut plain = draft(Kind::Plain, &word, word.clone(), None);
                let parent = self.last.iter().rev().find(|(of, _)| *of == thread).map(|(_, id)| *id);
                plain.parent = parent.filter(|_| roll < 50);
                self.last.push((thread, plain.id));
                vec![plain]
            }
        }
    }
}

fn payload(draft: &Draft) -> Vec<u8> {
    let event = v1::CommentSubmitted {
        id: draft.id.to_string(),
        site: "news".into(),
        thread: Some(v1::Thread { id: draft.sent.thread.clone(), ..Default::default() }),
        parent_id: draft.parent.map(|id| id.to_string()).unwrap_or_default(),
        author: Some(v1::Author {
            name: "Reader".into(),
            // Twins have one author, since the author is part of what makes them the same.
            email: format!("{}@example.org", draft.sent.marker),
            ..Default::default()
        }),
        body: draft.body.clone(),
        submitted_at: Some(from_millis(Utc::now().timestamp_millis())),
        ..Default::default()
    };
    let mut bytes = Event::encode(&event);
    if draft.sent.kind == Kind::Poison {
        bytes.truncate(bytes.len() - 5);
    }
    bytes
}

fn decision(draft: &Draft) -> Vec<u8> {
    v1::CommentModerated {
        id: draft.id.to_string(),
        site: "news".into(),
        thread_id: draft.sent.thread.clone(),
        action: v1::Action::Approve.into(),
        moderator: "editor".into(),
        decided_at: Some(from_millis(Utc::now().timestamp_millis())),
        ..Default::default()
    }
    .encode_to_vec()
}
