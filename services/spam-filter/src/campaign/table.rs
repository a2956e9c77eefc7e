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

/// Marks an empty way.
const NONE: u64 = u64::MAX;

#[derive(Debug)]
pub struct Table {
    places: Vec<[u64; WAYS]>,
}

impl Table {
    /// Room for the keys of about so many samples.
    pub fn new(samples: usize) -> Self {
        let places = (samples * (KEYS + 1) / WAYS).next_power_of_two().max(64);
        Self { places: vec![[NONE; WAYS]; places] }
    }

    /// Every sample that may be like one with this signature and these anchors; some of them several times.
    pub fn candidates(
        &self,
        signature: &[u8; PLACES],
        runs: u32,
        anchors: &[u32; MAX_ANCHORS],
    ) -> impl Iterator<Item = u64> {
        let places = keys(signature, runs, anchors).map(|key| self.places[self.place(key)]);
        places.flatten().filter(|number| *number != NONE)
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
        for key in keys(signature, runs, anchors) {
            let place = self.place(key);
            let ways = &mut self.places[place];
            let gives_way = ways.iter().position(|other| *other != NONE && is_like(*other)).unwrap_or(WAYS - 1);
            ways.copy_within(..gives_way, 1);
            ways[0] = number;
        }
    }

    fn place(&self, key: u64) -> usize {
        // The length is a power of two.
        (key as usize) & (self.places.len() - 1)
    }
}

fn keys(signature: &[u8; PLACES], runs: u32, anchors: &[u32; MAX_ANCHORS]) -> impl Iterator<Item = u64> {
    let pairs = signature.chunks_exact(2).take(if runs == 0 { 0 } else { KEYS }).enumerate();
    let of_text: Vec<u64> =
        pairs.map(|(at, pair)| spread(((at as u64) << 16) | (u64::from(pair[0]) << 8) | u64::from(pair[1]))).collect();
    let of_anchors = anchors
        .iter()
        .filter(|anchor| **anchor != 0)
        .map(|anchor| spread(u64::from(*anchor) | (1 << 40)))
        .collect::<Vec<_>>();
    of_text.into_iter().chain(of_anchors)
}

/// Fibonacci hashing: the upper half of the product.
fn spread(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24
}
