//! A model as bytes: a line of JSON about it, then the weights, how much each feature tells, and the words it knows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Model,
    features::BUCKETS,
    trust::{STEPS, Trust},
};

/// The first bytes of a model; the digit changes with the features and their hashes.
const MAGIC: &[u8; 8] = b"rjmodel2";

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
        bytes.extend(self.weights.iter().map(|weight| weight.to_le_bytes()[0]));
        // Four bits each.
        bytes.extend(self.trust.0.as_chunks::<2>().0.iter().map(|[low, high]| low | high << 4));
        bytes.extend(self.known.iter().flat_map(|word| word.to_le_bytes()));
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
        Ok(Self {
            card,
            weights: weights.iter().map(|weight| i8::from_le_bytes([*weight])).collect(),
            trust: Trust(trust.iter().flat_map(|pair| [pair & STEPS, pair >> 4]).collect()),
            known: known.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect(),
            version: version(bytes),
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

/// The first 12 hex digits of the SHA-256 of the bytes.
fn version(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..6].iter().map(|byte| format!("{byte:02x}")).collect()
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
        let trust = Trust((0..BUCKETS).map(|place| (place % 16) as u8).collect());
        let known = vec![5; BUCKETS / 64].into();
        Model { card, weights: vec![3; BUCKETS].into(), trust, known, version: String::new() }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = model().encode();
        let read = Model::decode(&bytes).expect("its own bytes");
        assert_eq!((&read.card, read.weights[7], read.known[7]), (&model().card, 3, 5));
        assert_eq!(read.trust, model().trust);
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
