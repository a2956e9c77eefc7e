//! Where a comment stands in its thread: a path of bytes, so that byte order is tree order and a page is one index scan.
//!
//! Each level adds [`SEGMENT`] bytes: 6 bytes of the submission's time in milliseconds, big-endian, then the first 4
//! bytes of the SHA-256 of the id. So siblings stand by age, and two of the same millisecond still have places of their
//! own; where even the hash is equal, the id decides.

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

/// The path of a comment under a parent's path; `None` stands for the top level.
pub fn path(parent: Option<&[u8]>, submitted_at: DateTime<Utc>, id: Uuid) -> Vec<u8> {
    let ancestors = parent.unwrap_or_default();
    let ancestors = &ancestors[..ancestors.len().min(SEGMENT * (MAX_LEVELS - 1))];
    let millis = submitted_at.timestamp_millis().clamp(0, MAX_MILLIS) as u64;
    let mut path = Vec::with_capacity(ancestors.len() + SEGMENT);
    path.extend_from_slice(ancestors);
    path.extend_from_slice(&millis.to_be_bytes()[2..]);
    path.extend_from_slice(&Sha256::digest(id.as_bytes())[..4]);
    path
}

/// How deep a path is: 0 at the top level.
pub fn depth(path: &[u8]) -> u16 {
    // A path has at most ten levels.
    (path.len() / SEGMENT).saturating_sub(1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).expect("a time in range")
    }

    #[test]
    fn replies_stand_under_their_parent_by_age() {
        let [a, b, c, d] = [1, 2, 3, 4].map(Uuid::from_u128);
        let first = path(None, at(1000), a);
        let second = path(None, at(2000), b);
        let late_reply = path(Some(&first), at(9000), c);
        let early_reply = path(Some(&first), at(3000), d);
        assert!(first < early_reply && early_reply < late_reply && late_reply < second);
        assert_eq!([&first, &early_reply].map(|path| depth(path)), [0, 1]);
    }

    #[test]
    fn the_deepest_level_takes_its_replies_beside_it() {
        let mut paths = vec![path(None, at(0), Uuid::from_u128(0))];
        for level in 1..15u8 {
            paths.push(path(paths.last().map(Vec::as_slice), at(i64::from(level)), Uuid::from_u128(level.into())));
        }
        assert_eq!(paths.iter().map(|path| depth(path)).max(), Some(9));
        assert!(paths.is_sorted(), "a reply never stands before its parent");
        assert_eq!(paths[9][..90], paths[14][..90]);
    }

    #[test]
    fn absurd_times_have_a_place_too() {
        let id = Uuid::from_u128(7);
        let [before, after] = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC].map(|time| path(None, time, id));
        assert!(before < path(None, at(1), id) && path(None, at(1), id) < after);
        assert_eq!((before.len(), after.len()), (SEGMENT, SEGMENT));
    }
}
