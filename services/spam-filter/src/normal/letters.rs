//! Which script a letter belongs to, and which Latin letter it can pass for.

use decancer::{Translation, cure_char};
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

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
    match c {
        'a'..='z' | 'A'..='Z' => Family::Latin,
        c if is_odd_latin(c) => Family::OddLatin,
        c if is_mark(c) => Family::Mark,
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

/// Whether letters of scripts without spaces are more than an ornament of the text: a quarter of them or more.
pub(super) fn is_unspaced_text(text: &str) -> bool {
    let (mut latin, mut unspaced) = (0usize, 0usize);
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        match family(c) {
            Family::Unspaced => unspaced += 1,
            _ => latin += 1,
        }
    }
    unspaced * 3 > latin
}

/// Whether invisible joiners shape the letters of the script.
pub(super) fn is_joining(c: char) -> bool {
    c > '\u{58F}' && !is_emoji(c) && {
        let script = c.script();
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
pub(super) fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}' | '\u{25A0}'..='\u{27BF}' | '\u{2900}'..='\u{297F}'
        | '\u{2B00}'..='\u{2BFF}' | '\u{FE0F}' | '\u{1F000}'..='\u{1F0FF}' | '\u{1F1E6}'..='\u{1F1FF}'
        | '\u{1F200}'..='\u{1FAFF}')
}

/// A combining mark. Most letters are told apart without a look into the tables.
pub(super) fn is_mark(c: char) -> bool {
    match c {
        '\0'..='\u{2FF}' | '\u{370}'..='\u{482}' | '\u{48A}'..='\u{590}' => false,
        '\u{5D0}'..='\u{60F}' | '\u{620}'..='\u{64A}' | '\u{660}'..='\u{66F}' | '\u{671}'..='\u{6D5}' => false,
        // Variation selectors are no letters' marks: what is left of them belongs to pictures.
        '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7FF}' | '\u{FE00}'..='\u{FE0F}' => false,
        c => is_combining_mark(c),
    }
}

/// Symbols that pass for letters inside of a word. Punctuation and pictures do not.
pub(super) fn is_letter_like(c: char) -> bool {
    matches!(c, '¢' | '£' | '¤' | '¥' | '§' | '©' | '®' | '¶' | '×' | '÷' | '¡' | '°' | '†' | '‡'
        | '\u{2070}'..='\u{209F}' | '\u{20A0}'..='\u{20CF}' | '\u{2100}'..='\u{218F}' | '\u{2200}'..='\u{22FF}'
        | '\u{2336}'..='\u{237A}' | '\u{2460}'..='\u{24FF}' | '\u{27C0}'..='\u{27EF}' | '\u{2980}'..='\u{2AFF}'
        | '\u{1F100}'..='\u{1F1AD}' | '\u{1CCD6}'..='\u{1CCEF}')
}

/// The Latin letters, in lower case, that a character beyond ASCII is drawn like: after the crate `decancer`, and after
/// Unicode's confusables where that one knows none.
pub(super) fn latin_twin(c: char) -> Option<Twin> {
    if c.is_ascii() {
        return None;
    }
    let cured = cure_char!(c);
    let letters = match &cured {
        // It takes the hryvnia sign for a 2.
        _ if c == '₴' => Twin::new("s"),
        Translation::Character(letter) => Twin::new(letter.encode_utf8(&mut [0; 4])),
        Translation::String(letters) => Twin::new(letters),
        Translation::None => None,
    };
    letters.or_else(|| {
        let skeleton: String = unicode_security::skeleton(c.encode_utf8(&mut [0; 4])).collect();
        Twin::new(&skeleton).or_else(|| match cured {
            // A letter drawn like a digit passes for what the digit passes for.
            Translation::Character(digit) => Twin::new(leet(digit)?.encode_utf8(&mut [0; 4])),
            _ => None,
        })
    })
}

/// Digits and signs that stand for letters.
pub(super) fn leet(c: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        '@' => 'a',
        '$' => 's',
        '|' => 'l',
        _ => return None,
    })
}

/// A few Latin letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Twin {
    letters: [u8; Self::MAX],
    length: u8,
}

impl Twin {
    /// More letters than this are a drawing of a word, which no one takes for a letter.
    const MAX: usize = 4;

    fn new(letters: &str) -> Option<Self> {
        let fits = (1..=Self::MAX).contains(&letters.len());
        if !fits || !letters.bytes().all(|letter| letter.is_ascii_alphabetic()) {
            return None;
        }
        let mut twin = Self { letters: [0; Self::MAX], length: u8::try_from(letters.len()).ok()? };
        for (place, letter) in twin.letters.iter_mut().zip(letters.bytes()) {
            *place = letter.to_ascii_lowercase();
        }
        Some(twin)
    }

    pub(super) fn chars(&self) -> impl Iterator<Item = char> + '_ {
        self.letters.iter().take(usize::from(self.length)).map(|letter| char::from(*letter))
    }
}

/// Lower-case Cyrillic and Greek letters that nobody can tell from Latin ones (after Unicode's confusables).
pub(super) fn is_latin_double(lower: char) -> bool {
    "аеорсухіјѕһԁԛԝӏανγικορυ".contains(lower)
}

/// The Cyrillic or Greek letter that nobody can tell from a lower-case Latin one.
pub(super) fn double_of_latin(lower: char, family: Family) -> Option<char> {
    let (latin, doubles) = match family {
        Family::Cyrillic => ("aceopxyijsh", "асеорхуіјѕһ"),
        Family::Greek => ("aovipuyk", "αονιρυγκ"),
        _ => return None,
    };
    let place = latin.chars().position(|letter| letter == lower)?;
    doubles.chars().nth(place)
}
