//! Normalisation form KC, without a look at what is in it already.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::known::known;

/// The text in NFKC. No composition crosses the beginning of a character that NFKC leaves alone and composes with nothing
/// before it (UAX #15, stable code points), so only the stretches around others are worked on.
pub(crate) fn compose(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut copied, mut start) = (0, 0);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if known(c).composed {
            start = at;
            continue;
        }
        let end = chars.find(|(_, c)| known(*c).composed).map_or(text.len(), |(at, _)| at);
        out.push_str(&text[copied..start]);
        out.extend(text[start..end].nfkc());
        (copied, start) = (end, end);
    }
    match copied {
        0 => Cow::Borrowed(text),
        _ => {
            out.push_str(&text[copied..]);
            Cow::Owned(out)
        }
    }
}
