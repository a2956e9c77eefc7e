//! What must hold after every fault: plain functions on what was seen, so that each can be shown to fail.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::model::{ClientLog, Excuse, Kind, Observed, Row, Seen};

const STORED: std::ops::RangeInclusive<i16> = 1..=4;
const REJECTED: i16 = 5;
/// Bytes of path that a reply to the deepest level shares with its parent, beside which it stands: ten levels of ten bytes
/// are all that a path holds.
const DEEPEST: usize = 90;

/// How it ended, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Comments sent.
    pub sent: usize,
    /// Rows of stored comments.
    pub stored: usize,
    /// Rows of rejections.
    pub rejected: usize,
    /// Dead letters.
    pub dead: usize,
    /// Records or rows that came twice.
    pub twice: usize,
    /// Mails over the bound.
    pub over: usize,
}

/// Counts, and every sentence that does not hold; none is good.
pub fn check(log: &ClientLog, seen: &Observed, excuse: Excuse) -> (Count, Vec<String>) {
    let (twice, over) = (twice(seen, excuse), mails_over(log, seen, excuse));
    let count = Count {
        sent: log.sent.len(),
        stored: seen.rows.iter().filter(|row| STORED.contains(&row.state)).count(),
        rejected: seen.rows.iter().filter(|row| row.state == REJECTED).count(),
        dead: seen.dead.len(),
        twice: twice.len(),
        over: over.len(),
    };
    let found = [
        nothing_sent(log),
        ends(log, seen),
        right_end(log, seen),
        told(seen),
        twice,
        order_on_topics(log, seen, excuse),
        order_in_store(seen),
        over,
        mails_lost(log, seen, excuse),
        mails_unstored(log, seen),
        seen.open.iter().map(|partition| format!("a transaction is still open on {partition}")).collect(),
        keys(log),
    ];
    (count, found.concat())
}

/// An empty run proves nothing.
fn nothing_sent(log: &ClientLog) -> Vec<String> {
    match log.sent.values().filter(|sent| sent.accepted).count() {
        0 => vec!["nothing was accepted, so nothing is proved".into()],
        _ => Vec::new(),
    }
}

/// Invariant 1: every accepted id ends stored, rejected or dead-lettered: exactly one of them.
fn ends(log: &ClientLog, seen: &Observed) -> Vec<String> {
    let rows: HashMap<Uuid, i16> = seen.rows.iter().map(|row| (row.id, row.state)).collect();
    let dead: BTreeSet<Uuid> = seen.dead.iter().map(|letter| letter.id).collect();
    let accepted = log.sent.iter().filter(|(_, sent)| sent.accepted);
    accepted
        .filter_map(|(id, sent)| {
            let state = rows.get(id).copied().filter(|state| STORED.contains(state) || *state == REJECTED);
            match (state, dead.contains(id)) {
                (None, false) => Some(format!("{id} ({:?}) was accepted and is lost", sent.kind)),
                (Some(_), true) => Some(format!("{id} ({:?}) has a row and is a dead letter too", sent.kind)),
                _ => None,
            }
        })
        .collect()
}

/// A fault changes no verdict: each kind ends as it does on a quiet day.
fn right_end(log: &ClientLog, seen: &Observed) -> Vec<String> {
    let rows: HashMap<Uuid, i16> = seen.rows.iter().map(|row| (row.id, row.state)).collect();
    let dead: BTreeSet<Uuid> = seen.dead.iter().map(|letter| letter.id).collect();
    let mut wrong = Vec::new();
    for (id, sent) in &log.sent {
        let state = rows.get(id).copied();
        let Some(state) = state.or(dead.contains(id).then_some(-1)) else { continue };
        let right = match sent.kind {
            Kind::Plain => state == 1,
            Kind::Held => state == 2,
            // The decision itself may be one that was never acknowledged.
            Kind::Decided => state == 1 || state == 2,
            Kind::Invalid => state == REJECTED,
            Kind::Twin => state == 1 || state == REJECTED,
            Kind::Poison => state == -1,
        };
        if !right {
            wrong.push(format!("{id} is {:?}, and ended in state {state}", sent.kind));
        }
    }
    for (id, sent) in &log.sent {
        if let Some(twin) = sent.twin.filter(|twin| twin > id) {
            let both: Vec<_> = [id, &twin].into_iter().filter_map(|id| rows.get(id)).collect();
            let shown = both.iter().filter(|state| ***state == 1).count();
            if both.len() == 2 && shown != 1 {
                wrong.push(format!("of the twins {id} and {twin}, {shown} are shown"));
            }
        }
    }
    wrong
}

/// What the database says, the log says too: sites and readers learn of it there alone.
fn told(seen: &Observed) -> Vec<String> {
    let ids = |records: &[Seen]| records.iter().map(|record| record.id).collect::<BTreeSet<Uuid>>();
    let (screened, published, rejected) = (ids(&seen.screened), ids(&seen.published), ids(&seen.rejected));
    let mut untold = Vec::new();
    for Row { id, state, .. } in &seen.rows {
        let on = match state {
            1 if !published.contains(id) => "published",
            5 if !rejected.contains(id) => "rejected",
            1..=4 if !screened.contains(id) => "screened",
            _ => continue,
        };
        untold.push(format!("{id} has a row of state {state}, and comments.{on} never heard of it"));
    }
    untold
}

/// Invariants 2 and 3: a row per id, and under read_committed each outcome once.
fn twice(seen: &Observed, excuse: Excuse) -> Vec<String> {
    let submitted: BTreeMap<Uuid, usize> =
        repeated(seen.submitted.iter().map(|record| record.id)).into_iter().collect();
    let allowed = |id: &Uuid| if excuse.forgot { submitted.get(id).copied().unwrap_or(1) } else { 1 };
    let topics = [
        ("comments.validated", &seen.validated),
        ("comments.rejected", &seen.rejected),
        ("comments.screened", &seen.screened),
        ("comments.published", &seen.published),
        ("comments.dead-letter", &seen.dead),
    ];
    let mut twice: Vec<String> = topics
        .into_iter()
        .flat_map(|(topic, records)| {
            let named = records.iter().filter(|record| !record.id.is_nil());
            repeated(named.map(|record| (record.id, record.detail.clone())))
                .into_iter()
                .filter(|((id, _), times)| *times > allowed(id))
                .map(move |((id, detail), times)| format!("{id} {detail} stands on {topic} {times} times"))
        })
        .collect();
    let rows = repeated(seen.rows.iter().map(|row| row.id));
    twice.extend(rows.into_iter().map(|(id, times)| format!("{id} has {times} rows")));
    twice
}

fn repeated<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<(K, usize)> {
    let mut times = BTreeMap::new();
    for key in keys {
        *times.entry(key).or_insert(0) += 1;
    }
    times.into_iter().filter(|(_, times)| *times > 1).collect()
}

/// Invariant 4 on the way: within a thread, what follows stands in the order of `comments.submitted`.
fn order_on_topics(log: &ClientLog, seen: &Observed, excuse: Excuse) -> Vec<String> {
    // A decision publishes when it comes, so only what the filter decided by itself has a place here.
    let by_filter = |record: &&Seen| log.sent.get(&record.id).is_none_or(|sent| sent.kind != Kind::Decided);
    // So does a later screening, which has no place on its topic either.
    let (first, later): (Vec<Seen>, Vec<Seen>) =
        seen.screened.iter().cloned().partition(|record| record.detail.is_empty());
    let later: BTreeSet<Uuid> = later.iter().map(|record| record.id).collect();
    let once = |record: &&Seen| !later.contains(&record.id);
    let published: Vec<Seen> = seen.published.iter().filter(by_filter).filter(once).cloned().collect();
    let produced = by_thread(&seen.submitted);
    let mut wrong = Vec::new();
    for (topic, records) in [("comments.screened", &first), ("comments.published", &published)] {
        for (thread, ids) in by_thread(records) {
            // A publisher may repeat itself: the first of an id counts.
            let mut places: HashMap<Uuid, usize> = HashMap::new();
            for (at, id) in produced.get(thread).into_iter().flatten().enumerate() {
                places.entry(*id).or_insert(at);
            }
            let mut known = BTreeSet::new();
            let counts = |id: &&Uuid| !excuse.forgot || known.insert(**id);
            let order: Vec<_> = ids.iter().filter(counts).map(|id| places.get(id)).collect();
            if order.contains(&None) {
                wrong.push(format!("{topic} has a comment of {thread} that nobody submitted"));
            }
            if !order.is_sorted() {
                wrong.push(format!("{topic} has {thread} in another order than it was produced"));
            }
        }
    }
    wrong
}

fn by_thread(records: &[Seen]) -> BTreeMap<&str, Vec<Uuid>> {
    let mut sorted: Vec<&Seen> = records.iter().collect();
    sorted.sort_by_key(|record| (record.partition, record.offset));
    let mut threads: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
    for record in sorted {
        threads.entry(&record.key).or_default().push(record.id);
    }
    threads
}

/// Invariant 4 at the end: siblings are shown by their time, and by the produced order within one millisecond; a reply is
/// shown after its parent and before the parent's next sibling.
fn order_in_store(seen: &Observed) -> Vec<String> {
    let mut threads: BTreeMap<(&str, Option<Uuid>), Vec<&Row>> = BTreeMap::new();
    let rows: HashMap<Uuid, &Row> = seen.rows.iter().map(|row| (row.id, row)).collect();
    let mut wrong = Vec::new();
    for row in seen.rows.iter().filter(|row| STORED.contains(&row.state)) {
        let parent = row.parent.and_then(|id| rows.get(&id)).filter(|parent| STORED.contains(&parent.state));
        threads.entry((&row.thread, parent.map(|parent| parent.id))).or_default().push(row);
        let under = |parent: &&Row| row.path.starts_with(&parent.path[..parent.path.len().min(DEEPEST)]);
        if parent.as_ref().is_some_and(|parent| !under(parent)) {
            wrong.push(format!("{} does not stand under the comment that it answers", row.id));
        }
    }
    for ((thread, _), mut siblings) in threads {
        siblings.sort_by_key(|row| (&row.path, row.id));
        if !siblings.is_sorted_by_key(|row| (row.submitted_at, row.origin.1)) {
            wrong.push(format!("{thread} is stored in another order than it was produced"));
        }
    }
    wrong
}

/// Invariant 5: at most one mail for an event and recipient, plus one for each crash between DATA and our mark, all with
/// one Message-ID.
fn mails_over(log: &ClientLog, seen: &Observed, excuse: Excuse) -> Vec<String> {
    let mut over = Vec::new();
    for (id, sent) in &log.sent {
        let mut mails: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for mail in seen.mails.iter().filter(|mail| mail.text.contains(&sent.marker)) {
            mails.entry(&mail.recipient).or_default().push(&mail.message_id);
        }
        for (_, ids) in mails {
            if ids.len() > 1 + excuse.resent {
                over.push(format!("{id} was mailed {} times to one moderator", ids.len()));
            }
            if ids.iter().collect::<BTreeSet<_>>().len() > 1 {
                over.push(format!("{id} was mailed under different Message-IDs"));
            }
        }
    }
    over
}

/// A held comment that nobody was told of is lost as well.
fn mails_lost(log: &ClientLog, seen: &Observed, excuse: Excuse) -> Vec<String> {
    let pending: BTreeSet<Uuid> = seen.rows.iter().filter(|row| row.state == 2).map(|row| row.id).collect();
    let held = log.sent.iter().filter(|(id, sent)| sent.kind == Kind::Held && pending.contains(id));
    let untold = held.filter(|(_, sent)| !seen.mails.iter().any(|mail| mail.text.contains(&sent.marker)));
    let untold: Vec<_> = untold.map(|(id, _)| format!("{id} is held and no moderator was mailed")).collect();
    if untold.len() <= excuse.refused { Vec::new() } else { untold }
}

/// Invariant 6: no mail about a comment that is not stored.
fn mails_unstored(log: &ClientLog, seen: &Observed) -> Vec<String> {
    let stored: BTreeSet<Uuid> = seen.rows.iter().filter(|row| STORED.contains(&row.state)).map(|row| row.id).collect();
    let about = |text: &str| log.sent.iter().find(|(_, sent)| text.contains(&sent.marker)).map(|(id, _)| *id);
    let mails = seen.mails.iter().map(|mail| (about(&mail.text), &mail.message_id));
    mails
        .filter_map(|(id, message)| match id {
            None => Some(format!("the mail {message} is about nothing that was sent")),
            Some(id) if !stored.contains(&id) => Some(format!("{id} was mailed about and is not stored")),
            Some(_) => None,
        })
        .collect()
}

/// Invariant 9: one id for a key, however often it was sent.
fn keys(log: &ClientLog) -> Vec<String> {
    let several = log.keys.iter().filter(|(_, ids)| ids.len() > 1);
    several.map(|(key, ids)| format!("the key {key} was answered with {} ids", ids.len())).collect()
}

#[cfg(test)]
mod tests;
