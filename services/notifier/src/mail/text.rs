//! What other people wrote, made fit for a mail: no control characters, bounded, and unable to turn the text around it.

use unicode_segmentation::UnicodeSegmentation;

/// One line of at most `max` characters: for headers and labels.
pub(super) fn line(text: &str, max: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns(*c)).collect();
    shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "), max)
}

/// Paragraphs of at most `max` characters in all; more than one empty line in a row becomes one.
pub(super) fn excerpt(text: &str, max: usize) -> String {
    let mut lines = Vec::new();
    for raw in text.lines() {
        let cleaned: String =
            raw.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns(*c)).collect();
        let cleaned = cleaned.trim_end().to_owned();
        if !cleaned.is_empty() || lines.last().is_some_and(|last: &String| !last.is_empty()) {
            lines.push(cleaned);
        }
    }
    shorten(lines.join("\n").trim_end(), max)
}

/// Keeps the direction of `text` to itself in plain text (Unicode TR 9, isolates), line by line, because an isolate ends
/// with its paragraph. ASCII has no direction to keep.
pub(super) fn isolate(text: &str) -> String {
    let isolate = |line: &str| match line.is_ascii() {
        true => line.to_owned(),
        false => format!("\u{2068}{line}\u{2069}"),
    };
    text.split('\n').map(isolate).collect::<Vec<_>>().join("\n")
}

/// Characters that change the direction of what follows them, or end an isolate around them.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Cuts between graphemes, so that no letter loses its marks, and says so with an ellipsis.
fn shorten(text: &str, max: usize) -> String {
    let mut left = max;
    for (at, grapheme) in text.grapheme_indices(true) {
        let length = grapheme.chars().count();
        if length > left {
            return format!("{}…", text[..at].trim_end());
        }
        left -= length;
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("a\r\nBcc: x@y.example\tb\0c  d", 100), "a Bcc: x@y.example b c d");
        assert_eq!(line("\u{202e}evil\u{2069}", 100), "evil");
        assert_eq!(line("می\u{200c}شود", 100), "می\u{200c}شود", "the zero-width non-joiner is a letter's form");
    }

    #[test]
    fn a_cut_never_splits_a_grapheme() {
        let family = "👩‍👩‍👧";
        assert_eq!(line(&format!("ab{family}"), 6), "ab…");
        assert_eq!(line(&format!("ab{family}"), 7), format!("ab{family}"));
        assert_eq!(line("کِیا", 1), "…");
    }

    #[test]
    fn an_excerpt_keeps_its_paragraphs() {
        assert_eq!(excerpt("\n\na\n\n\n\nb\r\nc\n\n", 100), "a\n\nb\nc");
        assert_eq!(excerpt(&"word ".repeat(200), 500).chars().count(), 500);
    }

    #[test]
    fn only_what_has_a_direction_is_isolated() {
        assert_eq!(isolate("plain"), "plain");
        assert_eq!(isolate("سلام\nplain"), "\u{2068}سلام\u{2069}\nplain");
    }
}
