//! Words whose letters are set apart: `v i a g r a`, `c-a-s-i-n-o`, letters with pictures between.

use std::borrow::Cow;

use super::{
    Obfuscations,
    known::{Family, family, is_emoji, is_letter_like, known},
};
use crate::bytes::{alphanumeric, between, most_alone, runs_of};

/// So many letters in a row are a word; fewer are initials, grades, or French and Spanish words of one letter.
const JOINED: usize = 4;

/// So many are a disguise, and not a label such as `A-B-C-D`.
const DISGUISE: usize = 5;

/// No wider gap holds a word together.
const MAX_GAP: usize = 6;

/// What stands between two letters of a word that is set apart. All gaps of one word are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Spaces(usize),
    Sign { sign: char, spaced: bool },
    Pictures,
}

/// Joins words that are set apart. Borrowed where there is none.
pub(super) fn join<'a>(text: &'a str, found: &mut Obfuscations) -> Cow<'a, str> {
    if !may_be_spaced(text) {
        return Cow::Borrowed(text);
    }
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut run = Run::default();
    let mut at = 0;
    run.read(&chars, at);
    while at < chars.len() {
        if run.is_word(&chars) || run.is_beside_word(&chars) {
            found.spaced += u32::from(run.is_disguise(&chars));
            out.extend(run.letters.iter().map(|place| chars[*place]));
            at = run.end();
        } else if run.letters.len() > 1 {
            // The last letter may begin another run, with other gaps.
            let last = run.end() - 1;
            out.extend(&chars[at..last]);
            at = last;
        } else {
            out.push(chars[at]);
            at += 1;
        }
        run.read(&chars, at);
    }
    if out.len() == text.len() { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// Quick to see: whether a few lonely letters follow each other.
fn may_be_spaced(text: &str) -> bool {
    if !text.is_ascii() {
        return has_lonely(text.chars().map(is_part));
    }
    let part = |eight| alphanumeric(eight) | between(eight, b'@', b'@') | between(eight, b'$', b'$');
    if (most_alone(text.as_bytes(), part) as usize) < JOINED {
        return false;
    }
    let (mut lonely, mut found) = (0, false);
    runs_of(text.as_bytes(), part, |from, to| {
        lonely = if to - from == 1 { lonely + 1 } else { 0 };
        found |= lonely >= JOINED;
    });
    found
}

/// Whether a few parts of words stand alone, one after the other, none beside another.
fn has_lonely(parts: impl Iterator<Item = bool>) -> bool {
    let (mut lonely, mut before, mut found) = (0_usize, false, false);
    for part in parts.chain([false]) {
        found |= !part && lonely >= JOINED;
        lonely = match (before, part) {
            (true, true) => 0,
            (false, true) => lonely + 1,
            (_, false) => lonely,
        };
        before = part;
    }
    found
}

/// Letters that stand alone, one after the other, with like gaps between; none where a letter has company.
#[derive(Default)]
struct Run {
    letters: Vec<usize>,
    gap: Option<Gap>,
    /// Where a lonely letter follows after a wider space.
    wider: Option<usize>,
}

impl Run {
    /// Reads the run that begins at a place.
    fn read(&mut self, chars: &[char], start: usize) {
        self.letters.clear();
        (self.gap, self.wider) = (None, None);
        if !is_lonely(chars, start) {
            return;
        }
        self.letters.push(start);
        let mut last = start;
        while let Some((gap, next)) = gap_after(chars, last) {
            if self.gap.is_some_and(|first| first != gap) {
                self.wider = match (self.gap, gap) {
                    (Some(Gap::Spaces(narrow)), Gap::Spaces(wide)) if wide > narrow => Some(next),
                    _ => None,
                };
                break;
            }
            self.gap = Some(gap);
            self.letters.push(next);
            last = next;
        }
    }

    fn end(&self) -> usize {
        self.letters.last().map_or(0, |last| last + 1)
    }

    /// Whether it is long enough, and mostly letters: `1 2 3 4` is none.
    fn is_word(&self, chars: &[char]) -> bool {
        let letters = self.letters.iter().filter(|place| known(chars[**place]).alphabetic).count();
        self.letters.len() >= JOINED && letters >= JOINED - 1 && letters * 3 >= self.letters.len() * 2
    }

    /// `b u y` in `b u y  v i a g r a`.
    fn is_beside_word(&self, chars: &[char]) -> bool {
        let letters = self.letters.iter().all(|place| known(chars[*place]).alphabetic);
        let Some(mut next) = self.wider.filter(|_| letters && self.letters.len() > 1) else { return false };
        for _ in 1..JOINED {
            match gap_after(chars, next) {
                Some((gap, after)) if Some(gap) == self.gap => next = after,
                _ => return false,
            }
        }
        true
    }

    /// Acronyms, rows of the alphabet and cries are none.
    fn is_disguise(&self, chars: &[char]) -> bool {
        let letters = || self.letters.iter().map(|place| chars[*place]);
        let acronym =
            matches!(self.gap, Some(Gap::Sign { sign: '.' | '-' | '*', .. })) && letters().all(|c| c.is_uppercase());
        let lower: Vec<char> = letters().flat_map(char::to_lowercase).collect();
        let rises = lower.windows(2).all(|pair| pair[0] < pair[1]);
        let mut kinds = lower.clone();
        kinds.sort_unstable();
        kinds.dedup();
        lower.len() >= DISGUISE && !acronym && !rises && kinds.len() > 2
    }
}

/// A letter of a word in a script that joins such letters, or what stands for one.
fn is_letter(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0' | '1' | '3' | '4' | '5' | '7' | '@' | '$' => true,
        c if c.is_ascii() => false,
        c => match family(c) {
            Family::Unspaced | Family::Mark => false,
            Family::Symbol => is_letter_like(c),
            _ => true,
        },
    }
}

fn is_part(c: char) -> bool {
    known(c).part
}

fn is_lonely(chars: &[char], at: usize) -> bool {
    let joined = |place: Option<usize>| {
        place.and_then(|place| chars.get(place)).is_some_and(|c| is_part(*c) || *c == '\'' || *c == '’')
    };
    chars.get(at).is_some_and(|c| is_letter(*c)) && !joined(at.checked_sub(1)) && !joined(Some(at + 1))
}

/// The gap after a letter, and where the next lonely letter stands.
fn gap_after(chars: &[char], at: usize) -> Option<(Gap, usize)> {
    let rest = chars.get(at + 1..)?;
    let width =
        rest.iter().take(MAX_GAP + 1).position(|c| is_part(*c)).filter(|width| (1..=MAX_GAP).contains(width))?;
    let next = at + 1 + width;
    if !is_lonely(chars, next) {
        return None;
    }
    let gap = &rest[..width];
    let spaces = gap.iter().filter(|c| **c == ' ').count();
    let mut signs = gap.iter().filter(|c| **c != ' ');
    let kind = match (signs.next(), spaces) {
        (None, _) => Gap::Spaces(width),
        (Some(first), _) if is_emoji(*first) || *first == '\u{200D}' => {
            gap.iter().all(|c| *c == ' ' || is_emoji(*c) || *c == '\u{200D}').then_some(Gap::Pictures)?
        }
        // `J. R.` is initials, and `a, b` a list.
        (Some(sign), 0) if width == 1 && ".-_*~|/\\·•^'`\"".contains(*sign) => {
            Gap::Sign { sign: *sign, spaced: false }
        }
        (Some(sign), 2) if width == 3 && gap[1] == *sign && ".-_*~|·•".contains(*sign) => {
            Gap::Sign { sign: *sign, spaced: true }
        }
        _ => return None,
    };
    Some((kind, next))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ascii_parts_are_those_of_every_text() {
        for c in (0..128).map(char::from) {
            assert_eq!(is_part(c), c.is_ascii_alphanumeric() || matches!(c, '@' | '$'), "{c:?}");
            // Three other lonely letters make a word of it if it is one.
            assert_eq!(may_be_spaced(&format!("a b c {c}")), is_part(c), "{c:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn ascii_is_looked_at_as_any_text(text in "([a@1$] ?|[.,' -]){0,90}") {
            prop_assert_eq!(may_be_spaced(&text), has_lonely(text.chars().map(is_part)));
        }
    }
}
