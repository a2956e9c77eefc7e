//! What the model sees of a comment: the places of hashed features in the table of weights.

use super::{hash, hash::mix, shape::Shape};
use crate::{links::Links, normal::Normal};

/// The table of weights has this many places; features that share one share its weight. With half as many or twice as
/// many the measures stay the same within their error.
pub const BUCKETS: usize = 1 << BITS;
const BITS: u32 = 20;

/// Of a longer text this many bytes of the beginning and [`READ_LAST`] of the end are read.
const READ_FIRST: usize = 12 * 1024;
const READ_LAST: usize = 4 * 1024;

/// Letters of a word that are looked at. What follows in a longer one is noise.
const WORD_LETTERS: usize = 40;

/// A feature counts once in a comment, as far as a table of this size can tell. A power of two.
const SEEN: usize = 1 << 13;

/// A comment as features are read from it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The text as a reader sees it.
    pub visible: &'a str,
    /// The same with its disguises undone.
    pub normal: &'a Normal,
    /// Its links.
    pub links: &'a Links,
    /// The author's name; may be empty.
    pub name: &'a str,
    /// The author's email address; may be empty.
    pub email: &'a str,
    /// The author's IP address; may be empty.
    pub ip: &'a str,
}

/// The features of one comment, and the room to work them out. Use it again for the next: making one costs more than
/// filling it.
#[derive(Debug, Clone)]
pub struct Features {
    places: Vec<u32>,
    letters: usize,
    words: Vec<u32>,
    seen: Box<[u64]>,
    round: u32,
    word: Vec<u32>,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            places: Vec::with_capacity(4096),
            letters: 0,
            words: Vec::with_capacity(256),
            seen: vec![0; SEEN].into_boxed_slice(),
            round: 0,
            word: Vec::with_capacity(WORD_LETTERS + 2),
        }
    }
}

impl Features {
    /// Reads a comment.
    pub fn read(&mut self, subject: &Subject<'_>) {
        self.places.clear();
        self.words.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.seen.fill(0);
            self.round = 1;
        }
        let (first, last) = ends(&subject.normal.words);
        self.read_letters(first, true);
        self.read_letters(last, true);
        if let Some(shadow) = &subject.normal.shadow {
            self.read_letters(ends(shadow).0, false);
        }
        self.letters = self.places.len();
        self.read_shape(subject);
        self.read_names(subject);
    }

    /// The places of words and letters.
    pub fn letters(&self) -> &[u32] {
        &self.places[..self.letters]
    }

    /// The places of what is known besides: shape, disguises, links, author.
    pub fn besides(&self) -> &[u32] {
        &self.places[self.letters..]
    }

    /// The whole words, repeated where they are, as places in a table of [`BUCKETS`]. Digits alone are none.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// What each of the letters' features counts in a site's layer: their vector has the length 1, however long the text is.
    pub fn unit(&self) -> f32 {
        1.0 / (self.letters.max(1) as f32).sqrt()
    }

    fn add(&mut self, hash: u64) {
        let place = place(hash);
        let mark = u64::from(self.round) << 32 | u64::from(place);
        let slot = &mut self.seen[place as usize & (SEEN - 1)];
        if *slot != mark {
            *slot = mark;
            self.places.push(place);
        }
    }

    /// Words, pairs of neighbours, two to five letters within a word, and five letters with everything between left out.
    fn read_letters(&mut self, text: &str, count_words: bool) {
        let mut before = hash::PAIR;
        let mut squeezed = [0_u32; 5];
        let mut word = std::mem::take(&mut self.word);
        word.clear();
        for c in text.chars().chain([' ']) {
            if is_letter(c) {
                if word.is_empty() {
                    word.push(u32::from(' '));
                }
                if word.len() <= WORD_LETTERS {
                    word.push(u32::from(c));
                }
                // Doubled letters are squeezed too.
                if squeezed[4] != u32::from(c) {
                    squeezed.rotate_left(1);
                    squeezed[4] = u32::from(c);
                    if squeezed[0] != 0 {
                        self.add(squeezed.iter().fold(hash::SQUEEZED, |hash, c| mix(hash, u64::from(*c))));
                    }
                }
                continue;
            }
            if !word.is_empty() {
                before = self.read_word(&mut word, before, count_words);
            }
            if !c.is_ascii() && !c.is_whitespace() {
                self.add(mix(hash::SYMBOL, u64::from(c)));
            }
        }
        self.word = word;
    }

    /// The word comes with a space before it and is used up. Returns what its neighbour is paired with.
    fn read_word(&mut self, word: &mut Vec<u32>, before: u64, count: bool) -> u64 {
        let (mut whole, mut digits) = (hash::WORD, 0);
        for c in &word[1..] {
            whole = mix(whole, u64::from(*c));
            digits += usize::from(is_digit(*c));
        }
        self.add(whole);
        self.add(mix(before, whole));
        if digits > 0 {
            self.read_numbers(word);
        }
        if count && digits + 1 < word.len() {
            self.words.push(place(whole));
        }
        word.push(u32::from(' '));
        for from in 0..word.len() - 1 {
            let mut hash = mix(hash::INSIDE, u64::from(word[from]));
            for c in word[from + 1..].iter().take(4) {
                hash = mix(hash, u64::from(*c));
                self.add(hash);
            }
        }
        word.clear();
        mix(hash::PAIR, whole)
    }

    /// A word with digits, whichever they are; and the kind of word: letters then digits, and so on.
    fn read_numbers(&mut self, word: &[u32]) {
        const DIGIT: u64 = b'0' as u64;
        const LETTER: u64 = b'a' as u64;
        let (mut any, mut kind, mut last) = (hash::NUMBER, hash::KIND_OF_WORD, 0);
        for c in &word[1..] {
            let digit = is_digit(*c);
            any = mix(any, if digit { DIGIT } else { u64::from(*c) });
            let class = if digit { DIGIT } else { LETTER };
            if class != last {
                kind = mix(kind, class);
                last = class;
            }
        }
        self.add(any);
        self.add(kind);
    }

    fn read_shape(&mut self, subject: &Subject<'_>) {
        let shape = Shape::of(ends(subject.visible).0, subject.links.len());
        for (n, step) in (0..).zip(shape.steps()) {
            self.add(mix(mix(hash::SHAPE, n), u64::from(step)));
        }
        for (n, (_, count)) in (0..).zip(subject.normal.obfuscations.kinds()) {
            if count > 0 {
                let kind = mix(hash::DISGUISE, n);
                let share = (u64::from(count) * 4 / u64::from(shape.words().max(1))).min(4);
                self.add(kind);
                self.add(mix(kind, 1 + share));
            }
        }
    }

    fn read_names(&mut self, subject: &Subject<'_>) {
        let whole =
            |kind, text: &str| text.bytes().fold(kind, |hash, byte| mix(hash, u64::from(byte.to_ascii_lowercase())));
        for domain in subject.links.domains() {
            self.add(whole(hash::DOMAIN, domain));
            if let Some(registered) = psl::domain_str(domain).filter(|registered| registered != domain) {
                self.add(whole(hash::DOMAIN, registered));
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
            self.add(whole(kind, text));
        }
    }
}

fn place(hash: u64) -> u32 {
    (hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53) >> (64 - BITS)) as u32
}

fn is_digit(c: u32) -> bool {
    (u32::from(b'0')..=u32::from(b'9')).contains(&c)
}

fn is_letter(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric(),
        false => c.is_alphanumeric(),
    }
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
