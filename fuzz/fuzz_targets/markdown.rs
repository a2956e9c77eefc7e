//! A comment's text, from what a reader typed to the HTML that everybody's browser gets.
#![no_main]

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};
use libfuzzer_sys::fuzz_target;
use rejoinder_proto::{from_millis, v1};
use rejoinder_validator::{Fields, Policy, UrlScheme, check_fields, fuzzing};

/// The largest HTML of any comment: with the text beside it an event stays below the log's 1 MB.
const MAX_HTML_BYTES: usize = 600_000;

static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy { require_name_email: false, ..Policy::default() });

/// Written down once more, so that a slip in the validator's own list shows.
static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags("a blockquote br code del em hr li ol p pre strong ul".split(' ').collect())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("ol", HashSet::from(["start"]))]))
        .url_schemes(HashSet::from(["http", "https"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow ugc noopener"));
    builder
});

fuzz_target!(|data: &[u8]| {
    let raw = String::from_utf8_lossy(data);
    let Some(Fields { text, html, .. }) = check(&raw) else { return };
    assert!(html.len() <= MAX_HTML_BYTES, "{} bytes", html.len());
    only_harmless_tags(&html);
    let again = SANITISER.clean(&html).to_string();
    assert_eq!(html, again.trim_end(), "a sanitiser has something left to do");

    // A text that has been normalised stays as it is, and so does its HTML.
    let second = check(&text).expect("what was taken is taken again");
    assert_eq!((&second.text, &second.html), (&text, &html));

    let both = BTreeSet::from([UrlScheme::Http, UrlScheme::Https]);
    if let Some((without, with)) = fuzzing::both_ways(&text, &both) {
        assert_eq!(without, with, "the short way gives another HTML than the parser");
    }
});

fn check(body: &str) -> Option<Fields> {
    let submitted = v1::CommentSubmitted {
        site: "news".into(),
        thread: Some(v1::Thread { id: "a".into(), ..Default::default() }),
        body: body.to_owned(),
        submitted_at: Some(from_millis(1_780_000_000_000)),
        ..Default::default()
    };
    check_fields(&submitted, &POLICY).ok()
}

/// Every `<` and `>` belongs to a tag that is one of a few, letter by letter.
fn only_harmless_tags(html: &str) {
    let mut pieces = html.split('<');
    assert!(!pieces.next().unwrap_or_default().contains('>'), "a > outside of a tag");
    let mut open = Vec::new();
    for piece in pieces {
        let (tag, text) = piece.split_once('>').expect("a tag ends");
        assert!(!text.contains('>'), "a > outside of a tag");
        match tag {
            "br" | "hr" => {}
            "blockquote" | "code" | "del" | "em" | "li" | "ol" | "p" | "pre" | "strong" | "ul" => open.push(tag),
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(&tag[1..]), "tags are closed in order"),
            _ => open.push(with_attribute(tag)),
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
}

fn with_attribute(tag: &str) -> &str {
    if let Some(number) = tag.strip_prefix("ol start=\"").and_then(|rest| rest.strip_suffix('"')) {
        assert!(!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()), "{tag}");
        return "ol";
    }
    let target = tag.strip_prefix("a href=\"").and_then(|rest| rest.strip_suffix("\" rel=\"nofollow ugc noopener\""));
    let target = target.unwrap_or_else(|| panic!("<{tag}>"));
    let bare = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://"));
    assert!(bare.is_some_and(|bare| !bare.is_empty() && !bare.contains(['"', '<', ' ', '\n'])), "{tag}");
    "a"
}
