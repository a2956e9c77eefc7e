//! A set of fixed size that may say yes where it should say no, and never no where it should say yes.

use sha2::{Digest as _, Sha256};

/// What is remembered of a record.
pub type Digest = [u8; 16];

/// 16 MiB. With ten million records about 4 in 1,000 answers are a false yes, with one million about none; what depends on
/// an answer looks twice.
const BITS: u64 = 1 << 27;
/// Bits of one record.
const PROBES: u64 = 4;

/// The set.
pub struct Bloom(Vec<u64>);

/// The parts of a record that make it the one that it is.
pub fn digest(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut digest = Digest::default();
    digest.copy_from_slice(&hash.finalize()[..16]);
    digest
}

impl Bloom {
    /// Nothing is in it.
    pub fn new() -> Self {
        Self(vec![0; (BITS / 64) as usize])
    }

    /// Puts one in, and says whether it may have been there before.
    pub fn insert(&mut self, digest: &Digest) -> bool {
        let mut before = true;
        for (word, mask) in places(digest) {
            before &= self.0[word] & mask != 0;
            self.0[word] |= mask;
        }
        before
    }

    /// Whether one may be in it.
    pub fn may_hold(&self, digest: &Digest) -> bool {
        places(digest).all(|(word, mask)| self.0[word] & mask != 0)
    }
}

/// The words and bits of a record: two halves of its digest give them all.
fn places(digest: &Digest) -> impl Iterator<Item = (usize, u64)> + use<> {
    let (first, second) = ((u128::from_be_bytes(*digest) >> 64) as u64, u128::from_be_bytes(*digest) as u64);
    (0..PROBES).map(move |probe| {
        let bit = first.wrapping_add(probe.wrapping_mul(second | 1)) % BITS;
        ((bit / 64) as usize, 1 << (bit % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_in_is_there_and_little_else() {
        let mut bloom = Bloom::new();
        let one = |number: u32| digest(&[b"a", &number.to_be_bytes()]);
        let false_yes = (0..100_000).filter(|number| bloom.insert(&one(*number))).count();
        assert!(false_yes <= 5, "{false_yes}");
        assert!((0..100_000).all(|number| bloom.may_hold(&one(number))));
        let false_yes = (100_000..200_000).filter(|number| bloom.may_hold(&one(*number))).count();
        assert!(false_yes <= 5, "{false_yes}");
        assert!(bloom.insert(&one(7)));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
    }
}
