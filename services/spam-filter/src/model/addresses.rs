//! Web addresses in a text, those without a scheme among them.

use std::borrow::Cow;

use crate::normal::is_emoji;

/// No suffix that people write bare is longer.
const SUFFIX: usize = 6;

/// What ends a sentence, or a quotation, and no address.
const AFTER: [char; 9] = ['.', ',', ';', ':', '!', '?', ')', ']', '"'];

/// An address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// Where its token begins, in bytes.
    pub at: usize,
    /// All up to the next space or picture on both sides.
    pub token: &'a str,
    /// Its host, as it is written.
    pub host: &'a str,
    /// What follows the host.
    pub path: &'a str,
    /// Whether it has a scheme.
    pub has_scheme: bool,
}

/// The addresses of a text in their order.
pub(super) fn of(text: &str) -> Vec<Address<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    // Some write pictures instead of spaces.
    let ends = |c: char| c.is_whitespace() || is_emoji(c);
    let is_inner = |byte: Option<&u8>| byte.is_some_and(|byte| !byte.is_ascii_whitespace());
    while let Some(dot) = memchr::memchr(b'.', &text.as_bytes()[from..]).map(|at| from + at) {
        let bytes = text.as_bytes();
        if dot == from || !is_inner(bytes.get(dot - 1)) || !is_inner(bytes.get(dot + 1)) {
            from = dot + 1;
            continue;
        }
        let at = text[from..dot].rfind(ends).map_or(from, |space| {
            let space = from + space;
            space + text[space..].chars().next().map_or(1, char::len_utf8)
        });
        let end = text[dot..].find(ends).map_or(text.len(), |length| dot + length);
        found.extend(address(at, &text[at..end]));
        from = end;
    }
    found
}

fn address(at: usize, token: &str) -> Option<Address<'_>> {
    let scheme = token.find("://");
    let rest = match scheme {
        Some(scheme) => &token[scheme + 3..],
        None => token.trim_end_matches(AFTER),
    };
    let end = rest.find(['/', '?', '#', '"', '<']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let is_address = scheme.is_some() || host.starts_with("www.") || is_bare(host);
    is_address.then_some(Address { at, token, host, path, has_scheme: scheme.is_some() })
}

/// Whether people would take it for a host: it ends in a public suffix.
fn is_bare(host: &str) -> bool {
    let Some((name, suffix)) = host.rsplit_once('.') else { return false };
    let name_is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let suffix_is_plain = suffix.bytes().all(|byte| byte.is_ascii_alphabetic());
    let lengths = name.len() >= 2 && (2..=SUFFIX).contains(&suffix.len());
    lengths && name_is_plain && suffix_is_plain && psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// A text in which only the hosts are left of addresses: paths are noise.
pub(super) fn without_paths<'a>(text: &'a str, addresses: &[Address<'a>]) -> Cow<'a, str> {
    if addresses.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut after = 0;
    for address in addresses {
        out.push_str(&text[after..address.at]);
        out.push_str(address.host);
        after = address.at + address.token.len();
    }
    out.push_str(&text[after..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_with_and_without_a_scheme() {
        let text = "see <a href=\"https://www.a.example/x/y?z\">this</a> or b-c.com, www.d.example/ not e.g. this or node.js, \
                    3.14 nor i.e ... é.com.";
        let found: Vec<_> = of(text).iter().map(|address| (address.host, address.path, address.has_scheme)).collect();
        assert_eq!(
            found,
            [("www.a.example", "/x/y?z\">this</a>", true), ("b-c.com", "", false), ("www.d.example", "/", false),]
        );
        assert_eq!(
            without_paths(text, &of(text)),
            "see <a www.a.example or b-c.com www.d.example not e.g. this or node.js, 3.14 nor i.e ... é.com."
        );
    }

    #[test]
    fn many_dots_are_no_address_and_many_addresses_are_all_found() {
        assert_eq!(of(&"a.b.".repeat(10_000)).len(), 0);
        assert_eq!(of(&"xy.com ".repeat(1_000)).len(), 1_000);
        assert_eq!(of("a\u{2003}bc.com\u{2003}d")[0].token, "bc.com");
        assert_eq!(of("see💪bc.com/x🎉now")[0].token, "bc.com/x");
        assert_eq!(of(""), []);
        assert_eq!(without_paths("no address", &[]), "no address");
    }
}
