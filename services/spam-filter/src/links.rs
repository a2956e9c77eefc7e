use std::{borrow::Cow, collections::HashSet};

use linkify::{LinkFinder, LinkKind};

/// The different links of a comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    seen: HashSet<String>,
    domains: Vec<String>,
}

/// So many domains are named to a moderator.
const NAMED_DOMAINS: usize = 3;

/// No longer domain can be registered (RFC 1035).
const MAX_DOMAIN_BYTES: usize = 253;

impl Links {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// The first few domains, in their order.
    pub fn domains(&self) -> &[String] {
        &self.domains
    }

    /// Counts a link, unless it is there already. Scheme, `www.`, fragment and a last slash make no difference.
    pub fn add(&mut self, url: &str) {
        let address = url.split_once("://").map_or(url, |(_, address)| address);
        let address = address.split('#').next().unwrap_or_default().trim_end_matches('/');
        let (authority, path) = address.split_at(address.find(['/', '?']).unwrap_or(address.len()));
        let authority = authority.to_lowercase();
        let authority = authority.strip_prefix("www.").unwrap_or(&authority);
        if authority.is_empty() || !self.seen.insert(format!("{authority}{path}")) {
            return;
        }
        let host = host_of(authority);
        let known = self.domains.iter().any(|domain| domain == host);
        if !known && self.domains.len() < NAMED_DOMAINS && !host.is_empty() && host.len() <= MAX_DOMAIN_BYTES {
            self.domains.push(host.to_owned());
        }
    }

    /// Counts the addresses in plain text that a page would turn into links: with a scheme, or beginning with `www.`.
    pub fn add_text(&mut self, text: &str) {
        if !memchr::memchr_iter(b':', text.as_bytes()).any(|at| text[at..].starts_with("://")) {
            return self.add_www(text);
        }
        // Links without a scheme are not for linkify: it takes quadratic time on texts like `a.b_a.b_`.
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]);
        let mut after = 0;
        for link in finder.links(text) {
            self.add_www(&text[after..link.start()]);
            if is_web(link.as_str()) {
                self.add(link.as_str());
            }
            after = link.end();
        }
        self.add_www(&text[after..]);
    }

    /// Looks for dots, which are rarer than the letter w, and for `www` before them.
    fn add_www(&mut self, text: &str) {
        let mut from = 0;
        for dot in memchr::memchr_iter(b'.', text.as_bytes()) {
            let Some(at) = dot.checked_sub(3).filter(|at| *at >= from) else { continue };
            let is_www = text.as_bytes()[at..dot].eq_ignore_ascii_case(b"www");
            if !is_www || text[..at].ends_with(char::is_alphanumeric) {
                continue;
            }
            let tail = &text[at..];
            from = at + tail.find(|c: char| c.is_whitespace() || "<>\"'()[]".contains(c)).unwrap_or(tail.len());
            let address = text[at..from].trim_end_matches(['.', ',', ';', ':', '!', '?', '/']);
            if address.len() > 4 && address[4..].starts_with(char::is_alphanumeric) && address[4..].contains('.') {
                self.add(address);
            }
        }
    }
}

/// Whether a page makes it clickable.
fn is_web(url: &str) -> bool {
    let scheme = url.split("://").next().unwrap_or_default();
    ["http", "https", "ftp"].iter().any(|web| scheme.eq_ignore_ascii_case(web))
}

/// The host of an address with a scheme, as it is written.
pub fn host(url: &str) -> &str {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    host_of(address.split(['/', '?', '#']).next().unwrap_or_default())
}

/// The host without a user before it and a port behind it.
fn host_of(authority: &str) -> &str {
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split(':').next().unwrap_or_default()
}

/// The domain of the first link in a name, which may go without a scheme.
pub fn domain_in_name(name: &str) -> Option<String> {
    // The validator takes at most 245 bytes of name; the cut keeps this fast for whoever calls without it.
    let name: Cow<'_, str> = if name.len() <= 256 { name.into() } else { name.chars().take(256).collect() };
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(false);
    finder.links(&name).find_map(|link| {
        let url = link.as_str();
        let mut links = Links::default();
        links.add(url);
        let domain = links.domains.pop()?;
        let explicit = is_web(url) && url.contains("://") || url.to_ascii_lowercase().starts_with("www.");
        (explicit || is_common(&domain)).then_some(domain)
    })
}

/// Endings that tell a domain from `Dr.Smith` and `J.R.Tolkien`.
fn is_common(domain: &str) -> bool {
    const ENDINGS: [&str; 24] = [
        "com", "net", "org", "info", "biz", "io", "co", "shop", "store", "online", "site", "xyz", "top", "club", "vip",
        "live", "app", "link", "click", "bet", "casino", "ru", "cn", "tk",
    ];
    domain.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_links_are_counted_once_each() {
        let mut links = Links::default();
        links.add_text(
            "see http://A.example/ and https://www.a.example, (www.b.example/x?y=1) WWW.b.example/x?y=1. also \
             ftp://c.example; not git://d.example, www. awww.e.example www.localhost mail@f.example 3.14",
        );
        assert_eq!(links.domains(), ["a.example", "b.example", "c.example"]);
        assert_eq!(links.len(), 3);
    }

    #[test]
    fn a_host_is_without_user_port_and_path() {
        for url in ["https://a.example", "http://u:p@a.example:8080/x?y#z", "https://a.example?x@y", "a.example/b"] {
            assert_eq!(host(url), "a.example", "{url}");
        }
        assert_eq!(host(""), "");
    }

    #[test]
    fn a_name_may_hold_dots_but_no_domain() {
        for name in ["Dr.Smith", "J.R.R. Tolkien", "مریم", "Anna-Maria", "Node.js fan", "a@b", ""] {
            assert_eq!(domain_in_name(name), None, "{name}");
        }
        for name in ["cheap-shoes.com", "Buy at WWW.Shoes.example now", "http://x.example/", "Best.Casino"] {
            assert!(domain_in_name(name).is_some(), "{name}");
        }
    }
}
