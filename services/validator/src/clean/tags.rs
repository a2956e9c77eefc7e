//! Taking tags out of a name.

/// The text without whatever stands between `<` with a tag's first character after it, and `>`. `None` when there is
/// nothing to take out. One pass undoes nesting too: `<<b>b>` leaves nothing.
pub fn strip(text: &str) -> Option<String> {
    let mut kept = String::with_capacity(text.len());
    let mut opens: Vec<usize> = Vec::new();
    let mut stripped = false;
    for c in text.chars() {
        if c == '>'
            && let Some(at) = opens.iter().rposition(|open| starts_tag(&kept[open + 1..]))
        {
            kept.truncate(opens[at]);
            opens.truncate(at);
            stripped = true;
            continue;
        }
        if c == '<' {
            opens.push(kept.len());
        }
        kept.push(c);
    }
    stripped.then_some(kept)
}

fn starts_tag(after: &str) -> bool {
    after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
}
