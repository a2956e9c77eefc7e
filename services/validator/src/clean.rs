//! Text as it is kept: NFC, without controls and without what is there only to be invisible.
//!
//! Scripts and emoji that need invisible characters keep them where they need them: joiners beside letters of scripts
//! that join (Persian, Arabic, the Indic scripts, ...), joiners and variation selectors inside emoji sequences, tags
//! inside the flags of regions, direction marks in text with right-to-left letters.

mod chars;
mod tags;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use self::chars::{Kind, is_pictograph, is_right_to_left, joins, kind, takes_emoji_style};

/// More combining marks than this on one character are dropped. Living scripts stack no more than about six; piles of
/// them cover the lines above and below.
const MAX_MARKS: usize = 10;

/// Text of several lines: line ends become LF, tabs stay, the ends are trimmed.
pub fn text(raw: &str) -> String {
    if is_clean(raw) {
        return raw.trim().to_owned();
    }
    let chars: Vec<char> = if is_nfc(raw) { raw.chars().collect() } else { raw.nfc().collect() };
    let kept = filter(&chars);
    // What stood apart may compose once what stood between is gone.
    if is_nfc(&kept) { kept.trim().to_owned() } else { kept.nfc().collect::<String>().trim().to_owned() }
}

/// Text of one line: any run of spaces, tabs and line ends becomes one space.
pub fn line(raw: &str) -> String {
    let mut clean = text(raw);
    if clean.contains(['\n', '\t']) || clean.contains("  ") {
        clean = clean.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    }
    clean
}

/// A name: one line, with tags taken out as WordPress does. What only looks like the start of a tag stays.
pub fn name(raw: &str) -> String {
    let mut name = line(raw);
    // Without the tag between them, two characters may be one, or a joiner may have lost what it joined.
    while let Some(stripped) = tags::strip(&name) {
        name = line(&stripped);
    }
    name
}

/// At most `bytes` bytes of a text, cut between characters.
pub fn cut(text: &str, bytes: usize) -> &str {
    text[..text.floor_char_boundary(bytes)].trim_end()
}

/// Whether there is anything to see in it.
pub fn is_visible(text: &str) -> bool {
    // U+2800 is Braille's own space.
    text.chars().any(|c| !c.is_whitespace() && c != '\u{2800}' && kind(c) == Kind::Ordinary)
}

/// Whether [`text`] would only trim it; false when in doubt.
fn is_clean(raw: &str) -> bool {
    if raw.is_ascii() {
        return raw.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\t'));
    }
    let mut marks = 0;
    let ordinary = raw.chars().all(|c| match kind(c) {
        Kind::Ordinary => {
            marks = 0;
            true
        }
        Kind::Mark => {
            marks += 1;
            marks <= MAX_MARKS
        }
        _ => false,
    });
    ordinary && is_nfc(raw)
}

/// Whether it is NFC; false when in doubt.
fn is_nfc(text: &str) -> bool {
    is_nfc_quick(text.chars()) == IsNormalized::Yes
}

fn filter(chars: &[char]) -> String {
    let mut kept = String::with_capacity(chars.len() * 2);
    let mut previous = None;
    // Without its marks, since NFC may put those into another order.
    let mut base = None;
    let mut marks = 0;
    let has_right_to_left = chars.iter().any(|c| is_right_to_left(*c));
    let mut rest = chars;
    while let Some((&c, after)) = rest.split_first() {
        rest = after;
        let next = after.first().copied();
        let keep = match kind(c) {
            Kind::Ordinary => {
                marks = 0;
                base = Some(c);
                Some(c)
            }
            Kind::Mark => {
                marks += 1;
                (marks <= MAX_MARKS).then_some(c)
            }
            Kind::LineEnd => {
                marks = 0;
                base = None;
                (c != '\r' || next != Some('\n')).then_some('\n')
            }
            Kind::Invisible => None,
            Kind::Joiner => keeps_joiner(base, previous, next).then_some(c),
            Kind::Variation => keeps_variation(previous, c, next).then_some(c),
            Kind::Direction => has_right_to_left.then_some(c),
            Kind::Tag => {
                let length = if previous == Some(chars::BLACK_FLAG) { chars::tag_sequence(c, after) } else { 0 };
                if length > 0 {
                    kept.push(c);
                    kept.extend(&after[..length]);
                    previous = after.get(length - 1).copied();
                    rest = &after[length..];
                }
                None
            }
        };
        if let Some(c) = keep {
            kept.push(c);
            previous = Some(c);
        }
    }
    kept
}

/// A joiner acts on letters of joining scripts and between pictographs; a second one in a row does nothing.
fn keeps_joiner(base: Option<char>, previous: Option<char>, next: Option<char>) -> bool {
    if previous.is_some_and(|c| kind(c) == Kind::Joiner) {
        return false;
    }
    let before_letter = next.is_some_and(|c| kind(c) == Kind::Ordinary && joins(c));
    let after_letter = base.is_some_and(joins);
    let in_emoji =
        previous.is_some_and(|c| is_pictograph(c) || c == chars::EMOJI_STYLE) && next.is_some_and(is_pictograph);
    before_letter || after_letter || in_emoji
}

/// A variation selector acts on the character before it, and only where a variant exists.
fn keeps_variation(previous: Option<char>, selector: char, next: Option<char>) -> bool {
    let Some(base) = previous.filter(|c| kind(*c) == Kind::Ordinary) else { return false };
    match selector {
        chars::TEXT_STYLE | chars::EMOJI_STYLE => {
            takes_emoji_style(base) || (matches!(base, '0'..='9' | '#' | '*') && next == Some(chars::KEYCAP))
        }
        _ => !base.is_ascii() && !base.is_whitespace(),
    }
}

#[cfg(test)]
mod tests;
