//! Undoes what people do to letters so that word lists and models do not find them.
//!
//! [`normalise`] works on a copy: what is stored and shown never changes. Every step takes linear time. A script, an
//! accent or a joiner that belongs to a language is no disguise: only what stands where no language puts it is undone.

use std::borrow::Cow;

mod clean;
mod compose;
mod domains;
mod hidden;
mod known;
mod letters;
mod marks;
mod shadow;
mod spaced;
mod table;
mod words;

pub(crate) use clean::is_lettering;
pub(crate) use compose::compose;
pub(crate) use known::{is_emoji, known};
pub(crate) use table::Table;

/// What a text says once its disguises are undone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Normal {
    /// The text for scoring: NFKC, in lower case, without what hides, look-alike letters and spaced-out words undone.
    /// Its own normal form. At most 12 times as many bytes as the text (one Arabic ligature stands for 18 letters).
    pub words: String,
    /// `words` with accents and digits that stand for letters folded too. `None` where that makes no difference. It is
    /// for finding words, not for reading: honest numbers are folded as well.
    pub shadow: Option<String>,
    /// What was found, by kind.
    pub obfuscations: Obfuscations,
    /// The first few web addresses that were spelt so as not to look like one, as they would be written.
    pub domains: Vec<String>,
}

/// How often each kind of disguise was found: words for all but `domains`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Obfuscations {
    /// Words with invisible characters inside, hidden tag characters, text written backwards.
    pub hidden: u32,
    /// Words with combining marks on letters that take none, three or more.
    pub marks: u32,
    /// Words in drawn letters: mathematical, enclosed, flags, small capitals.
    pub drawn: u32,
    /// Words that mix letters of several scripts so that they read as one, or plain letters and drawn ones to and fro.
    pub look_alikes: u32,
    /// Words whose letters are set apart.
    pub spaced: u32,
    /// Addresses like `example [dot] com` and `hxxp://`, at most 64.
    pub domains: u32,
}

impl Obfuscations {
    /// Each kind's name and count.
    pub fn kinds(&self) -> [(&'static str, u32); 6] {
        let Self { hidden, marks, drawn, look_alikes, spaced, domains } = *self;
        [
            ("hidden", hidden),
            ("marks", marks),
            ("drawn", drawn),
            ("look_alikes", look_alikes),
            ("spaced", spaced),
            ("domains", domains),
        ]
    }

    /// All of them together.
    pub fn total(&self) -> u32 {
        self.kinds().iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// Undoing one disguise can uncover another, such as look-alikes among spaced-out letters. Deeper nesting than this is
/// left as it is, and no text is read by people then either.
const MAX_LAYERS: usize = 6;

/// Undoes the disguises of a text.
pub fn normalise(text: &str) -> Normal {
    read(text).0
}

/// [`normalise`], and whether the text has no disguise at all, so that its words are the text as [`fold`](crate::fold::fold)
/// writes it.
pub(crate) fn read(text: &str) -> (Normal, bool) {
    let mut normal = Normal::default();
    let Layer { words, mut again, only_folded } = layer(text, &mut normal);
    normal.words = words;
    for _ in 1..MAX_LAYERS {
        if !again {
            break;
        }
        let mut deeper = Normal::default();
        let layer = layer(&normal.words, &mut deeper);
        again = layer.again && layer.words != normal.words;
        normal.words = layer.words;
        normal.domains.append(&mut deeper.domains);
    }
    normal.shadow = shadow::shadow(&normal.words, &mut normal.obfuscations.spaced);
    (normal, only_folded)
}

impl Normal {
    /// The text in which to look for words a second time.
    pub fn shadow(&self) -> &str {
        self.shadow.as_deref().unwrap_or(&self.words)
    }
}

/// A text without the disguises that lie on top.
struct Layer {
    words: String,
    /// Whether there was anything besides case and composition, which may have hidden more.
    again: bool,
    /// Whether there was nothing besides them.
    only_folded: bool,
}

fn layer(text: &str, found: &mut Normal) -> Layer {
    let mut again = false;
    let clean = clean::clean(text, &mut found.obfuscations, &mut again);
    // Without letters that have case nothing further is ever undone.
    if clean.chars().all(|c| known::is_caseless(c) || (c.is_ascii() && !c.is_ascii_alphanumeric())) {
        return Layer { words: clean.into_owned(), again, only_folded: !again };
    }
    let joined = spaced::join(&clean, &mut found.obfuscations);
    let is_joined = matches!(joined, Cow::Owned(_));
    let folded = words::fold(&joined, &mut found.obfuscations);
    let rejoined = domains::rejoin(&folded.words, found);
    again |= is_joined || folded.changed || rejoined.as_ref().is_some_and(|text| text.len() != folded.words.len());
    let only_folded = !again && folded.only_lower && rejoined.is_none();
    Layer { words: rejoined.unwrap_or(folded.words), again, only_folded }
}
