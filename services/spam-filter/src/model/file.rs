//! A model as bytes: a line of JSON about it, then the weights, how much each feature tells, and the words it knows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Entry, KNOWN, Model, features::BUCKETS, trust::STEPS};

/// The first bytes of a model; the digit changes with the features and their hashes.
const MAGIC: &[u8; 8] = b"rjmodel7";

/// A byte, half a byte and a bit for each place.
const TABLES: usize = BUCKETS + BUCKETS / 2 + BUCKETS / 8;

/// No header is longer.
const MAX_HEADER: usize = 64 * 1024;

/// What a model says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// One step of the whole-numbered weights, in log-odds.
    pub step: f32,
    /// The log-odds of a comment of which no feature speaks.
    pub bias: f32,
    /// What a feature besides the letters counts.
    pub besides: f32,
    /// Log-odds times this, plus `offset`, are calibrated log-odds.
    pub slope: f32,
    /// See `slope`.
    pub offset: f32,
    /// From these calibrated log-odds on a comment is held.
    pub hold_at: f32,
    /// From these on it is spam.
    pub spam_at: f32,
    /// Scripts that it has learned from, by their names in ISO 15924.
    pub scripts: Vec<String>,
    /// What it was trained on.
    pub sources: Vec<Source>,
    /// The seed of all that is random in the training.
    pub seed: u64,
}

/// One source of labelled comments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// How many of its rows are spam.
    pub spam: usize,
    /// How many are not.
    pub ham: usize,
}

/// Why bytes are no model that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Something else, or of another version of the features.
    #[error("this is no model of this version of rejoinder; train it again with `rejoinder spam train`")]
    Unknown,
    /// Cut off or longer than it should be.
    #[error("the model has {have} bytes where it should have {want}; copy it again")]
    Length {
        /// Its length.
        have: usize,
        /// What its header asks for.
        want: usize,
    },
    /// A header that cannot be read.
    #[error("the model's header cannot be read: {0}")]
    Header(String),
}

impl Model {
    /// The model as bytes; equal models give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let header = serde_json::to_vec(&self.card).expect("numbers and names always serialise");
        let length = u32::try_from(header.len()).expect("a header is short");
        let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + header.len() + TABLES);
        bytes.extend(MAGIC);
        bytes.extend(length.to_le_bytes());
        bytes.extend(header);
        bytes.extend(self.table.iter().map(|entry| entry.weight.to_le_bytes()[0]));
        // Four bits each.
        let (pairs, _) = self.table.as_chunks::<2>();
        bytes.extend(pairs.iter().map(|[low, high]| low.trust & STEPS | (high.trust & STEPS) << 4));
        let known =
            |entries: &[Entry]| (0..).zip(entries).fold(0, |bits, (n, entry)| bits | ((entry.trust / KNOWN) << n));
        bytes.extend(self.table.chunks(8).map(known));
        bytes
    }

    /// The model of bytes that [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, ModelError> {
        let (length, rest) =
            bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<4>()).ok_or(ModelError::Unknown)?;
        let length = u32::from_le_bytes(*length) as usize;
        let want = MAGIC.len() + 4 + length.min(MAX_HEADER) + TABLES;
        if length > MAX_HEADER || bytes.len() != want {
            return Err(ModelError::Length { have: bytes.len(), want });
        }
        let (header, tables) = rest.split_at(length);
        let card: Card = serde_json::from_slice(header).map_err(|error| ModelError::Header(error.to_string()))?;
        card.check()?;
        let (weights, tables) = tables.split_at(BUCKETS);
        let (trust, known) = tables.split_at(BUCKETS / 2);
        let entry = |place: usize| Entry {
            weight: i8::from_le_bytes([weights[place]]),
            trust: (trust[place / 2] >> (place % 2 * 4)) & STEPS | (((known[place / 8] >> (place % 8)) & 1) * KNOWN),
        };
        let hash = Sha256::digest(bytes);
        Ok(Self {
            card,
            table: (0..BUCKETS).map(entry).collect(),
            version: hash[..6].iter().map(|byte| format!("{byte:02x}")).collect(),
            id: hash[..8].iter().fold(0, |id, byte| id << 8 | u64::from(*byte)),
        })
    }
}

impl Card {
    fn check(&self) -> Result<(), ModelError> {
        let Self { step, bias, besides, slope, offset, hold_at, spam_at, .. } = *self;
        if ![step, bias, besides, slope, offset, hold_at, spam_at].iter().all(|number| number.is_finite()) {
            return Err(ModelError::Header("a number is not finite".to_owned()));
        }
        if slope <= 0.0 || hold_at > spam_at {
            return Err(ModelError::Header("slope must be above 0, and hold_at not above spam_at".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let card = Card {
            step: 0.25,
            bias: -1.0,
            besides: 0.15,
            slope: 1.0,
            offset: 0.0,
            hold_at: 0.5,
            spam_at: 4.0,
            scripts: vec!["Latn".into()],
            sources: vec![Source { name: "a".into(), spam: 1, ham: 2 }],
            seed: 7,
        };
        let entry = |place: usize| Entry {
            weight: (place % 251) as i8,
            trust: (place % 16) as u8 | ((place % 3 / 2) as u8 * KNOWN),
        };
        Model { card, table: (0..BUCKETS).map(entry).collect(), version: String::new(), id: 0 }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = model().encode();
        let read = Model::decode(&bytes).expect("its own bytes");
        assert_eq!(read.card, model().card);
        assert_eq!(read.table, model().table);
        assert_eq!(read.encode(), bytes);
        assert_eq!(read.version.len(), 12);
        assert!(bytes.len() < 2_000_000, "{}", bytes.len());
    }

    #[test]
    fn other_bytes_are_refused_and_told_apart() {
        let bytes = model().encode();
        assert_eq!(Model::decode(b"PK\x03\x04").err(), Some(ModelError::Unknown));
        assert_eq!(Model::decode(b"").err(), Some(ModelError::Unknown));
        assert!(matches!(Model::decode(&bytes[..bytes.len() - 1]), Err(ModelError::Length { .. })));
        let mut long = bytes.clone();
        long[8..12].fill(0xff);
        assert!(matches!(Model::decode(&long), Err(ModelError::Length { .. })));
        let mut spoilt = bytes;
        spoilt[12] = b'[';
        assert!(matches!(Model::decode(&spoilt), Err(ModelError::Header(_))));
        let nan = Model { card: Card { slope: -1.0, ..model().card }, ..model() };
        assert!(matches!(Model::decode(&nan.encode()), Err(ModelError::Header(_))));
    }
}
