//! Combining marks on letters that take none.

use super::{
    known::{Family, family, is_mark, known},
    letters::latin_twin,
};

/// No script stacks more marks on one letter.
const MAX_MARKS: usize = 8;

/// Whether a word with so many marks out of place is disguised; one or two are stress marks.
const DISGUISE: u32 = 3;

/// Copies a text in NFKC without the marks that are out of place, and counts the words that have many.
pub(super) fn strip(text: &str) -> (String, u32) {
    let mut out = String::with_capacity(text.len());
    let mut base = None;
    let mut on_base = 0;
    let mut in_word = 0;
    let mut disguised = 0;
    for c in text.chars() {
        if !is_mark(c) {
            base = Some(c);
            on_base = 0;
            if known(c).whitespace {
                in_word = 0;
            }
            out.push(c);
            continue;
        }
        if on_base < MAX_MARKS && base.is_none_or(|base| takes(base, c, on_base)) {
            on_base += 1;
            out.push(c);
            continue;
        }
        // Vowel signs that stand beside their letter are drawn like letters.
        if let Some(twin) = latin_twin(c).filter(|_| !is_general(c)) {
            out.extend(twin.chars());
        }
        in_word += 1;
        if in_word == DISGUISE {
            disguised += 1;
        }
    }
    (out, disguised)
}

/// Marks that any letter may be given, and hardly any takes once NFKC has composed what can be composed.
fn is_general(mark: char) -> bool {
    matches!(mark, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

fn takes(base: char, mark: char, on_base: usize) -> bool {
    if is_general(mark) {
        // Yoruba, Lithuanian and Navajo set a tone on a letter that has a dot or a hook already.
        let tone = matches!(mark, '\u{300}'..='\u{304}' | '\u{307}' | '\u{30C}');
        return tone && on_base == 0 && !base.is_ascii() && family(base) == Family::Latin;
    }
    let alphabet = base.is_ascii_alphanumeric() || (known(base).alphabetic && !is_unspaced_letter(base));
    !alphabet
}

fn is_unspaced_letter(c: char) -> bool {
    !matches!(family(c), Family::Latin | Family::OddLatin | Family::Cyrillic | Family::Greek)
}
