//! The same words with accents, and digits that stand for letters, folded.

use super::{
    letters::{Family, family, is_emoji, is_mark, latin_twin, leet},
    words::is_wordish,
};

/// `words` folded once more; `None` when nothing changes.
pub(super) fn shadow(words: &str) -> Option<String> {
    if words.is_ascii() && is_plain(words.as_bytes()) {
        return None;
    }
    // Only Latin letters are folded, or stand beside what is.
    if !words.chars().any(is_latin) {
        return None;
    }
    let foreign = words.is_ascii() || is_mostly_latin(words);
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(start) = rest.find(is_token) {
        let (between, from) = rest.split_at(start);
        let end = from.find(|c| !is_token(c)).unwrap_or(from.len());
        let (token, after) = from.split_at(end);
        rest = after;
        // What stands between two words without a space is an ornament.
        let joined = !out.is_empty() && !between.is_empty() && between.chars().all(is_ornament);
        if !joined || !out.ends_with(|c: char| c.is_ascii_alphabetic()) {
            out.push_str(between);
        }
        fold(token, foreign, &mut out);
    }
    out.push_str(rest);
    (out != words).then_some(out)
}

/// Quick to see: nothing that stands for a letter is beside one, and nothing holds letters apart.
fn is_plain(words: &[u8]) -> bool {
    let stands = |byte: u8| leet(char::from(byte)).is_some();
    let beside = |a: u8, b: u8| a.is_ascii_alphabetic() && stands(b);
    !words.windows(2).any(|pair| beside(pair[0], pair[1]) || beside(pair[1], pair[0]))
        && !words.iter().any(|byte| is_ornament(char::from(*byte)))
}

fn is_token(c: char) -> bool {
    leet(c).is_some() || is_wordish(c) || c.is_alphanumeric()
}

/// Pictures and signs that hold letters of one word apart.
fn is_ornament(c: char) -> bool {
    matches!(c, '*' | '~' | '^' | '·' | '•' | '\u{200D}') || is_emoji(c)
}

fn fold(token: &str, foreign: bool, out: &mut String) {
    let latin = token.chars().filter(|c| is_latin(*c)).count();
    if latin == 0 && !foreign {
        return out.push_str(token);
    }
    let signs = token.chars().filter(|c| leet(*c).is_some()).count();
    let is_word = latin >= 2 && latin * 2 >= signs;
    let passes = |c: char| c.is_ascii() || is_mark(c) || latin_twin(c).is_some();
    // A word of another script stays, unless the text is in Latin letters and each of its own passes for one.
    let whole = latin == 0 && foreign && token.chars().nth(2).is_some() && token.chars().all(passes);
    let mixed = latin > 0 && token.chars().filter(|c| !c.is_ascii()).all(passes);
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

fn is_latin(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => true,
        '\u{250}'..='\u{2FF}' | '\u{1D00}'..='\u{1DBF}' | '\u{2C60}'..='\u{2C7F}' | '\u{A720}'..='\u{AB6F}' => {
            family(c) == Family::Latin
        }
        _ => false,
    }
}

fn is_mostly_latin(words: &str) -> bool {
    let latin = words.bytes().filter(u8::is_ascii_alphabetic).count();
    let foreign = words.chars().filter(|c| !c.is_ascii() && c.is_alphabetic()).count();
    latin > foreign
}
