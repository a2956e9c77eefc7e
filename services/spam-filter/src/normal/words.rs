//! Look-alike letters, word by word. A whole word in one script is a language, and stays.

use std::ops::Range;

use super::{
    Obfuscations,
    known::{CASELESS, CYRILLIC, Family, Known, LATIN, known},
    letters::{double_of_latin, is_latin_double, latin_twin},
};

/// Shorter words are units and formulas: `μF`, `Ωm`.
const MIN_LETTERS: usize = 4;

/// Stands for F among small capitals: Unicode's own came late, and is missing in many fonts.
const SMALL_F: char = 'ғ';

/// A foreign beginning no longer than this is no stem of another language, and an island no longer is no word.
const SHORT: usize = 2;

/// A text in lower case, its words in disguise in one script.
pub(super) struct Folded {
    pub words: String,
    /// Whether a letter became another one, or its lower case is read otherwise than it.
    pub changed: bool,
    /// Whether every letter is the lower case of what stood in its place, and nothing else.
    pub only_lower: bool,
}

/// Folds a text.
pub(super) fn fold(text: &str, found: &mut Obfuscations) -> Folded {
    if text.is_ascii() {
        return Folded { words: text.to_ascii_lowercase(), changed: false, only_lower: true };
    }
    let words = String::with_capacity(text.len());
    let mut folder = Folder {
        text,
        folded: Folded { words, changed: false, only_lower: true },
        letters: Vec::new(),
        has_islands: None,
    };
    // Every letter is written in lower case at once; a word that turns out to mix alphabets is taken back.
    let (mut start, mut written, mut alphabets) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        let known = known(c);
        if known.alphabet == 0 {
            if is_mixed(alphabets) {
                folder.undo(start..at, written, found);
            }
            alphabets = 0;
        } else if alphabets == 0 {
            (start, written, alphabets) = (at, folder.folded.words.len(), known.alphabet);
        } else {
            alphabets |= known.alphabet;
        }
        folder.folded.words.push(known.lower);
        folder.folded.changed |= known.turns;
    }
    if is_mixed(alphabets) {
        folder.undo(start..text.len(), written, found);
    }
    folder.folded
}

/// Whether the letters of a word are not all of one alphabet whose words stay.
fn is_mixed(alphabets: u8) -> bool {
    !matches!(alphabets, 0 | LATIN | CYRILLIC | CASELESS)
}

struct Folder<'a> {
    text: &'a str,
    folded: Folded,
    letters: Vec<Letter>,
    /// Whether single letters of scripts without spaces are islands in the text; looked at once it matters.
    has_islands: Option<bool>,
}

impl Folder<'_> {
    /// Writes a word again, which stands in lower case from `written` on.
    fn undo(&mut self, word: Range<usize>, written: usize, found: &mut Obfuscations) {
        let Self { text, folded, letters, has_islands } = self;
        letters.clear();
        letters.extend(text[word].chars().map(Letter::new));
        let unspaced = |letter: &Letter| letter.family == Family::Unspaced;
        if letters.iter().any(unspaced) && *has_islands.get_or_insert_with(|| !is_unspaced_text(text)) {
            undo_islands(letters);
        }
        for part in letters.chunk_by_mut(|a, b| unspaced(a) == unspaced(b)) {
            found.look_alikes += u32::from(undo(part));
        }
        folded.changed |= letters.iter().any(|letter| letter.fate != Fate::Stay || letter.family == Family::OddLatin);
        folded.only_lower = false;
        folded.words.truncate(written);
        write(letters, &mut folded.words);
    }
}

/// Whether letters of scripts without spaces are more than an ornament of the text: a quarter of them or more.
fn is_unspaced_text(text: &str) -> bool {
    let (mut latin, mut unspaced) = (0usize, 0usize);
    for letter in text.chars().map(known).filter(|known| known.alphabetic) {
        match letter.family {
            Family::Unspaced => unspaced += 1,
            _ => latin += 1,
        }
    }
    unspaced * 3 > latin
}

/// A letter, and what becomes of it.
#[derive(Debug)]
struct Letter {
    c: char,
    lower: char,
    family: Family,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Written in lower case.
    Stay,
    /// Written as the Latin letters that it looks like.
    Twin,
    /// Written as another letter.
    Double(char),
}

impl Letter {
    fn new(c: char) -> Self {
        let Known { lower, family, .. } = known(c);
        Self { c, lower, family, fate: Fate::Stay }
    }

    /// Whether it stands between Latin letters as a stranger.
    fn is_foreign(&self) -> bool {
        self.fate == Fate::Stay && !matches!(self.family, Family::Latin | Family::OddLatin | Family::Mark)
    }

    fn is_latin(&self) -> bool {
        self.fate == Fate::Twin || matches!(self.family, Family::Latin | Family::OddLatin)
    }
}

fn write(letters: &[Letter], out: &mut String) {
    let mut replaced = false;
    for letter in letters {
        match letter.fate {
            Fate::Double(c) => out.push(c),
            Fate::Stay if letter.family == Family::Mark && replaced => continue,
            Fate::Twin | Fate::Stay => {
                let twin =
                    (letter.fate == Fate::Twin || letter.family == Family::OddLatin).then(|| latin_twin(letter.c));
                match twin.flatten() {
                    Some(twin) => {
                        out.extend(twin.chars());
                        replaced = true;
                        continue;
                    }
                    None => out.push(letter.lower),
                }
            }
        }
        if letter.family != Family::Mark {
            replaced = false;
        }
    }
}

/// Letters of a script without spaces, one or two of them between letters of another: `v工agra`. Where the text is
/// otherwise in such a script, they are words: `AとB`.
fn undo_islands(letters: &mut [Letter]) {
    let mut at = 0;
    for part in letters.chunk_by(|a, b| a.family == b.family).map(<[Letter]>::len).collect::<Vec<_>>() {
        let (start, end) = (at, at + part);
        at = end;
        let is_island = letters[start].family == Family::Unspaced && part <= SHORT;
        let latin = |place: Option<usize>| place.and_then(|place| letters.get(place)).is_some_and(Letter::is_latin);
        if is_island
            && latin(start.checked_sub(1))
            && latin(Some(end))
            && letters[start..end].iter().all(|letter| latin_twin(letter.c).is_some())
        {
            for letter in &mut letters[start..end] {
                letter.fate = Fate::Twin;
                letter.family = Family::Other;
            }
        }
    }
}

/// Decides the fate of a word's foreign letters, and says whether it was in disguise.
fn undo(word: &mut [Letter]) -> bool {
    if word.iter().any(|letter| letter.family == Family::OddLatin) {
        word.iter_mut().filter(|letter| letter.lower == SMALL_F).for_each(|letter| letter.family = Family::OddLatin);
    }
    let count = |of: &dyn Fn(&Letter) -> bool| word.iter().filter(|letter| of(letter)).count();
    let latin = count(&Letter::is_latin);
    let foreign = count(&Letter::is_foreign);
    let letters = latin + foreign;
    let islands = word.iter().any(|letter| letter.fate == Fate::Twin);
    if foreign == 0 {
        return islands && letters >= MIN_LETTERS;
    }
    if latin == 0 {
        return undo_without_latin(word) && letters >= MIN_LETTERS;
    }
    let long = letters >= MIN_LETTERS;
    let is_double = |letter: &Letter| is_latin_double(letter.lower);
    if word.iter().filter(|letter| letter.is_foreign()).all(is_double) {
        to_latin(word);
        return long;
    }
    for family in [Family::Cyrillic, Family::Greek] {
        let same = word.iter().filter(|letter| letter.is_foreign()).all(|letter| letter.family == family);
        let doubles =
            word.iter().filter(|letter| letter.is_latin()).all(|l| double_of_latin(l.lower, family).is_some());
        if same && doubles {
            for letter in word.iter_mut().filter(|letter| letter.is_latin()) {
                letter.fate = double_of_latin(letter.lower, family).map_or(Fate::Stay, Fate::Double);
            }
            return long;
        }
    }
    let shape = Shape::of(word);
    if shape.changes >= 2 && shape.inside {
        to_latin(word);
        return long;
    }
    let stray_end = shape.changes == 1
        && foreign == 1
        && word.iter().all(|l| !matches!(l.family, Family::Cyrillic | Family::Greek));
    let is_letter = word.iter().filter(|letter| letter.is_foreign()).all(|letter| letter.family != Family::Symbol);
    if is_letter && latin > SHORT && ((shape.changes == 1 && shape.foreign_first && foreign <= SHORT) || stray_end) {
        to_latin(word);
    }
    false
}

fn to_latin(word: &mut [Letter]) {
    for letter in word.iter_mut().filter(|letter| letter.is_foreign()) {
        if latin_twin(letter.c).is_some() {
            letter.fate = Fate::Twin;
        }
    }
}

/// A word without Latin letters is in disguise where it mixes scripts and every letter passes for a Latin one.
fn undo_without_latin(word: &mut [Letter]) -> bool {
    let mut foreign = word.iter().filter(|letter| letter.is_foreign());
    let first = foreign.next().map(|letter| letter.family);
    let mixed = foreign.any(|letter| Some(letter.family) != first);
    let passes = || word.iter().filter(|letter| letter.is_foreign()).all(|letter| latin_twin(letter.c).is_some());
    if !mixed || !passes() {
        return false;
    }
    to_latin(word);
    true
}

/// Where the foreign letters of a word stand.
struct Shape {
    /// How often the script changes.
    changes: usize,
    foreign_first: bool,
    /// Whether a foreign letter that passes for a Latin one has Latin letters on both sides.
    inside: bool,
}

impl Shape {
    fn of(word: &[Letter]) -> Self {
        let kinds = || word.iter().filter(|letter| letter.family != Family::Mark);
        let foreign: Vec<bool> = kinds().map(Letter::is_foreign).collect();
        let changes = foreign.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let first = foreign.iter().position(|foreign| !foreign);
        let last = foreign.iter().rposition(|foreign| !foreign);
        let between = |place: usize| first.is_some_and(|first| place > first) && last.is_some_and(|last| place < last);
        let inside = kinds()
            .enumerate()
            .any(|(place, letter)| letter.is_foreign() && between(place) && latin_twin(letter.c).is_some());
        Self { changes, foreign_first: foreign.first() == Some(&true), inside }
    }
}
