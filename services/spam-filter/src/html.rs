//! Reads the sanitised HTML of a comment: well-formed, few tags, no scripts. Whatever else comes is text.

use std::borrow::Cow;

/// A piece of HTML.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text between tags, entities and all.
    Text(&'a str),
    /// What stands between `<` and `>`.
    Tag(&'a str),
}

/// The pieces in order. A `<` that opens no tag is text, and so is all that follows a tag without an end.
pub fn pieces(html: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(end) = tag_end(rest) {
            let tag = &rest[1..end];
            rest = &rest[end + 1..];
            return Some(Piece::Tag(tag));
        }
        // After a tag without an end all is text, or each `<` of a long text would be followed to its end in vain.
        let next = if opens_tag(rest) { None } else { starts(rest).find(|at| *at > 0) };
        let (text, after) = rest.split_at(next.unwrap_or(rest.len()));
        rest = after;
        Some(Piece::Text(text))
    })
}

fn opens_tag(html: &str) -> bool {
    let inside = html.strip_prefix('<');
    inside.is_some_and(|inside| inside.starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c)))
}

fn starts(html: &str) -> impl Iterator<Item = usize> + '_ {
    html.match_indices('<').map(|(at, _)| at).filter(|at| opens_tag(&html[*at..]))
}

/// Where the tag at the start of `html` ends. A `>` in quotes does not end it.
fn tag_end(html: &str) -> Option<usize> {
    if !opens_tag(html) {
        return None;
    }
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The `href` of a tag that is an `<a`.
pub fn href(tag: &str) -> Option<Cow<'_, str>> {
    let attributes = tag.strip_prefix(['a', 'A'])?;
    if !attributes.starts_with(|c: char| c.is_ascii_whitespace()) {
        return None;
    }
    let at = attributes.to_ascii_lowercase().find("href=")?;
    let value = &attributes[at + "href=".len()..];
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
        _ => value.split_ascii_whitespace().next(),
    };
    value.map(unescape)
}

/// The text with the entities that a sanitiser writes replaced by what they mean.
pub fn unescape(text: &str) -> Cow<'_, str> {
    const ENTITIES: [(&str, &str); 6] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        plain.push_str(before);
        let known = ENTITIES.iter().find(|(name, _)| entity.starts_with(name));
        let (meaning, length) = known.map_or(("&", 1), |(name, meaning)| (*meaning, name.len()));
        plain.push_str(meaning);
        rest = &entity[length..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_text_come_apart() {
        let html = "1 < 2 <b>x</b><a title=\"a > b\" href=\"https://a.test/?b&amp;c\">y</a> <3 <i";
        let tags: Vec<_> = pieces(html).filter(|piece| matches!(piece, Piece::Tag(_))).collect();
        let link = "a title=\"a > b\" href=\"https://a.test/?b&amp;c\"";
        assert_eq!(tags, [Piece::Tag("b"), Piece::Tag("/b"), Piece::Tag(link), Piece::Tag("/a")]);
        let text = |piece| if let Piece::Text(text) = piece { Some(text) } else { None };
        assert_eq!(pieces(html).filter_map(text).collect::<String>(), "1 < 2 xy <3 <i");
        assert_eq!(href(link).as_deref(), Some("https://a.test/?b&c"));
        assert_eq!(href("abbr title=\"href=\""), None);
    }

    #[test]
    fn entities_are_read_once() {
        assert_eq!(unescape("a &amp;lt; b &lt;&quot;&#39;&nbsp;& &copy;"), "a &lt; b <\"' & &copy;");
    }
}
