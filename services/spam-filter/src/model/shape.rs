//! The shape of a text as it was written, whatever its words.

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
        let mut after_space = true;
        for c in text.chars() {
            shape.chars += 1;
            let mut space = false;
            match c {
                'a'..='z' => shape.letters += 1,
                'A'..='Z' => {
                    shape.letters += 1;
                    shape.capitals += 1;
                }
                '0'..='9' => shape.digits += 1,
                ' ' => space = true,
                '\n' => {
                    space = true;
                    shape.lines += 1;
                }
                '!' => shape.exclamations += 1,
                '?' => shape.questions += 1,
                '@' => shape.handles += 1,
                '#' => shape.tags += 1,
                '$' | '%' | '€' | '£' => shape.money += 1,
                c if c.is_ascii() => space = c.is_ascii_whitespace(),
                c if c.is_alphabetic() => {
                    shape.letters += 1;
                    shape.capitals += u32::from(c.is_uppercase());
                }
                c if c.is_whitespace() => space = true,
                _ => shape.symbols += 1,
            }
            shape.words += u32::from(after_space && !space);
            after_space = space;
        }
        shape
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
