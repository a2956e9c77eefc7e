//! What the model sees of a comment: the places of hashed features in the table of weights.

use super::{
    Model,
    addresses::{self, Address},
    glossary::{Glossary, Summed},
    hash,
    hash::mix,
    runs::{LEARNED_RUNS, RUNS},
    shape::Shape,
    words::Words,
};
use crate::{links::Links, normal::Normal};

/// The table of weights has this many places; features that share one share its weight. With twice as many the measures
/// stay the same within their error, and it no longer fits into a core's cache.
pub const BUCKETS: usize = 1 << BITS;
pub(super) const BITS: u32 = 19;

/// Of a longer text this many bytes of the beginning and [`READ_LAST`] of the end are read.
const READ_FIRST: usize = 12 * 1024;
const READ_LAST: usize = 4 * 1024;

/// Disguises that no honest habit explains count so many times as much as other features. Drawn letters are not among
/// them: they are a fashion.
const DISGUISE: usize = 3;
const DRAWN: u64 = 2;

/// Where the links lead, together with how many words stand around them, counts so many times as much as other features:
/// words are many, and would drown it. With more, less is learned on sites where both kinds have links.
const LINKED: usize = 5;

/// What readers share as often as spammers do.
const SHARED: [&str; 2] = ["youtube.com", "youtu.be"];

/// Of so many addresses each is looked at.
const LOOKED_AT: usize = 3;

/// A comment as features are read from it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The text as a reader sees it.
    pub visible: &'a str,
    /// The same with its disguises undone.
    pub normal: &'a Normal,
    /// Its links.
    pub links: &'a Links,
    /// The host of the page on which it stands; may be empty.
    pub page: &'a str,
    /// The author's name; may be empty.
    pub name: &'a str,
    /// The author's email address; may be empty.
    pub email: &'a str,
    /// The author's IP address; may be empty.
    pub ip: &'a str,
}

/// The features of one comment, and the room to work them out. Use it again for the next: making one costs more than
/// filling it, and it remembers what a model says of words that it has met.
#[derive(Debug, Clone, Default)]
pub struct Features {
    pub(super) words: Words,
    pub(super) besides: Vec<u32>,
    pub(super) glossary: Glossary,
    pub(super) summed: Option<Summed>,
    weighed: Vec<Letters>,
    /// The model by which they are weighed.
    weighed_by: u64,
}

/// The places of a comment's features. One may stand there more than once, and then counts as often.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Those of words and letters.
    pub letters: &'a [Letters],
    /// Those of what is known besides: shape, disguises, links, author.
    pub besides: &'a [u32],
}

/// The place of a feature of words or letters, with how much a model says that it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letters(u32);

impl Letters {
    pub(super) fn new(place: u32, trust: u8) -> Self {
        Self(u32::from(trust) << BITS | place)
    }

    pub(super) fn place(self) -> u32 {
        self.0 & (BUCKETS as u32 - 1)
    }

    /// How much it tells by the model, in steps.
    pub(super) fn trust(self) -> u8 {
        (self.0 >> BITS) as u8
    }
}

impl Features {
    /// Reads a comment.
    pub fn read(&mut self, subject: &Subject<'_>) {
        self.summed = None;
        self.weighed.clear();
        self.besides.clear();
        self.words.clear();
        let (first, last) = ends(&subject.normal.words);
        let addresses = addresses::of(first);
        self.words.read(&addresses::without_paths(first, &addresses), true);
        self.words.read(&addresses::without_paths(last, &addresses::of(last)), true);
        if let Some(shadow) = &subject.normal.shadow {
            let shadow = ends(shadow).0;
            self.words.read(&addresses::without_paths(shadow, &addresses::of(shadow)), false);
        }
        let shape = Shape::of(ends(subject.visible).0, subject.links.len());
        self.read_shape(&shape, subject);
        self.read_addresses(first, &addresses, shape.words(), subject.page);
        self.read_names(subject);
    }

    /// The places that a site's layer over a model learns.
    pub fn places(&mut self, model: &Model) -> Places<'_> {
        if self.weighed.is_empty() || self.weighed_by != model.id {
            let Self { words, weighed, .. } = self;
            weighed.clear();
            words.spell(&LEARNED_RUNS, |place| weighed.push(Letters::new(place, model.trust(place))));
            self.weighed_by = model.id;
        }
        Places { letters: &self.weighed, besides: &self.besides }
    }

    /// All places of words and letters.
    pub(super) fn letters(&self) -> Vec<u32> {
        let mut letters = Vec::new();
        self.words.spell(&RUNS, |place| letters.push(place));
        letters
    }

    fn add(&mut self, hash: u64) {
        self.besides.push(place(hash));
    }

    fn read_shape(&mut self, shape: &Shape, subject: &Subject<'_>) {
        for (n, step) in (0..).zip(shape.steps()) {
            self.add(mix(mix(hash::SHAPE, n), u64::from(step)));
        }
        for (n, (_, count)) in (0..).zip(subject.normal.obfuscations.kinds()) {
            if count > 0 {
                let kind = mix(hash::DISGUISE, n);
                let share = (u64::from(count) * 4 / u64::from(shape.words().max(1))).min(4);
                for _ in 0..if n == DRAWN { 1 } else { DISGUISE } {
                    self.add(kind);
                }
                self.add(mix(kind, 1 + share));
            }
        }
    }

    /// How much of the text is addresses, where they stand and lead, and what each is like.
    fn read_addresses(&mut self, text: &str, addresses: &[Address<'_>], words: u32, page: &str) {
        let of = |n: u64, value: usize| mix(mix(hash::ADDRESSES, n), value as u64);
        self.add(of(0, addresses.len().min(3)));
        let (Some(first), Some(last)) = (addresses.first(), addresses.last()) else { return };
        let bytes = addresses.iter().map(|address| address.token.len()).sum::<usize>();
        self.add(of(1, bytes * 6 / text.len()));
        self.add(of(2, first.at * 4 / text.len()));
        self.add(of(3, usize::from(last.at + last.token.len() + 2 >= text.len())));
        let mut leads_away = false;
        let page = psl::domain_str(page).unwrap_or_default();
        let stays = |host: &str| host.eq_ignore_ascii_case(page);
        for address in &addresses[..addresses.len().min(LOOKED_AT)] {
            let host = address.host.strip_prefix("www.").unwrap_or(address.host);
            let is_www = host.len() < address.host.len();
            let written =
                usize::from(address.has_scheme) * 4 + usize::from(is_www) * 2 + usize::from(address.path.len() > 1);
            self.add(of(4, written));
            self.add(of(5, address.path.matches('/').count().min(4)));
            if let Some(suffix) = psl::suffix_str(host) {
                self.add(name(of(6, 0), suffix));
            }
            let registered = psl::domain_str(host);
            if let Some(registered) = registered {
                self.add(name(of(7, 0), registered));
            }
            leads_away |= registered.is_none_or(|host| !stays(host) && !SHARED.contains(&host));
        }
        let around = words.saturating_sub(addresses.len() as u32);
        // Fewer than 8, 16 or 32, or more.
        let step = (u32::BITS - around.leading_zeros()).clamp(3, 6);
        let linked = mix(of(8, usize::from(leads_away)), u64::from(step));
        self.besides.extend([place(linked); LINKED]);
    }

    fn read_names(&mut self, subject: &Subject<'_>) {
        for domain in subject.links.domains() {
            self.add(name(hash::DOMAIN, domain));
            if let Some(registered) = psl::domain_str(domain).filter(|registered| registered != domain) {
                self.add(name(hash::DOMAIN, registered));
            }
        }
        let mail_domain = subject.email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let known = [
            (hash::AUTHOR, subject.name),
            (hash::EMAIL, subject.email),
            (hash::EMAIL_DOMAIN, mail_domain),
            (hash::ADDRESS, network(subject.ip)),
        ];
        for (kind, text) in known.into_iter().filter(|(_, text)| !text.is_empty()) {
            self.add(name(kind, text));
        }
    }
}

fn name(kind: u64, text: &str) -> u64 {
    text.bytes().fold(kind, |hash, byte| mix(hash, u64::from(byte.to_ascii_lowercase())))
}

pub(super) fn place(hash: u64) -> u32 {
    (hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53) >> (64 - BITS)) as u32
}

/// The part of an address that one customer has: 24 bits of IPv4; of IPv6 the first four groups as they are written.
fn network(ip: &str) -> &str {
    let (mark, groups) = if ip.contains(':') { (':', 4) } else { ('.', 3) };
    ip.match_indices(mark).nth(groups - 1).map_or(ip, |(at, _)| &ip[..at])
}

pub(super) fn ends(text: &str) -> (&str, &str) {
    if text.len() <= READ_FIRST + READ_LAST {
        return (text, "");
    }
    (&text[..text.floor_char_boundary(READ_FIRST)], &text[text.ceil_char_boundary(text.len() - READ_LAST)..])
}
