//! The same words with accents, and digits that stand for letters, folded.

use super::{
    known::{Family, Known, OTHER, is_emoji, is_mark, known},
    letters::{latin_twin, leet},
};
use crate::bytes::{count, count_pairs};

/// A word in so many pieces of so few letters each is taken apart, or of so few where one of them has no vowel; two words may
/// well have a picture between them.
const PIECES: usize = 3;
const SHORT: usize = 2;
const VOWELLESS: usize = 3;

/// Fewer letters are a cry, or hide a curse.
const APART: usize = 5;

/// `words` folded once more; `None` when nothing changes. Words that pictures and signs hold apart are counted.
pub(super) fn shadow(words: &str, apart: &mut u32) -> Option<String> {
    if words.is_ascii() && is_plain(words.as_bytes()) {
        return None;
    }
    let disguised = passes_for_latin(words);
    // Only Latin letters are folded, or stand beside what is.
    if !disguised && !words.chars().any(is_latin) {
        return None;
    }
    let foreign = disguised || words.is_ascii() || is_mostly_latin(words);
    let mut out = String::with_capacity(words.len());
    let mut token = Token::default();
    let mut between = 0;
    let mut pieces = Pieces::default();
    for (at, c) in words.char_indices() {
        if is_token(c) {
            if token.is_empty() {
                if !push_between(&words[between..at], &mut out) {
                    *apart += u32::from(std::mem::take(&mut pieces).are_apart());
                }
                token.start = at;
            }
            token.add(c);
        } else if !token.is_empty() {
            pieces.add(&token);
            token.fold(&words[token.start..at], foreign, &mut out);
            token = Token::default();
            between = at;
        }
    }
    match token.is_empty() {
        true => out.push_str(&words[between..]),
        false => {
            pieces.add(&token);
            token.fold(&words[token.start..], foreign, &mut out);
        }
    }
    *apart += u32::from(pieces.are_apart());
    (out != words).then_some(out)
}

/// What stands between two words without a space is an ornament or one hyphen, and left out after a Latin letter. Whether it
/// was an ornament.
fn push_between(between: &str, out: &mut String) -> bool {
    let is_hyphen = matches!(between, "-" | "_");
    let joined = !between.is_empty() && (is_hyphen || between.chars().all(is_ornament));
    let left_out = joined && out.ends_with(|c: char| c.is_ascii_alphabetic());
    if !left_out {
        out.push_str(between);
    }
    left_out && !is_hyphen
}

/// What ornaments hold apart.
#[derive(Default)]
struct Pieces {
    count: usize,
    chars: usize,
    vowelless: bool,
}

impl Pieces {
    fn add(&mut self, token: &Token) {
        self.count += 1;
        self.chars += token.chars;
        self.vowelless |= token.vowels == 0;
    }

    fn are_apart(&self) -> bool {
        let letters = if self.vowelless { VOWELLESS } else { SHORT };
        self.count >= PIECES && self.chars >= APART && self.chars <= self.count * letters
    }
}

/// Quick to see: nothing that stands for a letter is beside one, and nothing holds letters apart or together.
fn is_plain(words: &[u8]) -> bool {
    let among = |byte: u8, signs: &[u8]| signs.iter().fold(false, |any, sign| any | (byte == *sign));
    let stands = |byte: u8| among(byte, b"013457@$|");
    let holds = |byte: u8| among(byte, b"*~^");
    let joins = |byte: u8| among(byte, b"-_");
    // Many texts have none of them.
    if count(words, |byte| stands(byte) | holds(byte) | joins(byte)) == 0 {
        return true;
    }
    let letter = |byte: u8| byte.is_ascii_alphabetic();
    let beside = |a: u8, b: u8| (letter(a) & (stands(b) | joins(b))) | (stands(a) & letter(b));
    count(words, holds) == 0 && count_pairs(words, beside) == 0
}

fn is_token(c: char) -> bool {
    let known = known(c);
    known.alphabet != 0 || known.alphanumeric || leet(c).is_some()
}

/// Pictures and signs that hold letters of one word apart.
fn is_ornament(c: char) -> bool {
    matches!(c, '*' | '~' | '^' | '·' | '•' | '\u{200D}') || is_emoji(c)
}

/// Counts over a word, with its digits and signs.
#[derive(Default)]
struct Token {
    start: usize,
    chars: usize,
    latin: usize,
    signs: usize,
    ascii: usize,
    /// Digits and letters of other scripts among them.
    vowels: usize,
}

impl Token {
    fn is_empty(&self) -> bool {
        self.chars == 0
    }

    fn add(&mut self, c: char) {
        self.chars += 1;
        self.latin += usize::from(is_latin(c));
        self.signs += usize::from(leet(c).is_some());
        self.ascii += usize::from(c.is_ascii());
        self.vowels += usize::from(!c.is_ascii() || matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y' | '0'..='9'));
    }

    fn fold(&self, token: &str, foreign: bool, out: &mut String) {
        let Self { chars, latin, signs, ascii, .. } = *self;
        let is_word = latin >= 2 && latin * 2 >= signs;
        let has_signs = is_word && signs > 0;
        if (latin == 0 && !foreign) || (ascii == chars && !has_signs) {
            return out.push_str(token);
        }
        let passes = |c: char| c.is_ascii() || is_mark(c) || latin_twin(c).is_some();
        // A word of another script stays, unless the text is in Latin letters and each of its own passes for one.
        let whole = latin == 0 && foreign && chars > 2 && token.chars().all(passes);
        let mixed = latin > 0 && token.chars().all(passes);
        for c in token.chars() {
            let latin_letter = c.is_ascii() || is_latin(c);
            match leet(c) {
                Some(letter) if is_word => out.push(letter),
                _ if c.is_ascii() => out.push(c),
                _ if c == 'ß' => out.push_str("ss"),
                _ if is_mark(c) && (latin > 0 || whole) => {}
                _ if latin_letter || whole || mixed => match latin_twin(c) {
                    Some(twin) => out.extend(twin.chars()),
                    None => out.push(c),
                },
                _ => out.push(c),
            }
        }
    }
}

fn is_latin(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => true,
        '\u{250}'..='\u{2FF}' | '\u{1D00}'..='\u{1DBF}' | '\u{2C60}'..='\u{2C7F}' | '\u{A720}'..='\u{AB6F}' => {
            known(c).family == Family::Latin
        }
        _ => false,
    }
}

/// Whether a text has letters of rare scripts only, and each of them passes for a Latin one: Lisu and Cherokee have such
/// letters, for which people who cannot read them take them.
fn passes_for_latin(words: &str) -> bool {
    let mut foreign = words.chars().filter(|c| !is_latin(*c) && known(*c).alphabetic).peekable();
    let is_rare = |known: Known| known.alphabet == OTHER && known.family == Family::Other;
    foreign.peek().is_some() && foreign.all(|c| is_rare(known(c)) && latin_twin(c).is_some())
}

fn is_mostly_latin(words: &str) -> bool {
    let latin = words.bytes().filter(u8::is_ascii_alphabetic).count();
    let foreign = words.chars().filter(|c| !c.is_ascii() && known(*c).alphabetic).count();
    latin > foreign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quick_to_see_is_what_stands_for_letters() {
        for byte in 0..128 {
            let c = char::from(byte);
            let joins = matches!(c, '-' | '_');
            assert_eq!(!is_plain(&[b'a', byte]), leet(c).is_some() || is_ornament(c) || joins, "{c:?}");
            assert_eq!(!is_plain(&[byte, b'a']), leet(c).is_some() || is_ornament(c), "{c:?}");
        }
        assert!(is_plain(b"10 $ @ 5") && is_plain(b"") && !is_plain(&[[b'.'; 63].as_slice(), b"a1"].concat()));
    }
}
