//! What kind of character is it? By Unicode 16 and UTS #51.

use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// U+FE0E: shown as text.
pub const TEXT_STYLE: char = '\u{fe0e}';
/// U+FE0F: shown as emoji.
pub const EMOJI_STYLE: char = '\u{fe0f}';
/// U+20E3: a key around the digit before it.
pub const KEYCAP: char = '\u{20e3}';
/// U+1F3F4: with tags after it, the flag of a region such as Scotland.
pub const BLACK_FLAG: char = '\u{1f3f4}';

const CANCEL_TAG: char = '\u{e007f}';
/// The longest region code: two letters of a country and three of a subdivision, with one to spare.
const MAX_TAGS: usize = 6;

/// What to do with a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Seen, or space, LF or tab: kept.
    Ordinary,
    /// Combines with the one before: kept, up to a number.
    Mark,
    /// Another way to end a line: becomes LF.
    LineEnd,
    /// A control, a direction override, embedding or isolate, a noncharacter, or meant to be unseen: dropped.
    Invisible,
    /// ZWJ and ZWNJ.
    Joiner,
    /// Variation selectors.
    Variation,
    /// Left-to-right, right-to-left and Arabic letter mark.
    Direction,
    /// Invisible ASCII, used in flags.
    Tag,
}

/// The kind of a character.
pub fn kind(c: char) -> Kind {
    match c {
        ' '..='~' | '\n' | '\t' => Kind::Ordinary,
        '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Kind::LineEnd,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' => Kind::Invisible,
        '\u{a0}'..='\u{2ff}' => Kind::Ordinary,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => Kind::Direction,
        '\u{200c}' | '\u{200d}' => Kind::Joiner,
        // Mongolian, the sixteen, and the ideographic ones.
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Kind::Variation,
        // Zero width: spaces, joiners of words, invisible operators; U+202A-202E and U+2066-2069 turn text around.
        '\u{180e}' | '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => Kind::Invisible,
        // Fillers of Hangul syllables: letters that show nothing, liked for empty names.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => Kind::Invisible,
        // Interlinear annotation, and controls of shorthand and music.
        '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => Kind::Invisible,
        '\u{e0020}'..='\u{e007f}' => Kind::Tag,
        '\u{e0000}'..='\u{e0fff}' => Kind::Invisible,
        '\u{fdd0}'..='\u{fdef}' => Kind::Invisible,
        '\u{3400}'..='\u{d7ff}' => mark_or(c),
        _ if u32::from(c) & 0xfffe == 0xfffe => Kind::Invisible,
        _ => mark_or(c),
    }
}

fn mark_or(c: char) -> Kind {
    // Ideographs and Hangul syllables, which make up most of some texts, are spared the table.
    if !matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}') && is_combining_mark(c) {
        Kind::Mark
    } else {
        Kind::Ordinary
    }
}

/// Whether it belongs to a script in which ZWJ and ZWNJ change how letters look.
pub fn joins(c: char) -> bool {
    let extension = c.script_extension();
    if c.is_ascii() || extension.is_common() || extension.is_inherited() {
        return false;
    }
    JOINING.iter().any(|script| extension.contains_script(*script))
}

const JOINING: [Script; 31] = [
    Script::Adlam,
    Script::Arabic,
    Script::Balinese,
    Script::Bengali,
    Script::Chakma,
    Script::Devanagari,
    Script::Grantha,
    Script::Gujarati,
    Script::Gurmukhi,
    Script::Hanifi_Rohingya,
    Script::Javanese,
    Script::Kaithi,
    Script::Kannada,
    Script::Khmer,
    Script::Malayalam,
    Script::Mandaic,
    Script::Meetei_Mayek,
    Script::Modi,
    Script::Mongolian,
    Script::Myanmar,
    Script::Newa,
    Script::Nko,
    Script::Oriya,
    Script::Phags_Pa,
    Script::Sinhala,
    Script::Sundanese,
    Script::Syriac,
    Script::Tamil,
    Script::Telugu,
    Script::Tibetan,
    Script::Tirhuta,
];

/// Whether it may stand in an emoji sequence. Wider than Unicode's `Extended_Pictographic`: the symbols around are in.
pub fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Whether it exists as text and as emoji.
pub fn takes_emoji_style(c: char) -> bool {
    let lone = matches!(c, '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | '〰' | '〽' | '㊗' | '㊙');
    lone || is_pictograph(c)
}

/// Whether it is a letter that is written from right to left.
pub fn is_right_to_left(c: char) -> bool {
    matches!(c,
        '\u{5d0}'..='\u{5f4}' | '\u{620}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fdfd}'
        | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// How many characters of `after` belong, with `first`, to a whole sequence of tags; 0 when there is none.
pub fn tag_sequence(first: char, after: &[char]) -> usize {
    let is_code = |c: &char| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    if !is_code(&first) {
        return 0;
    }
    let codes = after.iter().take_while(|c| is_code(c)).count();
    if codes < MAX_TAGS && after.get(codes) == Some(&CANCEL_TAG) { codes + 1 } else { 0 }
}
