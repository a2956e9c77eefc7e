//! What the audit found: findings as they come, the totals last.

use std::{collections::BTreeMap, io::Write};

use anyhow::Result;
use rejoinder_comment_store::{State, Tally, row::RowState};
use rejoinder_pipeline::{Delivered, Position};
use rejoinder_proto::{Topic, millis};
use serde_json::{Value, json};
use uuid::Uuid;

use super::groups::{STAGES, reader_of};

/// How a submitted record ended, or where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is a comment in the store.
    Stored(State),
    /// It is a rejection in the store.
    Rejected,
    /// It is a dead letter.
    Dead,
    /// The publisher had submitted its id before.
    Repeat,
    /// A stage has not come to it yet.
    InFlight(&'static str),
}

/// Counts, and prints what is to be named.
pub struct Report<'a> {
    json: bool,
    out: Box<dyn Write + 'a>,
    /// Submitted records that were followed.
    pub submitted: u64,
    ends: Tally,
    dead: u64,
    repeats: u64,
    in_flight: BTreeMap<&'static str, u64>,
    /// Submitted records that no end is known of.
    pub lost: u64,
    copies: BTreeMap<Topic, u64>,
    rows: u64,
    /// Mails that were sent about stored comments.
    pub mails: u64,
    /// Mails that were sent about others.
    pub unstored_mails: u64,
    times: Option<(i64, i64)>,
    /// The first offset of each partition.
    first: BTreeMap<i32, i64>,
}

impl<'a> Report<'a> {
    /// Nothing was found yet.
    pub fn new(json: bool, out: impl Write + 'a) -> Self {
        Self {
            json,
            out: Box::new(out),
            submitted: 0,
            ends: Tally::default(),
            dead: 0,
            repeats: 0,
            in_flight: STAGES.map(|stage| (stage, 0)).into(),
            lost: 0,
            copies: BTreeMap::new(),
            rows: 0,
            mails: 0,
            unstored_mails: 0,
            times: None,
            first: BTreeMap::new(),
        }
    }

    /// A submitted record is being followed.
    pub fn read(&mut self, delivered: &Delivered) {
        self.submitted += 1;
        let at = millis(Some(&delivered.appended_at));
        self.times = Some(self.times.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        self.first.entry(delivered.position.partition).or_insert(delivered.position.offset);
    }

    /// A record has ended; one in flight is told by [`Report::in_flight`].
    pub fn ended(&mut self, end: End) {
        match end {
            End::Stored(state) => self.ends.add(RowState::Stored(state), 1),
            End::Rejected => self.ends.add(RowState::Rejected, 1),
            End::Dead => self.dead += 1,
            End::Repeat => self.repeats += 1,
            End::InFlight(stage) => *self.in_flight.entry(stage).or_default() += 1,
        }
    }

    /// A record waits for a stage.
    pub fn in_flight(&mut self, id: Option<Uuid>, position: Position, stage: &'static str) -> Result<()> {
        self.ended(End::InFlight(stage));
        let finding = json!({"finding": "in flight", "id": id, "submitted": place(position), "waits_for": stage});
        self.finding(&finding, &format!("in flight  {} ({}) waits for {stage}", name(id), place(position)))
    }

    /// A record has no end: `seen` is its last trace.
    pub fn lost(&mut self, id: Option<Uuid>, position: Position, seen: Position) -> Result<()> {
        self.lost += 1;
        let (stage, last) = (reader_of(seen.topic), format!("{} {}", seen.topic, place(seen)));
        let finding =
            json!({"finding": "lost", "id": id, "submitted": place(position), "last_seen": last, "lost_at": stage});
        let text = format!(
            "LOST       {} (submitted at {}), last seen on {last}; {stage} is past it, and nothing came of it",
            name(id),
            place(position)
        );
        self.finding(&finding, &text)
    }

    /// A record stands on its topic twice.
    pub fn copy(&mut self, id: &str, first: Position, second: Position) -> Result<()> {
        *self.copies.entry(first.topic).or_default() += 1;
        let (topic, one, two) = (first.topic, place(first), place(second));
        let finding = json!({"finding": "twice", "id": id, "topic": topic.name(), "first": one, "second": two});
        self.finding(&finding, &format!("TWICE      {id} on {topic}, at {one} and at {two}"))
    }

    /// An id has two rows.
    pub fn two_rows(&mut self, id: Uuid) -> Result<()> {
        self.rows += 1;
        let finding = json!({"finding": "twice", "id": id, "topic": "store"});
        self.finding(&finding, &format!("TWICE      {id} has two rows in the store"))
    }

    /// A mail went out about a comment that is not stored.
    pub fn unstored_mail(&mut self, comment: Uuid) -> Result<()> {
        self.unstored_mails += 1;
        let finding = json!({"finding": "mail", "id": comment});
        self.finding(&finding, &format!("MAIL       {comment} was mailed about, and is not stored"))
    }

    /// A topic was looked through for copies.
    pub fn checked(&mut self, topic: Topic) {
        self.copies.entry(topic).or_default();
    }

    /// How many copies were found.
    pub fn twice(&self) -> u64 {
        self.copies.values().sum::<u64>() + self.rows
    }

    /// Whether everything is accounted for.
    pub fn holds(&self) -> bool {
        self.lost == 0 && self.twice() == 0 && self.unstored_mails == 0 && self.accounted() == self.submitted
    }

    /// Prints the totals. `whole` says that no range was asked for.
    pub fn finish(&mut self, whole: bool) -> Result<()> {
        let pruned = whole && self.first.values().any(|first| *first > 0);
        let times = self.times.map(|(first, last)| [time(first), time(last)]);
        if self.json {
            let total = self.json(times.as_ref(), pruned);
            writeln!(self.out, "{total}")?;
            return Ok(());
        }
        let [from, to] = times.unwrap_or_else(|| ["-".into(), "-".into()]);
        writeln!(self.out, "{:>26} {:>10}  from {from} to {to}", "submitted records", self.submitted)?;
        let Tally { approved, pending, spam, trash, rejected } = self.ends;
        let states = format!("{approved} approved, {pending} held, {spam} spam, {trash} trash");
        self.line("stored", self.stored(), &states)?;
        self.line("rejected", rejected, "")?;
        self.line("dead-lettered", self.dead, "")?;
        self.line("repeats of an id", self.repeats, "")?;
        let hops = STAGES.map(|stage| format!("{} before {stage}", self.in_flight[stage]));
        self.line("in flight", self.in_flight.values().sum(), &hops.join(", "))?;
        self.line("sum", self.accounted(), "")?;
        self.line("LOST", self.lost, "")?;
        let topics: Vec<String> = self.copies.iter().map(|(topic, count)| format!("{count} on {topic}")).collect();
        self.line("TWICE", self.twice(), &topics.join(", "))?;
        self.line("mails about stored", self.mails, "")?;
        self.line("MAILS ABOUT UNSTORED", self.unstored_mails, "")?;
        if pruned {
            writeln!(self.out, "The log does not reach back to its start: what it no longer has was not audited.")?;
        }
        writeln!(self.out, "{}", if self.holds() { "the audit holds" } else { "THE AUDIT DOES NOT HOLD" })?;
        Ok(())
    }

    fn json(&self, times: Option<&[String; 2]>, pruned: bool) -> Value {
        let Tally { approved, pending, spam, trash, rejected } = self.ends;
        let copies: BTreeMap<&str, u64> = self.copies.iter().map(|(topic, count)| (topic.name(), *count)).collect();
        json!({
            "submitted": self.submitted,
            "from": times.map(|times| &times[0]),
            "to": times.map(|times| &times[1]),
            "pruned": pruned,
            "stored": self.stored(),
            "states": {"approved": approved, "held": pending, "spam": spam, "trash": trash},
            "rejected": rejected,
            "dead_lettered": self.dead,
            "repeats": self.repeats,
            "in_flight": self.in_flight,
            "lost": self.lost,
            "twice": copies,
            "twice_in_store": self.rows,
            "mails_about_stored": self.mails,
            "mails_about_unstored": self.unstored_mails,
            "holds": self.holds(),
        })
    }

    fn stored(&self) -> u64 {
        let Tally { approved, pending, spam, trash, .. } = self.ends;
        approved + pending + spam + trash
    }

    fn accounted(&self) -> u64 {
        self.stored() + self.ends.rejected + self.dead + self.repeats + self.in_flight.values().sum::<u64>()
    }

    fn line(&mut self, what: &str, count: u64, more: &str) -> Result<()> {
        let line = format!("{what:>26} {count:>10}  {more}");
        Ok(writeln!(self.out, "{}", line.trim_end())?)
    }

    fn finding(&mut self, json: &Value, text: &str) -> Result<()> {
        if self.json {
            writeln!(self.out, "{json}")?
        } else {
            writeln!(self.out, "{text}")?
        }
        Ok(())
    }
}

fn place(position: Position) -> String {
    format!("{}:{}", position.partition, position.offset)
}

fn name(id: Option<Uuid>) -> String {
    id.map_or_else(|| "a record without an id".to_owned(), |id| id.to_string())
}

fn time(millis: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
