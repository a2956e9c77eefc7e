//! A notifier and a sender around one outbox.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use rejoinder_notifier::{
    Backend, Comments, Depth, Input, Mailer, MemoryOutbox, Moderator, Notifier, Outbox, Policy, Security, Sender,
    Settings, Smtp, Standing,
};
use rejoinder_pipeline::{
    Position, Received, Stage, Transient,
    health::{Health, State},
};
use rejoinder_proto::{Topic, token::TokenKeys, v1};
use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::samples;

/// A comment store that knows what it is told; everything else is pending.
#[derive(Default)]
pub struct Told(pub Mutex<HashMap<Uuid, Standing>>, pub Mutex<bool>);

impl Told {
    pub fn tell(&self, id: Uuid, standing: Standing) {
        self.0.lock().expect("no panic").insert(id, standing);
    }

    pub fn go_away(&self, away: bool) {
        *self.1.lock().expect("no panic") = away;
    }
}

#[async_trait]
impl Comments for Told {
    async fn standing(&self, ids: &[Uuid]) -> Result<Vec<Standing>, Transient> {
        if *self.1.lock().expect("no panic") {
            return Err(Transient::new("database", "away"));
        }
        let told = self.0.lock().expect("no panic");
        Ok(ids.iter().map(|id| told.get(id).copied().unwrap_or(Standing::Pending)).collect())
    }
}

pub struct House {
    pub outbox: Arc<dyn Outbox>,
    pub comments: Arc<Told>,
    pub health: Arc<Health>,
    pub settings: Settings,
    sites: Arc<HashMap<String, Policy>>,
    wake: Arc<Notify>,
}

/// Settings for a server on loopback, which never look at the outbox by themselves: what arrives was woken.
pub fn smtp(address: SocketAddr) -> Settings {
    Settings {
        from: "comments@news.example".parse().expect("an address"),
        backend: Backend::Smtp,
        smtp: Smtp {
            host: address.ip().to_string(),
            port: address.port(),
            security: Security::None,
            connections: 2,
            command_seconds: 5.0,
            ..Smtp::default()
        },
        retry_seconds: Vec::new(),
        poll_seconds: 3_600.0,
        ..Settings::default()
    }
}

impl House {
    pub fn new(settings: Settings) -> Self {
        Self::with(settings, Arc::new(MemoryOutbox::new()))
    }

    pub fn with(settings: Settings, outbox: Arc<dyn Outbox>) -> Self {
        let moderator = |name: &str| Moderator {
            name: name.into(),
            email: format!("{name}@news.example").parse().expect("an address"),
        };
        let policy = Policy { moderators: vec![moderator("amin")], ..Policy::default() };
        Self {
            outbox,
            comments: Arc::default(),
            health: Health::new(),
            settings,
            sites: Arc::new(HashMap::from([("news".to_owned(), policy)])),
            wake: Arc::default(),
        }
    }

    /// Puts held comments through the stage.
    pub async fn hold(&self, ids: &[Uuid]) {
        let received = |id: &Uuid| {
            let mut event = samples::screened();
            event.comment.get_or_insert_default().id = id.to_string();
            let event = Input::Screened(Box::new(event));
            Received { event, position: Position { topic: Topic::Screened, partition: 0, offset: 0 }, trace: None }
        };
        let batch: Vec<Received<Input>> = ids.iter().map(received).collect();
        let mut stage = Notifier::new(self.sites.clone(), self.outbox.clone(), self.wake.clone());
        stage.process(&batch).await.expect("the outbox takes them");
    }

    /// Puts a moderator's decision through the stage.
    pub async fn decide(&self, id: Uuid) {
        let event = v1::CommentModerated {
            id: id.to_string(),
            site: "news".into(),
            action: v1::Action::Approve.into(),
            moderator: "amin".into(),
            decided_at: Some(rejoinder_proto::now()),
            ..Default::default()
        };
        let position = Position { topic: Topic::Moderated, partition: 0, offset: 0 };
        let mut stage = Notifier::new(self.sites.clone(), self.outbox.clone(), self.wake.clone());
        let batch = [Received { event: Input::Moderated(Box::new(event)), position, trace: None }];
        stage.process(&batch).await.expect("the outbox takes it");
    }

    pub fn keys() -> TokenKeys {
        TokenKeys::new([[7u8; 32]]).expect("a long key")
    }

    /// Runs a sender until it is told to stop.
    pub fn send(&self) -> Running {
        let mailer = Mailer::from_settings(&self.settings).expect("valid settings");
        let sender = Sender::new(
            self.settings.clone(),
            self.sites.clone(),
            Self::keys(),
            self.outbox.clone(),
            self.comments.clone(),
            mailer,
            self.wake.clone(),
        );
        let stop = CancellationToken::new();
        Running { task: tokio::spawn(sender.run(stop.clone(), self.health.clone())), stop }
    }

    /// Waits until the outbox looks so.
    pub async fn until(&self, wanted: Depth) {
        let same = async {
            while self.outbox.depth().await.expect("counts") != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(Duration::from_secs(20), same).await.is_err() {
            panic!("after 20 s the outbox is {:?}, not {wanted:?}", self.outbox.depth().await);
        }
    }

    pub async fn until_state(&self, wanted: State) {
        let same = async {
            while self.health.snapshot().get("mail") != Some(&wanted) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(Duration::from_secs(20), same).await.is_err() {
            panic!("after 20 s the state is {:?}, not {wanted:?}", self.health.snapshot());
        }
    }
}

pub struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    pub async fn stop(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(10), self.task).await.expect("stops in time").expect("does not panic");
    }

    /// As SIGKILL would.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Distinct comments.
pub fn ids(count: u128) -> Vec<Uuid> {
    let base = Uuid::parse_str("0190163d-8694-7000-8000-000000000000").expect("a UUIDv7").as_u128();
    (0..count).map(|number| Uuid::from_u128(base + number)).collect()
}
