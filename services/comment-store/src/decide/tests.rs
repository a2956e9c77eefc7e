//! Places in a thread, for any tree in any order of arrival. The rest of the rules is shown on real databases, by `contract`.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::{
    ledger::{Held, Parent, Place},
    tree,
};

/// A byte each.
const FINGERPRINTS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const THREADS: [&str; 2] = ["a", "b"];

/// What a database keeps of a row, as far as places go.
#[derive(Clone, Debug)]
struct Kept {
    state: RowState,
    place: Place,
    fingerprint: Vec<u8>,
}

/// A database in memory.
#[derive(Default)]
struct Memory(HashMap<Uuid, Kept>);

impl Memory {
    fn save(&mut self, items: &[Item<'_>]) {
        let rows: Vec<&Row<'_>> = items.iter().map(comment).collect();
        let mut ledger = Ledger::default();
        for row in &rows {
            if let Some(kept) = self.0.get(&row.id) {
                let fingerprint = kept.fingerprint.clone();
                let event = v1::CommentPublished::default();
                let origin = row.origin;
                let held = Held {
                    state: kept.state,
                    origin,
                    fingerprint,
                    revision: 0,
                    announced_at: None,
                    event,
                    rejection: None,
                };
                ledger.rows.insert(row.id, held);
                let waiting = self.0.iter().filter(|(_, kept)| kept.place.waits_for == Some(row.id));
                let waiting = waiting.map(|(id, kept)| (*id, kept.place.clone())).collect();
                ledger.waiting.insert(row.id, waiting);
            }
            if let Some((parent, kept)) = row.parent.and_then(|parent| self.0.get_key_value(&parent)) {
                ledger.parents.insert(*parent, Parent::new(kept.state, kept.place.clone()));
            }
        }
        for awaited in ledger.awaited() {
            assert_eq!(self.0.get(&awaited).map(|kept| kept.state), Some(RowState::Awaited), "there to be held");
        }
        let (_, writes) = decide(items, ledger).expect("decided");
        for id in writes.replaced {
            let replaced = self.0.remove(&id).map(|kept| kept.state);
            assert_eq!(replaced, Some(RowState::Awaited), "nothing else is ever replaced");
        }
        for row in writes.rows {
            let Row { state, path, waits_for, .. } = row;
            let place = Place { site: row.site.into(), thread: row.thread.into(), path, waits_for };
            let kept = Kept { state, place, fingerprint: row.fingerprint.to_vec() };
            assert!(self.0.insert(row.id, kept).is_none(), "a key is unique");
        }
        for (id, path, waits_for) in writes.moved {
            let place = &mut self.0.get_mut(&id).expect("only what is there moves").place;
            (place.path, place.waits_for) = (path, waits_for);
        }
    }

    /// The comments of a thread as a page shows them.
    fn shown(&self, thread: &str) -> Vec<(Uuid, u16)> {
        let here = |kept: &&Kept| matches!(kept.state, RowState::Stored(_)) && kept.place.thread == thread;
        let mut shown: Vec<_> = self.0.iter().filter(|(_, kept)| here(kept)).collect();
        shown.sort_by_key(|(id, kept)| (kept.place.path.clone(), **id));
        shown.into_iter().map(|(id, kept)| (*id, tree::depth(&kept.place.path))).collect()
    }
}

fn comment<'i, 'a>(item: &'i Item<'a>) -> &'i Row<'a> {
    let Item::Comment(row) = item else { panic!("there are only comments here") };
    row
}

/// A thread as a person would draw it: each comment under its parent, in the order in which they were produced. Below the
/// tenth level they stand side by side. A comment whose parent is not on its thread stands at the top.
fn drawn(rows: &[Row<'_>], thread: &str) -> Vec<(Uuid, u16)> {
    let mut depths: HashMap<Uuid, usize> = HashMap::new();
    let mut above: HashMap<Uuid, Uuid> = HashMap::new();
    let mut below: HashMap<Option<Uuid>, Vec<Uuid>> = HashMap::new();
    for row in rows.iter().filter(|row| row.thread == thread) {
        let mut parent = row.parent.filter(|parent| depths.contains_key(parent));
        while let Some(id) = parent.filter(|id| depths[id] + 1 >= tree::MAX_LEVELS) {
            parent = above.get(&id).copied();
        }
        depths.insert(row.id, parent.map_or(0, |parent| depths[&parent] + 1));
        above.extend(parent.map(|parent| (row.id, parent)));
        below.entry(parent).or_default().push(row.id);
    }
    let mut drawn = Vec::new();
    let mut open: Vec<Uuid> = below.remove(&None).unwrap_or_default().into_iter().rev().collect();
    while let Some(id) = open.pop() {
        drawn.push((id, depths[&id] as u16));
        open.extend(below.remove(&Some(id)).into_iter().flatten().rev());
    }
    drawn
}

/// Comments in the order in which they are produced, many in one millisecond. Most answer the last one, so that threads get
/// deep; some answer one on another thread, and some one that never comes.
fn produced() -> impl Strategy<Value = Vec<Row<'static>>> {
    let parent = prop_oneof![
        1 => Just(None),
        6 => any::<Index>().prop_map(|index| Some((index, true))),
        6 => any::<Index>().prop_map(|index| Some((index, false))),
    ];
    vec((parent, 0..2i64, prop::bool::weighted(0.1), prop::bool::weighted(0.05)), 1..50).prop_map(|plans| {
        let mut now = 1_700_000_000_000;
        let mut rows: Vec<Row<'static>> = Vec::new();
        for (at, (parent, pause, moves, never)) in plans.into_iter().enumerate() {
            now += pause;
            let id =
                |at: usize| Uuid::from_u128((at as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            let answered = parent.filter(|_| at > 0).map(|(index, last)| if last { at - 1 } else { index.index(at) });
            let thread = answered.map_or(0, |answered| usize::from(rows[answered].thread == THREADS[1]));
            rows.push(Row {
                state: RowState::Stored(State::Approved),
                site: "news",
                thread: THREADS[(thread + usize::from(moves)) % 2],
                parent: answered.map(|answered| if never { id(answered + 1_000) } else { id(answered) }),
                submitted_at: DateTime::from_timestamp_millis(now).expect("a time in range"),
                fingerprint: &FINGERPRINTS.as_bytes()[at..=at],
                origin: (0, at as i64),
                ..Row::awaited(id(at))
            });
        }
        rows
    })
}

proptest! {
    #[test]
    fn byte_order_is_tree_order_in_any_order_of_arrival(
        (rows, order) in produced().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        sizes in vec(1..20usize, 1..50),
        again in any::<Index>(),
    ) {
        let items: Vec<Item<'_>> = order.into_iter().map(|row| Item::Comment(Box::new(row))).collect();
        let mut memory = Memory::default();
        let mut left = items.as_slice();
        for size in sizes.into_iter().cycle() {
            let (batch, rest) = left.split_at(size.min(left.len()));
            memory.save(batch);
            left = rest;
            if left.is_empty() {
                break;
            }
        }
        let come: HashMap<Uuid, &Kept> = memory.0.iter().map(|(id, kept)| (*id, kept)).collect();
        for kept in memory.0.values() {
            let awaited = kept.place.waits_for.map(|id| come[&id].state);
            prop_assert!(awaited.is_none_or(|state| state == RowState::Awaited), "nothing waits for what has come");
        }
        for thread in THREADS {
            prop_assert_eq!(memory.shown(thread), drawn(&rows, thread));
        }
        let before: Vec<_> = THREADS.map(|thread| memory.shown(thread)).into();
        memory.save(&items[again.index(items.len())..]);
        prop_assert_eq!(THREADS.map(|thread| memory.shown(thread)).to_vec(), before, "a replay moves nothing");
    }
}
