//! The shape of a text as it was written, whatever its words.

use crate::{
    bytes::{count, count_pairs},
    normal::{is_emoji, known},
};

/// Counts over a text.
#[derive(Debug, Default)]
pub struct Shape {
    chars: u32,
    letters: u32,
    capitals: u32,
    digits: u32,
    symbols: u32,
    words: u32,
    exclamations: u32,
    questions: u32,
    handles: u32,
    tags: u32,
    money: u32,
    lines: u32,
    links: u32,
}

impl Shape {
    /// Counts.
    pub fn of(text: &str, links: usize) -> Self {
        let bytes = text.as_bytes();
        let mut shape = Self {
            // All bytes but those that continue a character.
            chars: count(bytes, |byte| byte & 0xC0 != 0x80),
            letters: count(bytes, |byte| byte.is_ascii_alphabetic()),
            capitals: count(bytes, |byte| byte.is_ascii_uppercase()),
            digits: count(bytes, |byte| byte.is_ascii_digit()),
            symbols: 0,
            words: words(bytes),
            exclamations: count(bytes, |byte| byte == b'!'),
            questions: count(bytes, |byte| byte == b'?'),
            handles: count(bytes, |byte| byte == b'@'),
            tags: count(bytes, |byte| byte == b'#'),
            money: count(bytes, |byte| matches!(byte, b'$' | b'%')),
            lines: count(bytes, |byte| byte == b'\n'),
            links: u32::try_from(links).unwrap_or(u32::MAX),
        };
        if !text.is_ascii() {
            shape.add_beyond_ascii(text);
        }
        shape
    }

    fn add_beyond_ascii(&mut self, text: &str) {
        let mut spaces = false;
        for c in text.chars().filter(|c| !c.is_ascii()) {
            let known = known(c);
            match c {
                '€' | '£' => self.money += 1,
                _ if known.alphabetic => {
                    self.letters += 1;
                    // Drawn capitals have no small letters: whole texts are drawn in them.
                    self.capitals += u32::from(known.uppercase && c.to_lowercase().ne([c]));
                }
                _ if known.whitespace => spaces = true,
                // Who writes many of them is no suspect.
                _ if is_emoji(c) => {}
                _ => self.symbols += 1,
            }
        }
        if spaces {
            let is_space = |c: char| if c.is_ascii() { c.is_ascii_whitespace() } else { known(c).whitespace };
            self.words = text.split(is_space).filter(|word| !word.is_empty()).count() as u32;
        }
    }

    /// How many words there are.
    pub fn words(&self) -> u32 {
        self.words
    }

    /// The counts in a few steps each; the model has a weight for each step.
    pub fn steps(&self) -> [u32; 14] {
        let share = |part: u32, of: u32| (part * 8).checked_div(of).map_or(0, |eighths| eighths + 1);
        let log = |n: u32| u32::BITS - n.leading_zeros();
        // Two steps for each doubling.
        let half = |n: u32| log(n) * 2 + (n >> (log(n).max(2) - 2) & 1);
        [
            half(self.chars),
            log(self.words),
            share(self.capitals, self.letters),
            share(self.digits, self.chars),
            share(self.symbols, self.chars),
            self.exclamations.min(4),
            self.questions.min(3),
            self.handles.min(3),
            self.tags.min(3),
            self.money.min(3),
            log(self.lines),
            self.links.min(3),
            u32::from(self.letters == 0),
            log(self.symbols),
        ]
    }

    /// What each of [`Self::steps`] counts, for people.
    pub const NAMES: [&str; 14] = [
        "its length",
        "the number of its words",
        "its share of capitals",
        "its share of digits",
        "its share of symbols",
        "its exclamation marks",
        "its question marks",
        "its @ signs",
        "its # signs",
        "its amounts of money",
        "its number of lines",
        "its number of links",
        "that it has no letters",
        "its number of symbols",
    ];
}

/// How often a word begins: at the start, or after white space.
fn words(bytes: &[u8]) -> u32 {
    let is_space = |byte: u8| (byte == b' ') | (matches!(byte, b'\t'..=b'\r') & (byte != b'\x0B'));
    let first = bytes.first().is_some_and(|byte| !is_space(*byte));
    u32::from(first) + count_pairs(bytes, |a, b| is_space(a) & !is_space(b))
}
