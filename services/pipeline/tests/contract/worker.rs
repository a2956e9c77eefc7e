//! A worker with a toy stage, run as the real ones are.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use rejoinder_pipeline::{
    Consumer, Outcome, Reason, Received, Record, Stage, Transient,
    health::Health,
    runner::{self, Context, RunError, RunnerSettings},
};
use rejoinder_proto::{Event, Topic, from_millis, v1};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::Fixture;

/// What a test holds of a toy stage.
#[derive(Clone, Default)]
pub struct Levers {
    /// Its dependency is down.
    pub down: Arc<AtomicBool>,
    /// The sizes of the batches that it was given.
    pub batches: Arc<Mutex<Vec<usize>>>,
    /// Where it says that it has a batch, and waits to be let go on.
    pub gate: Arc<Mutex<Option<Gate>>>,
}

/// Says that the stage is here, and waits until it may go on.
pub type Gate = (mpsc::Sender<()>, mpsc::Receiver<()>);

/// Passes a comment on, unless its body says what else to do. It may be asked of the next batch `AHEAD` of a commit.
pub struct Toy<const AHEAD: bool>(pub Levers);

impl<const AHEAD: bool> Stage for Toy<AHEAD> {
    const NAME: &'static str = "toy";
    const AHEAD: bool = AHEAD;
    type In = v1::CommentSubmitted;
    type Out = v1::CommentRejected;

    async fn process(
        &mut self,
        batch: &[Received<v1::CommentSubmitted>],
    ) -> Result<Vec<Outcome<v1::CommentRejected>>, Transient> {
        self.0.batches.lock().expect("no poison").push(batch.len());
        if self.0.down.load(Ordering::SeqCst) {
            return Err(Transient::new("database", "it is down"));
        }
        if let Some((here, go_on)) = self.0.gate.lock().expect("no poison").take() {
            here.send(()).expect("the test listens");
            go_on.recv().expect("the test lets go");
        }
        Ok(batch.iter().map(|received| decide(&received.event)).collect())
    }
}

fn decide(event: &v1::CommentSubmitted) -> Outcome<v1::CommentRejected> {
    match event.body.as_str() {
        "panic" => panic!("the toy was told to"),
        "reject" => Outcome::Reject(Reason::impossible("the toy was told to")),
        "drop" => Outcome::Emit(Vec::new()),
        _ => Outcome::Emit(vec![v1::CommentRejected {
            id: event.id.clone(),
            site: event.site.clone(),
            thread_id: event.thread.as_ref().map(|thread| thread.id.clone()).unwrap_or_default(),
            submitted_at: event.submitted_at,
            ..Default::default()
        }]),
    }
}

/// A worker on its own thread.
pub struct Worker {
    pub health: Arc<Health>,
    pub stop: CancellationToken,
    thread: JoinHandle<Result<(), RunError>>,
    _runtime: Runtime,
}

impl Worker {
    pub fn start(fixture: &Fixture, levers: &Levers, settings: RunnerSettings) -> Self {
        Self::of(Toy::<false>(levers.clone()), fixture.join("toy", "0"), settings)
    }

    /// A worker of this stage that reads from this consumer.
    pub fn of(mut stage: impl Stage + 'static, consumer: Box<dyn Consumer>, settings: RunnerSettings) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio");
        let context = Context {
            settings,
            health: Health::new(),
            runtime: runtime.handle().clone(),
            stop: CancellationToken::new(),
        };
        let (health, stop) = (context.health.clone(), context.stop.clone());
        let thread = thread::spawn(move || runner::run(&mut stage, consumer, &context));
        Self { health, stop, thread, _runtime: runtime }
    }

    /// Tells it to stop, and waits for it.
    pub fn stop(self) -> Result<(), RunError> {
        self.stop.cancel();
        self.end()
    }

    /// Waits until it ends.
    pub fn end(self) -> Result<(), RunError> {
        self.thread.join().expect("the runner does not panic")
    }
}

/// A comment on a thread, as its record.
pub fn comment(thread: &str, body: &str) -> Record {
    let event = v1::CommentSubmitted {
        id: Uuid::now_v7().to_string(),
        site: "news".into(),
        thread: Some(v1::Thread { id: thread.into(), ..Default::default() }),
        body: body.into(),
        submitted_at: Some(from_millis(1_700_000_000_000)),
        ..Default::default()
    };
    Record::of(&event, "/test", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
}

/// A record that is no comment.
pub fn garbage(thread: &str) -> Record {
    Record { payload: Some(b"\xff\xff not a message".to_vec()), ..comment(thread, "") }
}

/// Settings under which a worker does not mind dead letters.
pub fn patient() -> RunnerSettings {
    let mut settings = RunnerSettings::default();
    settings.breaker.in_a_row = usize::MAX;
    settings.breaker.share = 1.0;
    settings
}

/// The ids of the events on a topic, in order of reading.
pub fn ids(fixture: &Fixture, topic: Topic) -> Vec<String> {
    fixture.read(topic).iter().map(|each| each.record.headers.text("ce_id").unwrap_or_default().to_owned()).collect()
}

/// A dead letter's event.
pub fn letter(record: &Record) -> v1::DeadLetter {
    <v1::DeadLetter as Event>::decode(Topic::DeadLetter, &record.headers, record.payload.as_deref())
        .expect("a dead letter")
}
