//! A comment's text, which is Markdown, as HTML that is safe to show.
//!
//! What a reader may use: paragraphs, line breaks (a line end is one, since people expect it), emphasis, strong,
//! strikethrough, code, quotes, lists, rules and links; a bare `https://` address becomes a link. What is shown
//! otherwise: a heading as a strong paragraph (the outline of the page is the page's), an image as a link to it (nobody
//! should fetch from a stranger's server unasked), and HTML as the text that was written, so that `Vec<String>` is not
//! lost; only `<br>` is read. A link leads somewhere only with an allowed scheme, a host, and no user name.
//!
//! The HTML is built from Markdown's events alone, so it is well formed and its nesting is bounded; then ammonia, a
//! second wall, lets pass only what is on its list.

mod plain;
mod rewrite;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Event, Options, Parser, TextMergeStream, html};

use self::plain::{is_costly, is_plain, plain};
use crate::{UrlScheme, clean};

/// HTML beyond this is a text written to grow; it is shown unformatted. With the text beside it, an event must stay
/// below the log's 1 MB.
const MAX_HTML_BYTES: usize = 600_000;

/// More starts, ends and texts than this are not a comment's formatting; a long honest comment has some hundreds.
const MAX_EVENTS: usize = 20_000;

const TAGS: [&str; 13] = ["a", "blockquote", "br", "code", "del", "em", "hr", "li", "ol", "p", "pre", "strong", "ul"];

/// Renders a text that [`clean::text`] has made. Time and size are bounded by the text's length.
pub fn render(text: &str, schemes: &BTreeSet<UrlScheme>) -> String {
    if is_plain(text) || is_costly(text) {
        return plain(text);
    }
    let events = parse(text, schemes);
    if events.len() > MAX_EVENTS {
        return plain(text);
    }
    let html = write(text.len(), events);
    if html.len() <= MAX_HTML_BYTES && shows_something(&html) { html } else { plain(text) }
}

/// The HTML of a text that needs no parser: as it is written without one, and as the parser gives it. `None` for others.
#[cfg(feature = "fuzzing")]
pub fn both_ways(text: &str, schemes: &BTreeSet<UrlScheme>) -> Option<(String, String)> {
    (is_plain(text) && !is_costly(text)).then(|| (plain(text), write(text.len(), parse(text, schemes))))
}

fn parse<'a>(text: &'a str, schemes: &BTreeSet<UrlScheme>) -> Vec<Event<'a>> {
    let parser = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH);
    rewrite::rewrite(TextMergeStream::new(parser), schemes)
}

fn write(text_bytes: usize, events: Vec<Event<'_>>) -> String {
    let mut unsafe_html = String::with_capacity(text_bytes * 2);
    html::push_html(&mut unsafe_html, events.into_iter());
    let mut html = SANITISER.clean(&unsafe_html).to_string();
    html.truncate(html.trim_end().len());
    html
}

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from(TAGS))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("ol", HashSet::from(["start"]))]))
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from([UrlScheme::Http.as_str(), UrlScheme::Https.as_str()]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow ugc noopener"));
    builder
});

/// Whether a reader would see anything: a text of link definitions alone, say, shows nothing.
fn shows_something(html: &str) -> bool {
    html.split('<').enumerate().any(|(index, piece)| {
        let text = if index == 0 { piece } else { piece.split_once('>').map_or("", |(_, text)| text) };
        clean::is_visible(&text.replace("&nbsp;", ""))
    })
}

#[cfg(test)]
mod tests;
