//! Which Latin letter a character can pass for.

use decancer::{Translation, cure_char};

use super::{known::Family, table::Table};

/// The Latin letters, in lower case, that a character beyond ASCII is drawn like: after the crate `decancer`, and after
/// Unicode's confusables where that one knows none.
pub(super) fn latin_twin(c: char) -> Option<Twin> {
    static TWINS: Table<Option<Twin>> = Table::new(twin_of_tables);
    TWINS.get(c)
}

fn twin_of_tables(c: char) -> Option<Twin> {
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
