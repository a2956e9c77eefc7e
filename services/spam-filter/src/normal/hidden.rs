//! Characters that nobody sees.

use super::known::{is_cased, is_emoji, is_joining};

/// Whether the character is drawn as nothing: Unicode's default-ignorable ones, controls, and private use, which most
/// fonts leave blank.
pub(super) fn is_hidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | ' '..='~' => false,
        // In Windows's code pages, quotation marks: texts that were decoded wrongly are full of them.
        '\u{91}'..='\u{94}' => false,
        '\0'..='\u{9F}' | '\u{AD}' => true,
        '\u{A0}'..='\u{34E}' => false,
        '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' => true,
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' => true,
        '\u{E000}'..='\u{F8FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' => true,
        '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' => true,
        _ => false,
    }
}

/// A run of hidden characters, judged by what stands around it.
pub(super) struct Judged {
    /// What is kept of it, since it belongs to a language or a picture.
    pub kept: Vec<char>,
    /// Whether what was dropped hides something.
    pub hides: bool,
}

/// Judges a run of hidden characters between two visible ones.
pub(super) fn judge(before: Option<char>, run: &[char], after: Option<char>) -> Judged {
    let mut kept = Vec::new();
    let mut tags = false;
    let mut suspicious = false;
    let flag = before == Some('\u{1F3F4}') && run.contains(&'\u{E007F}');
    for &c in run {
        let keep = match c {
            '\u{200C}' | '\u{200D}' => !kept.contains(&c) && joins(c, before, kept.last().copied(), after),
            '\u{200B}' => !kept.contains(&c) && both(before, after, is_without_spaces),
            '\u{FE00}'..='\u{FE0F}' => kept.is_empty() && before.is_some_and(takes_selector),
            '\u{180B}'..='\u{180F}' => {
                kept.is_empty() && before.is_some_and(|c| ('\u{1800}'..='\u{18AF}').contains(&c))
            }
            '\u{115F}' | '\u{1160}' => kept.is_empty() && [before, after].into_iter().flatten().any(is_jamo),
            '\u{E0020}'..='\u{E007F}' => flag && kept.len() < 8,
            '\u{E000}'..='\u{F8FF}' => !both(before, after, is_cased),
            _ => false,
        };
        if keep {
            kept.push(c);
        } else {
            tags |= ('\u{E0000}'..='\u{E007F}').contains(&c);
            // Hyphenation, byte-order marks and wrong decoding come along with what people paste.
            suspicious |= !matches!(c, '\u{80}'..='\u{9F}' | '\u{AD}' | '\u{FEFF}');
        }
    }
    Judged { kept, hides: tags || (suspicious && both(before, after, is_cased)) }
}

fn both(before: Option<char>, after: Option<char>, is: impl Fn(char) -> bool) -> bool {
    before.is_some_and(&is) && after.is_some_and(&is)
}

/// A joiner belongs beside letters that join, and a zero-width joiner between pictures.
fn joins(joiner: char, before: Option<char>, kept: Option<char>, after: Option<char>) -> bool {
    let pictures = joiner == '\u{200D}' && kept.or(before).is_some_and(is_emoji) && after.is_some_and(is_emoji);
    pictures || [before, after].into_iter().flatten().any(is_joining)
}

/// Pictures, the signs that become pictures, and keycaps.
fn takes_selector(c: char) -> bool {
    is_emoji(c) || matches!(c, '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | '〰' | '〽' | '㊗' | '㊙' | '0'..='9' | '#' | '*')
}

/// Thai, Lao, Tibetan, Myanmar and Khmer, where a zero-width space parts words.
fn is_without_spaces(c: char) -> bool {
    matches!(c, '\u{E00}'..='\u{FFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
}

fn is_jamo(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115E}' | '\u{1161}'..='\u{11FF}')
}

/// Where an override makes Latin text run backwards, the text as it is seen.
pub(super) fn unreverse(text: &str) -> Option<String> {
    let mut rest = text;
    let mut seen = String::new();
    let mut reversed = false;
    while let Some(at) = rest.find('\u{202E}') {
        seen.push_str(&rest[..at]);
        let inside = &rest[at + '\u{202E}'.len_utf8()..];
        let end = inside.find(['\u{202A}', '\u{202B}', '\u{202C}', '\u{202D}', '\u{202E}', '\n']);
        let (segment, after) = inside.split_at(end.unwrap_or(inside.len()));
        let latin = segment.bytes().any(|byte| byte.is_ascii_alphabetic()) && !segment.chars().any(is_joining);
        match latin {
            true => seen.extend(segment.chars().rev()),
            false => seen.push_str(segment),
        }
        reversed |= latin;
        rest = after;
    }
    seen.push_str(rest);
    reversed.then_some(seen)
}
