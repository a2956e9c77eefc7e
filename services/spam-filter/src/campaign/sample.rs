use std::net::IpAddr;

use rejoinder_proto::{millis, v1};
use uuid::Uuid;

use super::{
    anchors::{MAX_ANCHORS, anchors},
    hash_of,
    sketch::{PLACES, Sketch},
};
use crate::{bytes::kept, normal::known, reading::Reading};

/// What is remembered of a comment: hashes, and nothing that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(C)]
pub struct Sample {
    /// First, so that the index can lay it into one cache line.
    pub(super) signature: [u8; PLACES],
    /// The comment's id.
    pub id: Uuid,
    /// When it was submitted, in milliseconds since 1970.
    pub at: i64,
    pub(super) site: u32,
    pub(super) thread: u32,
    /// Name and address in lower case; 0 when both are empty.
    pub(super) author: u32,
    /// The IP, of IPv6 the network (/64), which belongs to one customer; 0 when it is not known.
    pub(super) address: u32,
    /// The site with the text's letters and digits; 0 when there are none.
    pub(super) text: u64,
    /// Different runs of letters in the text; 0 when there is no signature.
    pub(super) runs: u32,
    /// Zero is an empty place.
    pub(super) anchors: [u32; MAX_ANCHORS],
}

impl Sample {
    /// What is remembered of a comment; `None` when its id is none.
    pub fn of(comment: &v1::Comment) -> Option<Self> {
        Self::read(comment, &Reading::of(comment))
    }

    /// [`Sample::of`] for a comment that has been read.
    pub fn read(comment: &v1::Comment, reading: &Reading<'_>) -> Option<Self> {
        let sketch = Sketch::of(reading.normal.shadow());
        let author = comment.author.as_ref().map(|author| (author.name.to_lowercase(), author.email.to_lowercase()));
        let author = author.filter(|(name, email)| !name.is_empty() || !email.is_empty());
        let address = comment.client.as_ref().and_then(|client| network(&client.ip));
        let thread = comment.thread.as_ref().map_or("", |thread| thread.id.as_str());
        Some(Self {
            id: Uuid::parse_str(&comment.id).ok()?,
            at: millis(comment.submitted_at.as_ref()),
            site: site(&comment.site),
            thread: hash_of((&comment.site, thread)) as u32,
            author: author.map_or(0, |author| (hash_of(author) as u32).max(1)),
            address: address.map_or(0, |address| (hash_of(address) as u32).max(1)),
            text: same_text(&comment.site, reading.folded()),
            signature: sketch.map_or([0; PLACES], |sketch| sketch.signature),
            runs: sketch.map_or(0, |sketch| sketch.runs),
            anchors: anchors(&reading.normal.words, reading.links.domains()),
        })
    }
}

/// A site's number in samples.
pub(super) fn site(name: &str) -> u32 {
    hash_of(name) as u32
}

/// Case, spaces, punctuation and pictures make no difference.
fn same_text(site: &str, folded: &str) -> u64 {
    let plain = if folded.is_ascii() {
        kept(folded.as_bytes(), u8::is_ascii_alphanumeric)
    } else {
        folded.chars().filter(|c| known(*c).alphanumeric).collect::<String>().into_bytes()
    };
    if plain.is_empty() { 0 } else { hash_of((site, plain)).max(1) }
}

fn network(ip: &str) -> Option<IpAddr> {
    Some(match ip.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        v4 => v4,
    })
}
