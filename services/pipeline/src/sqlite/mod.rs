//! The embedded log: topics, partitions, offsets and groups in one SQLite file.
//!
//! One process owns the file (a lock file beside it says so), and in it one connection writes. A batch's outputs and
//! offsets commit in one SQLite transaction, so a reader sees both or neither. Appends from outside are grouped and
//! commit with `synchronous=FULL`: acknowledged is on the disk. A hop commits with `NORMAL`: a power cut may roll the
//! newest hops back, outputs and offsets together, and they are simply done again.

mod codec;
mod consumer;
mod follower;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod publisher;
mod reader;
mod schema;
mod transactor;
mod view;

use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rejoinder_proto::{Topic, millis, now};
use rusqlite::{Connection, TransactionBehavior};

pub use self::view::SqliteView;
use self::{consumer::SqliteConsumer, group::Group, publisher::SqlitePublisher, transactor::SqliteTransactor};
use crate::{
    Consumer, Follower, Log, LogError, Progress, Publisher, Range, Reader, Record, Records, Transactor, log::Start,
    moment,
};

/// The end of each partition: the offset that the next record gets.
type Ends = HashMap<(Topic, i32), i64>;

/// A log in one SQLite file. Clones share it.
#[derive(Clone)]
pub struct SqliteLog(Arc<Shared>);

struct Shared {
    view: SqliteView,
    partitions: i32,
    writer: Mutex<Connection>,
    /// What is committed; guarded apart from the writer, so that a reader never waits for a commit.
    ends: Mutex<Ends>,
    grown: Condvar,
    groups: Mutex<HashMap<String, Arc<Mutex<Group>>>>,
    publisher: Mutex<Option<Arc<SqlitePublisher>>>,
    /// The number of the newest transactor of each name.
    transactors: Mutex<HashMap<String, u64>>,
    /// Held as long as the log is open: the operating system lets go of it however the process ends.
    _owner: File,
}

/// How much a commit promises.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// On the disk when it returns.
    Disk,
    /// Atomic, and on the disk with the next one that must be.
    Ordered,
}

impl SqliteLog {
    /// Opens the log, or makes it with `partitions` partitions a topic; a log that exists keeps the number it has.
    /// Refused while another process has it open.
    pub fn open(path: &Path, partitions: i32) -> Result<Self, LogError> {
        let owner = own(path)?;
        let mut writer = Connection::open(path).map_err(|error| fatal(path, &error))?;
        let partitions = schema::prepare(&mut writer, partitions).map_err(|error| fatal(path, &error))?;
        let ends = schema::ends(&writer, partitions).map_err(|error| fatal(path, &error))?;
        Ok(Self(Arc::new(Shared {
            view: SqliteView::new(path, partitions),
            partitions,
            writer: Mutex::new(writer),
            ends: Mutex::new(ends),
            grown: Condvar::new(),
            groups: Mutex::default(),
            publisher: Mutex::default(),
            transactors: Mutex::default(),
            _owner: owner,
        })))
    }

    /// Deletes records that every group that reads their topic has consumed and that are older than `age`. Dead letters
    /// stay, and so does the last record of each partition, which remembers the offsets. Gives the number deleted.
    pub fn prune(&self, age: Duration) -> Result<usize, LogError> {
        let before = millis(Some(&now())).saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let writer = lock(&self.0.writer);
        schema::prune(&writer, before).map_err(|error| LogError::Unavailable(error.to_string()))
    }
}

impl Log for SqliteLog {
    fn join(&self, group: &str, instance: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, LogError> {
        let shared = Arc::clone(lock(&self.0.groups).entry(group.to_owned()).or_default());
        Ok(Box::new(SqliteConsumer::join(self.clone(), group, shared, instance, topics)?))
    }

    fn publisher(&self) -> Result<Arc<dyn Publisher>, LogError> {
        let mut publisher = lock(&self.0.publisher);
        if let Some(publisher) = publisher.as_ref() {
            return Ok(Arc::clone(publisher) as Arc<dyn Publisher>);
        }
        let started = Arc::new(SqlitePublisher::start(&self.0)?);
        *publisher = Some(Arc::clone(&started));
        Ok(started)
    }

    fn transactor(&self, name: &str) -> Result<Box<dyn Transactor>, LogError> {
        Ok(Box::new(SqliteTransactor::begin(self.clone(), name)))
    }
}

impl Records for SqliteLog {
    fn read(&self, topic: Topic, range: &Range) -> Result<Box<dyn Reader>, LogError> {
        self.0.view.read(topic, range)
    }

    fn follow(&self, topic: Topic, start: &Start) -> Result<Box<dyn Follower>, LogError> {
        self.0.view.follow(topic, start)
    }

    fn partitions(&self, topic: Topic) -> Result<i32, LogError> {
        self.0.view.partitions(topic)
    }

    fn committed(&self, group: &str) -> Result<BTreeMap<(Topic, i32), i64>, LogError> {
        self.0.view.committed(group)
    }
}

impl Shared {
    /// Appends records and moves a group's offsets in one transaction. Gives the offset of each record.
    fn append(
        &self,
        records: &[Record],
        offsets: Option<(&str, &Progress)>,
        durability: Durability,
    ) -> rusqlite::Result<Vec<(i32, i64)>> {
        let mut writer = lock(&self.writer);
        let level = if durability == Durability::Disk { "FULL" } else { "NORMAL" };
        writer.pragma_update(None, "synchronous", level)?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Only the holder of the writer moves the ends, so they cannot change between here and the commit.
        let mut ends = lock(&self.ends).clone();
        let at = millis(Some(&now()));
        let mut places = Vec::with_capacity(records.len());
        for record in records {
            let partition = partition_of(&record.key, self.partitions);
            let end = ends.entry((record.topic, partition)).or_insert(0);
            schema::insert(&transaction, record, partition, *end, at)?;
            places.push((partition, *end));
            *end += 1;
        }
        if let Some((group, progress)) = offsets {
            for (topic, partition, span) in progress.iter() {
                schema::commit_offset(&transaction, group, topic, partition, span.next)?;
            }
        }
        moment::here("commit.before");
        transaction.commit()?;
        moment::here("commit.after");
        *lock(&self.ends) = ends;
        self.grown.notify_all();
        Ok(places)
    }

    /// Waits until `ready` says so of the ends, at most until `until`. Gives what it last said.
    fn wait(&self, until: Instant, ready: impl Fn(&Ends) -> bool) -> bool {
        let mut ends = lock(&self.ends);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if ready(&ends) || left.is_zero() {
                return ready(&ends);
            }
            ends = self.grown.wait_timeout(ends, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// How long an owner that is ending may take to let go: its publisher's thread may still stand at the last append, and a
/// supervisor starts the next process at once.
const LET_GO: Duration = Duration::from_secs(1);

fn own(path: &Path) -> Result<File, LogError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| LogError::Fatal(format!("{} cannot be opened: {error}", lock_path.display())))?;
    let patient_until = Instant::now() + LET_GO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < patient_until => thread::sleep(LET_GO / 50),
            Err(TryLockError::WouldBlock) => {
                return Err(LogError::Fatal(format!(
                    "{} is in use by another rejoinder process; an embedded log belongs to one process, so stop that one \
                     first or choose another data folder",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => {
                return Err(LogError::Fatal(format!("{} cannot be locked: {error}", lock_path.display())));
            }
        }
    }
}

/// The partition of a key, by FNV-1a: the same in every version, or a thread would lose its order over an upgrade.
fn partition_of(key: &[u8], partitions: i32) -> i32 {
    let hash = key
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    i32::try_from(hash % u64::from(partitions.unsigned_abs().max(1))).unwrap_or(0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fatal(path: &Path, error: &rusqlite::Error) -> LogError {
    LogError::Fatal(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_one_owner_and_the_next_waits_until_it_lets_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.sqlite");
        let owner = SqliteLog::open(&path, 1).expect("a log");
        let Err(LogError::Fatal(refusal)) = SqliteLog::open(&path, 1) else { panic!("two own one log") };
        assert!(refusal.contains("in use by another rejoinder process"), "{refusal}");

        let (before, patient) = (Instant::now(), path.clone());
        let next = thread::spawn(move || SqliteLog::open(&patient, 1).map(|_| Instant::now()));
        thread::sleep(LET_GO / 10);
        drop(owner);
        let opened = next.join().expect("no panic").expect("opened once its owner let go");
        assert!(opened - before >= LET_GO / 10);
    }
}
