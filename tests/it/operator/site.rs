//! A site in either deployment, and a day on it with something of everything.

use std::sync::Arc;

use rejoinder_pipeline::{
    Delivered, Log, Range, Record, Records, kafka::KafkaLog, sqlite::SqliteLog, sqlite::SqliteView,
};
use rejoinder_proto::{Event, Topic, from_millis, v1};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::{
    bad_input::{poison, submitted},
    distributed::Deployment,
    harness::{CONFIG, Home, Running, action_link, client, comment, path_of, until},
};

const POLICY: &str = "policy.validation.flood_seconds = 0\n";

/// Which deployment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Embedded,
    Distributed,
}

pub enum Site {
    Embedded { home: Home, dev: Option<Running> },
    Distributed(Box<Deployment>),
}

/// What became of the day's comments.
pub struct Day {
    /// Records on comments.submitted.
    pub submitted: u64,
    /// Dead letters, all of them by the validator.
    pub dead: u64,
    /// An approved comment, about which no mail was sent.
    pub approved: String,
    /// A comment that was held, and that a mail was sent about.
    pub held: String,
    /// The second copy of a comment, which the store rejected.
    pub copy: String,
}

impl Site {
    /// `None` where there is no Kafka to try.
    pub async fn open(kind: Kind, test: &str) -> Option<Self> {
        Self::configured(kind, test, "").await
    }

    /// The same with further settings, before the first section.
    pub async fn configured(kind: Kind, test: &str, settings: &str) -> Option<Self> {
        let settings = format!("{POLICY}{settings}");
        match kind {
            Kind::Embedded => {
                let home = Home::new(&format!("{settings}{CONFIG}"));
                std::fs::create_dir_all(home.data()).expect("a folder");
                Some(Self::Embedded { home, dev: None })
            }
            Kind::Distributed => {
                Deployment::start(test, &settings).await.map(|house| Self::Distributed(Box::new(house)))
            }
        }
    }

    pub fn home(&self) -> &Home {
        match self {
            Self::Embedded { home, .. } => home,
            Self::Distributed(house) => &house.home,
        }
    }

    /// The embedded process; the distributed ones run from the beginning.
    pub fn start(&mut self) -> &Running {
        match self {
            Self::Embedded { home, dev } => dev.get_or_insert_with(|| home.gateway(&["run"])),
            Self::Distributed(house) => &house.gateway,
        }
    }

    /// Ends the embedded process, which owns the log's file.
    pub fn stop(&mut self) {
        if let Self::Embedded { dev, .. } = self
            && let Some(mut dev) = dev.take()
        {
            assert!(dev.terminate().success());
        }
    }

    /// Appends from outside. The embedded process must not run.
    pub async fn append(&self, records: Vec<Record>) {
        let log: Arc<dyn Log> = match self {
            Self::Embedded { home, .. } => {
                let path = home.data().join("log.sqlite");
                let mut log = None;
                // Whoever had it last may hold it for an instant longer.
                until("the log is free", async || {
                    log = SqliteLog::open(&path, 4).ok();
                    log.is_some()
                })
                .await;
                Arc::new(log.expect("it opened"))
            }
            Self::Distributed(house) => Arc::new(KafkaLog::new(house.kafka.clone()).expect("settings")),
        };
        let publisher = log.publisher().expect("a publisher");
        for record in records {
            publisher.append(record).await.expect("appended");
        }
    }

    /// Everything on a topic.
    pub fn read(&self, topic: Topic) -> Vec<Delivered> {
        let log: Box<dyn Records> = match self {
            Self::Embedded { home, .. } => Box::new(SqliteView::open(&home.data().join("log.sqlite")).expect("a log")),
            Self::Distributed(house) => Box::new(KafkaLog::new(house.kafka.clone()).expect("settings")),
        };
        let mut reader = log.read(topic, &Range::default()).expect("a reader");
        let mut all = Vec::new();
        while let Some(chunk) = reader.next().expect("readable") {
            all.extend(chunk);
        }
        all
    }

    /// Changes the comments or the outbox behind everybody's back; `{uuid:X}` is an id as the database writes it.
    pub async fn sql(&self, file: &str, statement: &str) {
        match self {
            Self::Embedded { home, .. } => {
                let url = format!("sqlite://{}", home.data().join(file).display());
                let mut connection = SqliteConnection::connect(&url).await.expect("the file opens");
                let statement = statement.replace("{uuid:", "x'").replace('}', "'");
                let done = connection.execute(AssertSqlSafe(statement)).await.expect("the statement runs");
                assert!(done.rows_affected() > 0);
            }
            Self::Distributed(house) => {
                let mut connection = PgConnection::connect(&house.postgres).await.expect("PostgreSQL answers");
                let statement = statement.replace("{uuid:", "'").replace('}', "'");
                let done = connection.execute(AssertSqlSafe(statement)).await.expect("the statement runs");
                assert!(done.rows_affected() > 0);
            }
        }
    }

    /// `rejoinder audit --json`: whether it succeeded, its findings and its totals.
    pub fn audit(&self, arguments: &[&str]) -> (bool, Vec<Value>, Value) {
        let output = self.home().output(&[&["audit", "--json"], arguments].concat());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let total = lines.pop().unwrap_or_else(|| panic!("no totals: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.success(), lines, total)
    }

    /// Waits until no comment is under way.
    pub async fn until_at_rest(&self) {
        until("nothing is in flight", async || {
            let (_, _, total) = self.audit(&[]);
            total["in_flight"].as_object().expect("a table").values().all(|count| count == 0)
        })
        .await;
        // A dead letter of the notifier and the last mark of the outbox are no comment's way.
    }

    /// A day with something of everything, up to the moment at which all of it has ended.
    pub async fn day(&mut self) -> Day {
        let poison: Vec<Record> = poison().into_iter().map(|(_, record)| record).collect();
        let dead = poison.len() as u64;
        let early = submitted("before anybody was awake");
        let repeat = Record::of(&early, "/test", "00-x");
        self.append(poison).await;
        self.append(vec![repeat.clone(), repeat.clone()]).await;
        let (first, copy) = twins();
        let copy_id = copy.comment.as_ref().expect("a comment").id.clone();
        self.append([first, copy].map(|event| Record::of(&event, "/test", "00-x")).into()).await;

        let gateway = self.start();
        gateway.until_state(&early.id, "pending").await;
        gateway.until_state(&copy_id, "rejected").await;
        let held = gateway.post(&comment("Ada", "A first thought.")).await;
        let gone = gateway.post(&comment("Bob", "Buy my things.")).await;
        let waits = gateway.post(&comment("Cyd", "Nobody decides about me.")).await;
        self.decide("A first thought.", "approve", &held, "published").await;
        self.decide("Buy my things.", "move", &gone, "removed").await;
        let gateway = self.start();
        gateway.until_state(&waits, "pending").await;

        let approved = gateway.post(&comment("Ada", "A second thought.")).await;
        gateway.until_state(&approved, "published").await;
        let mut reply = comment("Ada", "An answer to myself.");
        reply["parent"] = json!(approved);
        let reply = gateway.post(&reply).await;
        let mut orphan = comment("Ada", "An answer to nobody.");
        // Too old to be on its way still.
        orphan["parent"] = json!("0190163d-8694-739b-aea5-966c26f8ad92");
        let orphan = gateway.post(&orphan).await;
        let again = gateway.post(&comment("Ada", "A second thought.")).await;
        for (id, state) in [(&reply, "published"), (&orphan, "rejected"), (&again, "rejected")] {
            gateway.until_state(id, state).await;
        }
        // The mail's link decides again, and what was visible goes away.
        self.decide("A first thought.", "move", &held, "removed").await;
        self.until_at_rest().await;
        // A comment shows as pending a moment before the notifier has taken it.
        until("there are mails about all four that were held", async || {
            self.audit(&[]).2["mails_about_stored"].as_u64() >= Some(4)
        })
        .await;
        let submitted = self.read(Topic::Submitted).len() as u64;
        assert_eq!(submitted, dead + 2 + 7);
        Day { submitted, dead, approved, held, copy: copy_id }
    }

    /// Decides by the link of a mail, and waits for what follows.
    pub async fn decide(&mut self, words: &str, action: &str, id: &str, state: &str) {
        until(&format!("a mail with {words:?} stands in the mailbox"), async || {
            action_link(&self.home().mails(), words, action).is_some()
        })
        .await;
        let link = action_link(&self.home().mails(), words, action).expect("a link");
        let gateway = self.start();
        let page = client().post(gateway.url(&path_of(&link))).send().await.expect("a page");
        assert!(page.status().is_success(), "{}", page.status());
        gateway.until_state(id, state).await;
    }
}

/// Two comments with the same words that the validator let through, as two validators at the same instant may.
fn twins() -> (v1::CommentValidated, v1::CommentValidated) {
    let twin = |offset| {
        let comment = v1::Comment {
            id: Uuid::now_v7().to_string(),
            site: "news".into(),
            thread: Some(v1::Thread { id: "a".into(), ..Default::default() }),
            author: Some(v1::Author { name: "Eve".into(), email: "eve@example.org".into(), ..Default::default() }),
            text: "Said twice".into(),
            html: "<p>Said twice</p>".into(),
            submitted_at: Some(from_millis(1_700_000_000_000)),
            fingerprint: vec![7; 32],
            origin: Some(v1::Origin { partition: 0, offset }),
            ..Default::default()
        };
        v1::CommentValidated { comment: Some(comment) }
    };
    (twin(1_000_000), twin(1_000_001))
}

/// The comment's id of a record.
pub fn id_of(delivered: &Delivered) -> String {
    delivered.record.headers.text("ce_id").unwrap_or_default().to_owned()
}

/// A record's dead letter.
pub fn letter_of(delivered: &Delivered) -> v1::DeadLetter {
    let Delivered { position, record, .. } = delivered;
    <v1::DeadLetter as Event>::decode(position.topic, &record.headers, record.payload.as_deref())
        .expect("a dead letter")
}
