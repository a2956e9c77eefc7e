//! The shape of a text as it was written, whatever its words.

use crate::{
    bytes::{self, bits, count_in, in_pieces},
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
        let mut shape = Self { links: u32::try_from(links).unwrap_or(u32::MAX), ..Self::default() };
        let (mut chars, mut space) = (text.len() as u32, 1);
        in_pieces(text.as_bytes(), |piece| {
            // What continues a character.
            chars -= count_in(piece, |byte| byte & 0xC0 == 0x80);
            shape.letters += count_in(piece, |byte| byte.is_ascii_alphabetic());
            shape.capitals += count_in(piece, |byte| byte.is_ascii_uppercase());
            shape.digits += count_in(piece, |byte| byte.is_ascii_digit());
            shape.exclamations += count_in(piece, |byte| byte == b'!');
            shape.questions += count_in(piece, |byte| byte == b'?');
            shape.handles += count_in(piece, |byte| byte == b'@');
            shape.tags += count_in(piece, |byte| byte == b'#');
            shape.money += count_in(piece, |byte| matches!(byte, b'$' | b'%'));
            shape.lines += count_in(piece, |byte| byte == b'\n');
            // A word begins at the start, and after white space.
            let spaces = bits(piece, bytes::space);
            shape.words += (!spaces & (spaces << 1 | space)).count_ones();
            space = spaces >> 63;
        });
        shape.chars = chars;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_bytes_are_counted_wherever_they_stand(text in "([ -~]|[\\n\\t ]|[\u{e9}\u{436}\u{ffe5}]){0,200}") {
            let shape = Shape::of(&text, 0);
            let count = |is: &dyn Fn(char) -> bool| text.chars().filter(|c| is(*c)).count() as u32;
            prop_assert_eq!(shape.chars, count(&|_| true));
            prop_assert_eq!(shape.words as usize, text.split_ascii_whitespace().count());
            prop_assert_eq!(shape.letters, count(&|c| c.is_alphabetic()));
            prop_assert_eq!((shape.capitals, shape.digits), (count(&|c| c.is_uppercase()), count(&|c| c.is_numeric())));
            prop_assert_eq!((shape.exclamations, shape.questions), (count(&|c| c == '!'), count(&|c| c == '?')));
            prop_assert_eq!((shape.handles, shape.tags), (count(&|c| c == '@'), count(&|c| c == '#')));
            prop_assert_eq!((shape.money, shape.lines), (count(&|c| c == '$' || c == '%'), count(&|c| c == '\n')));
        }
    }
}
