use sha2::{Digest, Sha256};

/// SHA-256 over what makes two comments the same one.
///
/// The hashed bytes are, one after the other: site, thread id, parent id (hyphenated lower case, or empty), author's
/// name, author's email in lower case, text. Each is UTF-8 as it stands in the validated event, and before each stands
/// its length in bytes as a 64-bit big-endian number, so that no two different comments hash the same bytes. Where a
/// site lets the same be said twice, the comment's id follows as a seventh part: then no two are equal, and the store's
/// unique constraint has nothing to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of parts in the order above.
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_the_documented_one() {
        let mut bytes = Vec::new();
        for part in ["news", "a", "", "Ada", "ada@example.org", "Hello"] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        let expected: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(Fingerprint::of(&["news", "a", "", "Ada", "ada@example.org", "Hello"]), Fingerprint(expected));
    }

    #[test]
    fn where_one_part_ends_makes_a_difference() {
        assert_ne!(Fingerprint::of(&["ab", "c"]), Fingerprint::of(&["a", "bc"]));
        assert_ne!(Fingerprint::of(&["a", ""]), Fingerprint::of(&["a"]));
    }
}
