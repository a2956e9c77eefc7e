//! Where to look for samples that may be alike: a hash table of a fixed size that forgets.
//!
//! A place holds the last few samples that were put there. What it says may be stale or wrong, since the samples
//! themselves are compared; so nothing is ever taken out.

use super::{anchors::MAX_ANCHORS, sketch::PLACES};

/// Samples at one place.
const WAYS: usize = 4;

/// Two neighbouring bytes of a signature are a key. With so many keys, samples that have 40 % in common meet at one with
/// 94 %, and those that have half in common with 99 %.
const KEYS: usize = 16;

// The other half is compared before a candidate is looked at, and must say something that the keys did not.
const _: () = assert!(KEYS * 2 <= PLACES / 2);

/// The low half of a sample's number plus one, which tells it from all others of the last four billion. Zero is an empty way,
/// so that a table takes no memory before it is used.
type Way = u32;

#[derive(Debug)]
pub struct Table {
    places: Vec<[Way; WAYS]>,
    /// The number after the last that was put there.
    next: u64,
}

impl Table {
    /// Room for the keys of about so many samples.
    pub fn new(samples: usize) -> Self {
        let places = (samples * (KEYS + 1) / WAYS).next_power_of_two().max(64);
        Self { places: vec![[0; WAYS]; places], next: 0 }
    }

    /// Adds every sample that may be like one with this signature and these anchors; some of them several times.
    pub fn candidates(
        &self,
        signature: &[u8; PLACES],
        runs: u32,
        anchors: &[u32; MAX_ANCHORS],
        candidates: &mut Vec<u64>,
    ) {
        if self.next == 0 {
            return;
        }
        for key in keys(signature, runs, anchors) {
            candidates.extend(self.places[self.place(key)].iter().filter_map(|way| number(*way, self.next)));
        }
    }

    /// Puts a sample at its places. It takes the way of one that `is_like` it, else that of the oldest, so that a wave
    /// does not push out everybody else.
    pub fn put(
        &mut self,
        number: u64,
        signature: &[u8; PLACES],
        runs: u32,
        anchors: &[u32; MAX_ANCHORS],
        is_like: impl Fn(u64) -> bool,
    ) {
        self.next = self.next.max(number + 1);
        for key in keys(signature, runs, anchors) {
            let (place, next) = (self.place(key), self.next);
            let ways = &mut self.places[place];
            let is_like = |way: &Way| self::number(*way, next).is_some_and(&is_like);
            let gives_way = ways.iter().position(is_like).unwrap_or(WAYS - 1);
            ways.copy_within(..gives_way, 1);
            ways[0] = (number + 1) as Way;
        }
    }

    fn place(&self, key: u64) -> usize {
        // The length is a power of two.
        (key as usize) & (self.places.len() - 1)
    }
}

/// The number in a way, where `next` is above all of them.
fn number(way: Way, next: u64) -> Option<u64> {
    let back = (next as Way).wrapping_sub(way);
    next.checked_sub(u64::from(back) + 1).filter(|_| way != 0)
}

fn keys(signature: &[u8; PLACES], runs: u32, anchors: &[u32; MAX_ANCHORS]) -> impl Iterator<Item = u64> {
    let (pairs, _) = signature.as_chunks::<2>();
    let of_text = (0_u64..).zip(pairs).map(|(at, [a, b])| spread((at << 16) | (u64::from(*a) << 8) | u64::from(*b)));
    let of_anchors = anchors.iter().filter(|anchor| **anchor != 0).map(|anchor| spread(u64::from(*anchor) | (1 << 40)));
    of_text.take(if runs == 0 { 0 } else { KEYS }).chain(of_anchors)
}

/// Fibonacci hashing: the upper half of the product.
fn spread(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_again_however_high_it_is() {
        const NO_ANCHORS: [u32; MAX_ANCHORS] = [0; MAX_ANCHORS];
        let (signatures, turn) = ([0, 1, 2, 3, 4, 5, 6, 7].map(|byte| [byte; PLACES]), 1 << 32);
        for first in [0, 1, turn - 12, turn, 7 * turn + 20] {
            let mut table = Table::new(64);
            for (number, signature) in (first..).zip(&signatures) {
                table.put(number, signature, 100, &NO_ANCHORS, |_| false);
            }
            for (number, signature) in (first..).zip(&signatures) {
                let mut found = Vec::new();
                table.candidates(signature, 100, &NO_ANCHORS, &mut found);
                assert!(found.contains(&number), "{number}: {found:?}");
                assert!(found.iter().all(|number| (first..first + 8).contains(number)), "{found:?}");
            }
        }
    }
}
