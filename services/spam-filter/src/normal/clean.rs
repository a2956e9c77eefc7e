//! The text without what nobody sees, and with drawn letters as letters.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::{
    Obfuscations,
    compose::compose,
    hidden,
    known::{is_cased, is_mark, is_odd_latin, known},
    letters::{Twin, latin_twin},
    marks,
};

/// A word with so many drawn letters is drawn; fewer are enumeration marks, formulas and ordinals.
const DRAWN: u32 = 3;

/// A shorter word that mixes plain and drawn letters may be a formula.
const MIN_LETTERS: u32 = 4;

/// NFKC, without hidden characters and marks out of place. Case stays. Borrowed where there is nothing to clean.
pub(super) fn clean<'a>(text: &'a str, found: &mut Obfuscations, changed: &mut bool) -> Cow<'a, str> {
    if is_plain_ascii(text) || text.chars().all(|c| known(c).steady) {
        return Cow::Borrowed(text);
    }
    let reversed = hidden::unreverse(text);
    found.hidden += u32::from(reversed.is_some());
    let visible = visible(reversed.as_deref().unwrap_or(text), found);
    *changed |= visible != text;
    let composed = compose(&visible);
    // What composes, or changes its place, puts another character beside what was kept for the one that stood there.
    *changed |= composed != visible && composed.chars().any(hidden::is_hidden);
    if !composed.chars().any(is_mark) {
        return Cow::Owned(composed.into_owned());
    }
    let (stripped, disguised) = marks::strip(&composed);
    found.marks += disguised;
    *changed |= stripped.len() != composed.len();
    Cow::Owned(stripped)
}

/// Without an end before the end of a piece, so that many bytes are looked at in one step.
fn is_plain_ascii(text: &str) -> bool {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') | matches!(byte, b'\t' | b'\n' | b'\r');
    text.as_bytes().chunks(64).all(|piece| piece.iter().fold(true, |plain, byte| plain & is_plain(byte)))
}

/// Whether [`visible`] passes a character by, wherever it stands; NFKC must not change it.
pub(super) fn is_plain(c: char) -> bool {
    let special = hidden::is_hidden(c) || is_regional(c) || c == '\u{2800}' || is_drawn(c);
    !special && enclosed_letter(c).is_none()
}

fn visible(text: &str, found: &mut Obfuscations) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut counted = false;
    let mut drawn = 0;
    let mut mixed = Mixed::default();
    let mut twinned = false;
    let mut run = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if hidden::is_hidden(c) {
            run.clear();
            run.push(c);
            while let Some(c) = chars.next_if(|c| hidden::is_hidden(*c)) {
                run.push(c);
            }
            let judged = hidden::judge(before, &run, chars.peek().copied());
            found.hidden += u32::from(judged.hides && !counted);
            counted |= judged.hides;
            out.extend(judged.kept.iter());
            before = judged.kept.last().copied().or(before);
            continue;
        }
        if is_regional(c) {
            run.clear();
            run.push(c);
            while let Some(c) = chars.next_if(|c| is_regional(*c)) {
                run.push(c);
            }
            before = run.last().copied();
            match are_flags(&run) {
                true => out.extend(run.iter()),
                false => {
                    out.extend(run.iter().map(|c| regional_letter(*c)));
                    drawn += u32::try_from(run.len()).unwrap_or(u32::MAX);
                }
            }
        } else {
            // The braille pattern without dots is a blank.
            let plain = if c == '\u{2800}' { ' ' } else { enclosed_letter(c).unwrap_or(c) };
            drawn += u32::from(is_drawn(c));
            mixed.add(c);
            match lost_twin(before, c, chars.peek().copied()) {
                Some(twin) => {
                    out.extend(twin.chars());
                    twinned = true;
                }
                None => out.push(plain),
            }
            before = Some(c);
        }
        let next = chars.peek();
        if next.is_none_or(|next| next.is_whitespace()) {
            found.drawn += u32::from(drawn >= DRAWN);
            found.look_alikes += u32::from(twinned || mixed.is_disguise());
            drawn = 0;
            mixed = Mixed::default();
            twinned = false;
            counted = false;
        }
    }
    out
}

/// Whether a word goes to and fro between plain and drawn letters, as in a ransom note. Small capitals are left out, among
/// which some plain letters pass.
#[derive(Default)]
struct Mixed {
    letters: u32,
    changes: u32,
    drawn: Option<bool>,
}

impl Mixed {
    fn add(&mut self, c: char) {
        let drawn = is_lettering(c);
        if drawn || c.is_ascii_alphabetic() {
            self.letters += 1;
            self.changes += u32::from(self.drawn.replace(drawn).is_some_and(|before| before != drawn));
        }
    }

    fn is_disguise(&self) -> bool {
        self.letters >= MIN_LETTERS && self.changes >= 2
    }
}

/// Letters of [`is_lettering`], small capitals and modifier letters. Full-width letters are Japanese typography.
fn is_drawn(c: char) -> bool {
    match c {
        '\0'..='\u{24F}' => false,
        c => is_lettering(c) || (is_odd_latin(c) && is_cased(c)),
    }
}

/// Mathematical, enclosed and squared letters. Flags are pairs of regional indicators, which are none of these.
pub(crate) fn is_lettering(c: char) -> bool {
    matches!(c, '\u{1D400}'..='\u{1D7FF}' | '\u{249C}'..='\u{24E9}' | '\u{1F110}'..='\u{1F189}')
}

/// The Latin letters that a character beside Latin ones is drawn like, where NFKC would turn it into others: a lunate
/// sigma is drawn like `c`, and becomes a sigma.
fn lost_twin(before: Option<char>, c: char, after: Option<char>) -> Option<Twin> {
    let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic());
    let beside = match c {
        '\0'..='\u{FF}' => false,
        'ϲ' | 'Ϲ' => latin(before) || latin(after),
        _ => latin(before) && latin(after),
    };
    let kept = |plain: String| plain.is_ascii() || plain.contains(c);
    let known = known(c);
    let changes = beside && known.alphabetic && !known.composed && !kept(std::iter::once(c).nfkc().collect());
    changes.then(|| latin_twin(c)).flatten()
}

/// What NFKC leaves alone or writes with brackets.
fn enclosed_letter(c: char) -> Option<char> {
    let from = match c {
        '\u{249C}'..='\u{24B5}' => '\u{249C}',
        '\u{1F110}'..='\u{1F129}' => '\u{1F110}',
        '\u{1F150}'..='\u{1F169}' => '\u{1F150}',
        '\u{1F170}'..='\u{1F189}' => '\u{1F170}',
        _ => return None,
    };
    letter(u32::from(c) - u32::from(from))
}

fn letter(place: u32) -> Option<char> {
    u8::try_from(place).ok().filter(|place| *place < 26).map(|place| char::from(b'a' + place))
}

fn is_regional(c: char) -> bool {
    ('\u{1F1E6}'..='\u{1F1FF}').contains(&c)
}

fn regional_letter(c: char) -> char {
    letter(u32::from(c) - 0x1F1E6).unwrap_or(c)
}

/// The second letters of the regions that have a flag, by their first (ISO 3166, and those that vendors draw besides).
const FLAGS: [&str; 26] = [
    "cdefgilmoqrstuwxz",
    "abdefghijlmnoqrstvwyz",
    "acdfghiklmnopqruvwxyz",
    "egjkmoz",
    "acegrstu",
    "ijkmor",
    "abdefghilmnpqrstuwy",
    "kmnrtu",
    "cdelmnoqrst",
    "emop",
    "eghimnprwyz",
    "abcikrstuvy",
    "acdefghklmnopqrstuvwxyz",
    "acefgilopruz",
    "m",
    "aefghklmnrstwy",
    "a",
    "eosuw",
    "abcdeghijklmnorstvxyz",
    "acdfghjklmnortvwz",
    "agmnsyz",
    "aceginu",
    "fs",
    "k",
    "et",
    "amw",
];

/// Whether a run of regional indicators is a row of flags, and not a word.
fn are_flags(run: &[char]) -> bool {
    run.chunks(2).all(|pair| match pair {
        [first, second] => {
            let place = u32::from(*first) - 0x1F1E6;
            let seconds = usize::try_from(place).ok().and_then(|place| FLAGS.get(place));
            seconds.is_some_and(|seconds| seconds.contains(regional_letter(*second)))
        }
        _ => false,
    })
}
