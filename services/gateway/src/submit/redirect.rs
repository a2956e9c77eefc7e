//! Where a browser goes after a form. Never to a place that the site does not own.

use url::{Origin, Url};
use uuid::Uuid;

/// Stands for our own origin while a path is resolved.
const OURS: &str = "http://gateway.invalid";

/// `wanted` with `submitted=<id>` in its query, when it is a path on this host or a page of one of the `origins`; `None`
/// for anything else. The address is taken apart and put together by the rules of browsers, so that what was checked
/// is what they will follow.
pub(super) fn target(wanted: &str, id: Uuid, origins: &[String]) -> Option<String> {
    if wanted.is_empty() {
        return None;
    }
    let base = Url::parse(OURS).ok()?;
    let mut url = base.join(wanted).ok()?;
    let ours = url.origin() == base.origin();
    // `/.//evil.example` has a path that begins with two slashes once it is resolved.
    if ours && (!wanted.starts_with('/') || url.path().starts_with("//")) {
        return None;
    }
    if !ours && !origins.iter().any(|allowed| same_origin(allowed, &url)) {
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.query_pairs_mut().append_pair("submitted", &id.to_string());
    if url.fragment().is_none() {
        url.set_fragment(Some(&format!("comment-{id}")));
    }
    let whole = String::from(url);
    Some(if ours { whole[OURS.len()..].to_owned() } else { whole })
}

fn same_origin(allowed: &str, url: &Url) -> bool {
    match Url::parse(allowed).map(|allowed| allowed.origin()) {
        Ok(origin @ Origin::Tuple(..)) => origin == url.origin(),
        Ok(Origin::Opaque(_)) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    fn to(wanted: &str) -> Option<String> {
        target(wanted, ID.parse().expect("a UUID"), &["https://news.example".into(), "nonsense".into()])
    }

    #[rstest]
    #[case("/", "/?submitted=ID#comment-ID")]
    #[case("/a?b=c#respond", "/a?b=c&submitted=ID#respond")]
    #[case("/a/../b", "/b?submitted=ID#comment-ID")]
    #[case("https://news.example/a", "https://news.example/a?submitted=ID#comment-ID")]
    #[case("HTTPS://News.Example:443/a", "https://news.example/a?submitted=ID#comment-ID")]
    fn own_pages_are_followed(#[case] wanted: &str, #[case] expected: &str) {
        assert_eq!(to(wanted), Some(expected.replace("ID", ID)));
    }

    #[rstest]
    #[case("")]
    #[case("a")]
    #[case("?a")]
    #[case("//evil.example")]
    #[case("///evil.example")]
    #[case("/\\evil.example")]
    #[case("\\\\evil.example")]
    #[case("/\t/evil.example")]
    #[case("/\n/evil.example")]
    #[case("\t//evil.example")]
    #[case(" //evil.example")]
    #[case("/.//evil.example")]
    #[case("/a/..//evil.example")]
    #[case("/%2e//evil.example")]
    #[case("https://evil.example/")]
    #[case("https://news.example.evil.example/")]
    #[case("https://news.example@evil.example/")]
    #[case("https://a:b@news.example/")]
    #[case("http://news.example/")]
    #[case("https://news.example:8443/")]
    #[case("http://gateway.invalid/")]
    #[case("javascript:alert(1)")]
    #[case("data:text/html,x")]
    #[case("nonsense:x")]
    fn others_are_not(#[case] wanted: &str) {
        assert_eq!(to(wanted), None);
    }
}
