//! Where a comment stands in its thread: a path of bytes, so that byte order is tree order and a page is one index scan.
//!
//! Each level adds [`SEGMENT`] bytes: 6 bytes of the submission's time in milliseconds, big-endian, then the low 32 bits of
//! the submitted record's offset, big-endian. So siblings stand by age, and those of one millisecond in the order in which
//! they were produced: a thread lies in one partition, where offsets rise. Time comes first, because a topic that is made
//! anew counts from zero, and imported comments carry dates of their own. Where no offset is known, the first 4 bytes of
//! the SHA-256 of the id take its place; where even these are equal, the id decides.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Bytes that one level adds to a path.
pub const SEGMENT: usize = 10;

/// Levels that a path can hold. A reply to the deepest stands beside it, under the same ancestor; its parent's id is kept.
/// Ten is twice what WordPress shows, and bounds the index's entries to 100 bytes of path.
pub const MAX_LEVELS: usize = 10;

/// The largest time that fits into 6 bytes: the year 10889.
const MAX_MILLIS: i64 = (1 << 48) - 1;

/// The path of a comment under a parent's path; `None` stands for the top level. `offset` is the submitted record's;
/// below zero it is not known.
pub fn path(parent: Option<&[u8]>, submitted_at: DateTime<Utc>, offset: i64, id: Uuid) -> Vec<u8> {
    let millis = submitted_at.timestamp_millis().clamp(0, MAX_MILLIS) as u64;
    let mut segment = [0; SEGMENT];
    segment[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    match offset {
        0.. => segment[6..].copy_from_slice(&offset.to_be_bytes()[4..]),
        _ => segment[6..].copy_from_slice(&Sha256::digest(id.as_bytes())[..4]),
    }
    under(parent.unwrap_or_default(), &segment)
}

/// Where a comment stands once the branch that it is part of hangs under `parent`. `path` is its place within the branch,
/// from the branch's first comment down to its own. The result is the same in whatever order branches are joined.
pub fn under(parent: &[u8], path: &[u8]) -> Vec<u8> {
    let own = path.len().saturating_sub(SEGMENT);
    let mut joined = [parent, &path[..own]].concat();
    joined.truncate(SEGMENT * (MAX_LEVELS - 1));
    joined.extend_from_slice(&path[own..]);
    joined
}

/// How deep a path is: 0 at the top level.
pub fn depth(path: &[u8]) -> u16 {
    // A path has at most ten levels.
    (path.len() / SEGMENT).saturating_sub(1) as u16
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).expect("a time in range")
    }

    proptest! {
        /// Moving a branch is right whichever of its parts moved first, or it would depend on the order of arrival.
        #[test]
        fn branches_join_in_any_order(levels in vec(1..=MAX_LEVELS, 3), bytes in vec(any::<[u8; SEGMENT]>(), 30)) {
            let mut segments = bytes.into_iter();
            let [a, b, c] = [0, 1, 2].map(|at| segments.by_ref().take(levels[at]).collect::<Vec<_>>().concat());
            let joined = under(&under(&a, &b), &c);
            prop_assert_eq!(&joined, &under(&a, &under(&b, &c)));
            prop_assert_eq!(joined.len(), SEGMENT * levels.iter().sum::<usize>().min(MAX_LEVELS));
            prop_assert_eq!(joined.last_chunk::<SEGMENT>(), c.last_chunk());
        }
    }

    #[test]
    fn replies_stand_under_their_parent_by_age() {
        let [a, b, c, d] = [1, 2, 3, 4].map(Uuid::from_u128);
        let first = path(None, at(1000), 9, a);
        let second = path(None, at(2000), 8, b);
        let late_reply = path(Some(&first), at(9000), 1, c);
        let early_reply = path(Some(&first), at(3000), 2, d);
        assert!(first < early_reply && early_reply < late_reply && late_reply < second);
        assert_eq!([&first, &early_reply].map(|path| depth(path)), [0, 1]);
    }

    #[test]
    fn those_of_one_millisecond_stand_as_they_were_produced() {
        // Ids whose hashes fall the other way, and offsets on both sides of a byte's border.
        let offsets = [0, 1, 255, 256, 65_536, i64::from(u32::MAX)];
        let paths: Vec<_> =
            offsets.iter().map(|offset| path(None, at(1000), *offset, Uuid::from_u128(!*offset as u128))).collect();
        assert!(paths.is_sorted_by(|a, b| a < b), "{paths:?}");
        assert!(paths.iter().all(|path| path.len() == SEGMENT));
        let unknown = [1, 2].map(|id| path(None, at(1000), -1, Uuid::from_u128(id)));
        assert_ne!(unknown[0], unknown[1], "without an offset the ids tell them apart");
    }

    #[test]
    fn the_deepest_level_takes_its_replies_beside_it() {
        let mut paths = vec![path(None, at(0), 0, Uuid::from_u128(0))];
        for level in 1..15u8 {
            paths.push(path(paths.last().map(Vec::as_slice), at(i64::from(level)), 0, Uuid::from_u128(level.into())));
        }
        assert_eq!(paths.iter().map(|path| depth(path)).max(), Some(9));
        assert!(paths.is_sorted(), "a reply never stands before its parent");
        assert_eq!(paths[9][..90], paths[14][..90]);
    }

    #[test]
    fn absurd_times_have_a_place_too() {
        let id = Uuid::from_u128(7);
        let [before, after] = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC].map(|time| path(None, time, -1, id));
        assert!(before < path(None, at(1), -1, id) && path(None, at(1), -1, id) < after);
        assert_eq!((before.len(), after.len()), (SEGMENT, SEGMENT));
    }
}
