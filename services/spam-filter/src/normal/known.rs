//! What is known of a character: its script, its case, and how it behaves in a word.

use unicode_normalization::{
    IsNormalized,
    char::{canonical_combining_class, is_combining_mark},
    is_nfkc_quick,
};
use unicode_script::{Script, UnicodeScript};

use super::{clean, letters::latin_twin, table::Table};

/// What is known of a character.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// In lower case, as texts are compared: one letter for one, final sigma as sigma. A dotted capital I loses its dot,
    /// which would be a mark of its own.
    pub lower: char,
    /// The lower case is read otherwise: as of another alphabet, or as other Latin letters. Title case is neither case.
    pub(super) turns: bool,
    pub script: Script,
    pub(super) family: Family,
    /// A bit for the alphabet of a letter, a sign that passes for one, or a mark; 0 for what is part of no word.
    pub(super) alphabet: u8,
    pub alphabetic: bool,
    pub alphanumeric: bool,
    pub uppercase: bool,
    pub lowercase: bool,
    pub whitespace: bool,
    pub(super) mark: bool,
    /// NFKC leaves it as it is, and composes it with nothing before it.
    pub(super) composed: bool,
    /// There is nothing to clean about it: visible, composed, no mark, not drawn.
    pub(super) steady: bool,
    /// A letter or digit, or drawn like one: two of them side by side do not stand alone.
    pub(super) part: bool,
}

/// Looks a character up.
pub(crate) fn known(c: char) -> Known {
    static KNOWN: Table<Known> = Table::new(Known::of);
    KNOWN.get(c)
}

impl Known {
    fn of(c: char) -> Self {
        let mark = is_mark_of_tables(c);
        let composed = is_nfkc_quick(std::iter::once(c)) == IsNormalized::Yes && canonical_combining_class(c) == 0;
        let lower = lower(c);
        let read = |c| (family_of_tables(c), alphabet(c), is_cased(c), latin_twin(c));
        Self {
            lower,
            turns: lower != c && read(lower) != read(c),
            script: c.script(),
            family: family_of_tables(c),
            alphabet: alphabet(c),
            alphabetic: c.is_alphabetic(),
            alphanumeric: c.is_alphanumeric(),
            uppercase: c.is_uppercase(),
            lowercase: c.is_lowercase(),
            whitespace: c.is_whitespace(),
            mark,
            composed,
            steady: composed && !mark && clean::is_plain(c),
            part: is_caseless(c) || c.is_alphanumeric() || is_letter_like(c) || matches!(c, '@' | '$'),
        }
    }
}

/// How a character behaves beside Latin letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Latin, with or without accents.
    Latin,
    /// Small capitals, modifier and phonetic letters: Latin, but of no language's alphabet.
    OddLatin,
    Cyrillic,
    Greek,
    /// Another script that sets spaces between words.
    Other,
    /// A script whose words honestly stand beside Latin ones without a space.
    Unspaced,
    /// No letter, but drawn like one: `€`, `∂`, `©`.
    Symbol,
    /// A combining mark: it belongs to the letter before.
    Mark,
}

pub(super) fn family(c: char) -> Family {
    known(c).family
}

fn family_of_tables(c: char) -> Family {
    match c {
        'a'..='z' | 'A'..='Z' => Family::Latin,
        c if is_odd_latin(c) => Family::OddLatin,
        c if is_mark_of_tables(c) => Family::Mark,
        c if !c.is_alphabetic() => Family::Symbol,
        c => match c.script() {
            Script::Latin => Family::Latin,
            Script::Cyrillic => Family::Cyrillic,
            Script::Greek => Family::Greek,
            Script::Common | Script::Inherited => Family::Symbol,
            script if is_unspaced(script) => Family::Unspaced,
            _ => Family::Other,
        },
    }
}

/// The alphabets whose words stay as they are when all their letters are of one: ASCII and Latin with accents; Cyrillic;
/// Hebrew to Tibetan, Chinese, Japanese and Korean, nothing of which stands for Latin in a word without Latin letters.
pub(super) const LATIN: u8 = 1;
pub(super) const CYRILLIC: u8 = 2;
pub(super) const CASELESS: u8 = 4;
/// The rest, whose words are looked at letter by letter.
pub(super) const OTHER: u8 = 8;

fn alphabet(c: char) -> u8 {
    let wordish = match c.is_ascii() {
        true => c.is_ascii_alphabetic(),
        false => c.is_alphabetic() || is_letter_like(c) || is_mark_of_tables(c),
    };
    match c {
        _ if !wordish => 0,
        // Its lower case is not what `char::to_lowercase` says.
        'İ' => OTHER,
        'a'..='z' | 'A'..='Z' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => LATIN,
        '\u{400}'..='\u{482}' | '\u{48A}'..='\u{52F}' => CYRILLIC,
        '\u{590}'..='\u{FFF}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7FF}' => CASELESS,
        _ => OTHER,
    }
}

fn lower(c: char) -> char {
    match c {
        'ς' => 'σ',
        'İ' => 'i',
        c => c.to_lowercase().next().unwrap_or(c),
    }
}

/// Small capitals, modifier and phonetic letters. Those with a capital are letters of Hausa, Ewe or Azerbaijani; two
/// capitals were made for small capitals.
pub(super) fn is_odd_latin(c: char) -> bool {
    matches!(c, '\u{250}'..='\u{2FF}' | '\u{1D00}'..='\u{1DBF}' | '\u{A720}'..='\u{A7FF}' | '\u{AB30}'..='\u{AB6F}')
        && (matches!(c, 'ʀ' | 'ɪ') || c.to_uppercase().eq([c]) && !c.is_uppercase())
}

/// Scripts without spaces between words, and those whose endings follow a Latin word directly.
fn is_unspaced(script: Script) -> bool {
    use Script::*;
    matches!(
        script,
        Han | Hiragana
            | Katakana
            | Bopomofo
            | Hangul
            | Yi
            | Thai
            | Lao
            | Khmer
            | Myanmar
            | Tibetan
            | Arabic
            | Hebrew
            | Syriac
            | Thaana
            | Devanagari
            | Bengali
            | Gurmukhi
            | Gujarati
            | Oriya
            | Tamil
            | Telugu
            | Kannada
            | Malayalam
            | Sinhala
            | Ethiopic
            | Mongolian
            | Javanese
            | Balinese
    )
}

/// Whether invisible joiners shape the letters of the script.
pub(super) fn is_joining(c: char) -> bool {
    c > '\u{58F}' && !is_emoji(c) && {
        let script = known(c).script;
        is_unspaced(script) && !matches!(script, Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul)
            || ('\u{600}'..='\u{DFF}').contains(&c)
            || matches!(script, Script::Nko | Script::Adlam | Script::Phags_Pa | Script::Mandaic)
    }
}

/// A letter of a script with upper and lower case, or a digit: where such stand on both sides, one is inside a word.
pub(super) fn is_cased(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && (c.is_lowercase() || c.is_uppercase()))
}

/// Letters of the large scripts without case, and their marks and punctuation: told apart without a look into tables.
pub(super) fn is_caseless(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{109F}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7FF}')
}

/// Pictures, loosely: what may stand between letters, and what joiners and variation selectors may follow.
pub(crate) fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}' | '\u{25A0}'..='\u{27BF}' | '\u{2900}'..='\u{297F}'
        | '\u{2B00}'..='\u{2BFF}' | '\u{FE0F}' | '\u{1F000}'..='\u{1F0FF}' | '\u{1F1E6}'..='\u{1F1FF}'
        | '\u{1F200}'..='\u{1FAFF}')
}

/// A combining mark. Variation selectors are no letters' marks: what is left of them belongs to pictures.
pub(super) fn is_mark(c: char) -> bool {
    c > '\u{2FF}' && known(c).mark
}

fn is_mark_of_tables(c: char) -> bool {
    !matches!(c, '\u{FE00}'..='\u{FE0F}') && is_combining_mark(c)
}

/// Symbols that pass for letters inside of a word. Punctuation and pictures do not.
pub(super) fn is_letter_like(c: char) -> bool {
    matches!(c, '¢' | '£' | '¤' | '¥' | '§' | '©' | '®' | '¶' | '×' | '÷' | '¡' | '°' | '†' | '‡'
        | '\u{2070}'..='\u{209F}' | '\u{20A0}'..='\u{20CF}' | '\u{2100}'..='\u{218F}' | '\u{2200}'..='\u{22FF}'
        | '\u{2336}'..='\u{237A}' | '\u{2460}'..='\u{24FF}' | '\u{27C0}'..='\u{27EF}' | '\u{2980}'..='\u{2AFF}'
        | '\u{1F100}'..='\u{1F1AD}' | '\u{1CCD6}'..='\u{1CCEF}')
}
