//! Text without formatting.

/// More containers than this at the start of a line make a text that nobody wrote to be read. Parsers take time by the
/// depth of each line, so such a text is not parsed.
const MAX_MARKERS: usize = 32;

/// More characters than this that HTML must escape (and of those whose first byte in UTF-8 is C2: `«`, `°`, no-break
/// space, ...) are not put before the sanitiser: it reads each as an entity, and when it writes (html5ever 0.40), it
/// looks at each through all the text that is left.
const MAX_ESCAPES: usize = 4_000;

/// Whether Markdown has nothing to say about it, so that [`plain`] gives what the parser would. False when in doubt.
pub fn is_plain(text: &str) -> bool {
    text.split('\n').all(|line| is_plain_line(line.as_bytes()))
}

fn is_plain_line(line: &[u8]) -> bool {
    let indent = line.iter().take_while(|b| **b == b' ').count();
    let content = &line[indent..];
    if indent > 3 || starts_block(content) {
        return false;
    }
    content.iter().enumerate().all(|(at, byte)| {
        let after = &content[at + 1..];
        match byte {
            b'\\' | b'`' | b'*' | b'_' | b'~' | b'[' | b'<' | 0x7f | 0..=0x1f => false,
            b'&' => !after.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'#'),
            b':' => !after.starts_with(b"//"),
            _ => true,
        }
    })
}

fn starts_block(content: &[u8]) -> bool {
    match content.first() {
        Some(b'#' | b'>' | b'-' | b'+' | b'=' | b'|') => true,
        Some(b'0'..=b'9') => {
            let digits = content.iter().take_while(|b| b.is_ascii_digit()).count();
            matches!(content.get(digits), Some(b'.' | b')'))
        }
        _ => false,
    }
}

/// Whether formatting it would take time out of proportion to its length.
pub fn is_costly(text: &str) -> bool {
    nests_deeply(text) || text.bytes().filter(|b| matches!(b, b'&' | b'<' | b'>' | 0xc2)).nth(MAX_ESCAPES).is_some()
}

/// Whether some line begins inside more quotes and lists than anyone needs.
fn nests_deeply(text: &str) -> bool {
    text.lines().any(|line| markers(line.as_bytes()) > MAX_MARKERS)
}

/// How many containers may begin at the start of a line: `>`, or a list's marker with a blank after it, so that a row
/// of dashes is none.
fn markers(line: &[u8]) -> usize {
    let is_marker = |at: usize, byte: u8| match byte {
        b'>' => true,
        b'-' | b'+' | b'*' | b'.' | b')' => matches!(line.get(at + 1), None | Some(b' ' | b'\t')),
        _ => false,
    };
    let start = line.iter().take_while(|b| b" \t>-+*.)0123456789".contains(b));
    start.enumerate().filter(|(at, byte)| is_marker(*at, **byte)).count()
}

/// The text as written: paragraphs between blank lines, a line break at each line end.
pub fn plain(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8 + 16);
    let mut in_paragraph = false;
    for line in text.split('\n') {
        let line = line.trim_matches([' ', '\t']);
        if line.is_empty() {
            if in_paragraph {
                html.push_str("</p>\n");
            }
            in_paragraph = false;
            continue;
        }
        html.push_str(if in_paragraph { "<br>\n" } else { "<p>" });
        in_paragraph = true;
        escape(line, &mut html);
    }
    html.push_str(if in_paragraph { "</p>" } else { "" });
    html.truncate(html.trim_end().len());
    html
}

/// Escapes as HTML serialisers do.
fn escape(text: &str, html: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '\u{a0}']) {
        let (before, from) = rest.split_at(at);
        html.push_str(before);
        let (entity, length) = match from.as_bytes()[0] {
            b'&' => ("&amp;", 1),
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            _ => ("&nbsp;", '\u{a0}'.len_utf8()),
        };
        html.push_str(entity);
        rest = &from[length..];
    }
    html.push_str(rest);
}
