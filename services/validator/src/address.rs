//! Addresses of mail and of the web.

use std::collections::BTreeSet;

use email_address::{EmailAddress, Options};
use url::Url;

use crate::UrlScheme;

/// Why a text is not a link that may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLink {
    /// Not a URL with a host.
    Syntax,
    /// Another scheme than the allowed ones.
    Scheme,
    /// It holds a user name or a password: `https://bank.example@evil.example` looks like another place than it is.
    Credentials,
}

/// Whether it is a mailbox that mail on the open Internet can reach: `local@domain.tld`. International domains and local
/// parts are taken; quoted local parts, display names and address literals are not (nor does WordPress take them).
pub fn is_email(text: &str) -> bool {
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    !local.starts_with('"')
        && !text.contains(char::is_whitespace)
        && EmailAddress::parse_with_options(text, options).is_ok()
        && idna::domain_to_ascii_strict(domain).is_ok()
}

/// An absolute URL with an allowed scheme.
pub fn link(text: &str, schemes: &BTreeSet<UrlScheme>) -> Result<Url, NoLink> {
    let url = Url::parse(text).map_err(|_| NoLink::Syntax)?;
    if !schemes.iter().any(|scheme| scheme.as_str() == url.scheme()) {
        return Err(NoLink::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NoLink::Credentials);
    }
    if url.has_host() { Ok(url) } else { Err(NoLink::Syntax) }
}

/// An author's page as people write it: `example.org/me` is read as `https://example.org/me`. (WordPress makes it
/// `http://`, from a time when that was the safer guess.)
pub fn author_link(text: &str, schemes: &BTreeSet<UrlScheme>) -> Result<Url, NoLink> {
    if has_scheme(text) {
        return link(text, schemes);
    }
    let url = link(&format!("https://{}", text.trim_start_matches('/')), schemes)?;
    // A word is not a page.
    if url.host_str().is_some_and(|host| host.contains('.')) { Ok(url) } else { Err(NoLink::Syntax) }
}

/// `javascript:x` has a scheme, `example.org:8080/x` a port.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let port = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    is_scheme && !is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> BTreeSet<UrlScheme> {
        BTreeSet::from([UrlScheme::Http, UrlScheme::Https])
    }

    #[test]
    fn mailboxes() {
        for good in
            ["a@b.co", "first.last+tag@sub.example.org", "user@bücher.example", "用户@例子.广告", "o'hara@example.ie"]
        {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b..co",
            "a@-b.co",
            "a@b.co, c@d.eu",
            "Ada <a@b.co>",
            "\"a b\"@c.de",
            "a@[127.0.0.1]",
            "a@b.co\nBcc: c@d.eu",
            "a@b_c.de",
            "a..b@c.de",
            "a@b.co.",
            "a\u{3000}@b.co",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn author_pages() {
        for (written, read) in [
            ("https://example.org", "https://example.org/"),
            ("HTTP://Example.org/a b", "http://example.org/a%20b"),
            ("example.org", "https://example.org/"),
            ("example.org:8080/x", "https://example.org:8080/x"),
            ("//example.org/x", "https://example.org/x"),
            ("www.example.org?q=a:b", "https://www.example.org/?q=a:b"),
            ("https://مثال.ایران/", "https://xn--mgbh0fb.xn--mgba3a4f16a/"),
        ] {
            assert_eq!(author_link(written, &both()).map(String::from), Ok(read.to_owned()), "{written}");
        }
        for (written, problem) in [
            ("javascript:alert(1)", NoLink::Scheme),
            ("JaVaScRiPt:1", NoLink::Syntax),
            ("data:text/html,x", NoLink::Scheme),
            ("mailto:a@b.co", NoLink::Scheme),
            ("ftp://example.org", NoLink::Scheme),
            ("https://u:p@example.org", NoLink::Credentials),
            ("bank.example@evil.example", NoLink::Credentials),
            ("me", NoLink::Syntax),
            ("https://", NoLink::Syntax),
            ("https://exa mple.org", NoLink::Syntax),
        ] {
            assert_eq!(author_link(written, &both()), Err(problem), "{written}");
        }
        let only_https = BTreeSet::from([UrlScheme::Https]);
        assert_eq!(author_link("http://example.org", &only_https), Err(NoLink::Scheme));
    }
}
