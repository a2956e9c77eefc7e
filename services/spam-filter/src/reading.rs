use std::borrow::Cow;

use rejoinder_proto::v1;

use crate::{
    fold::fold,
    html::{self, Piece},
    links::{self, Links},
    model::Subject,
    normal::{self, Normal},
};

/// What the rules read of a comment, worked out once.
#[derive(Debug)]
pub struct Reading<'a> {
    /// What a reader sees: the rendered text without its tags.
    pub visible: Cow<'a, str>,
    /// The visible text, folded, where its disguises make it differ from [`Normal::words`].
    own_folded: Option<String>,
    /// The text as it was written, folded, where it differs from what a reader sees.
    pub folded_source: Option<String>,
    /// The visible text with its disguises undone.
    pub normal: Normal,
    /// The links of the rendered text: those of its tags, addresses that a page turns into links, and those that are
    /// spelt so as not to look like one.
    pub links: Links,
}

impl<'a> Reading<'a> {
    /// Reads a comment. Where it has no HTML, its text stands for it.
    pub fn of(comment: &'a v1::Comment) -> Self {
        if comment.html.is_empty() {
            let mut links = Links::default();
            links.add_text(&comment.text);
            return Self::with(Cow::Borrowed(&comment.text), links, None);
        }
        let (visible, links) = render(&comment.html);
        let same = visible.trim_end() == comment.text.trim_end();
        let folded_source = (!same).then(|| fold(&comment.text));
        Self::with(Cow::Owned(visible), links, folded_source)
    }

    fn with(visible: Cow<'a, str>, mut links: Links, folded_source: Option<String>) -> Self {
        let (normal, only_folded) = normal::read(&visible);
        for domain in &normal.domains {
            links.add(domain);
        }
        let own_folded = (!only_folded).then(|| fold(&visible));
        Self { visible, own_folded, folded_source, normal, links }
    }

    /// The visible text, folded.
    pub fn folded(&self) -> &str {
        self.own_folded.as_deref().unwrap_or(&self.normal.words)
    }

    /// What the model reads of it.
    pub fn subject(&'a self, comment: &'a v1::Comment) -> Subject<'a> {
        let author = comment.author.as_ref();
        Subject {
            visible: &self.visible,
            normal: &self.normal,
            links: &self.links,
            page: comment.thread.as_ref().map_or("", |thread| links::host(&thread.url)),
            name: author.map_or("", |author| &author.name),
            email: author.map_or("", |author| &author.email),
            ip: comment.client.as_ref().map_or("", |client| &client.ip),
        }
    }

    /// The texts in which to look for words, without repeats: as it is seen, with disguises undone, and its shadow.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.plain_texts().chain(self.normal.shadow.as_deref())
    }

    /// [`Self::texts`] in which digits are digits.
    pub fn plain_texts(&self) -> impl Iterator<Item = &str> {
        let own = self.own_folded.as_deref().filter(|folded| *folded != self.normal.words);
        own.into_iter().chain([self.normal.words.as_str()])
    }
}

fn render(html: &str) -> (String, Links) {
    let mut visible = String::with_capacity(html.len());
    let mut links = Links::default();
    let mut in_link = false;
    for piece in html::pieces(html) {
        match piece {
            Piece::Text(text) => {
                let text = html::unescape(text);
                if !in_link {
                    links.add_text(&text);
                }
                visible.push_str(&text);
            }
            Piece::Tag(tag) => {
                if let Some(href) = html::href(tag) {
                    links.add(&href);
                    in_link = true;
                } else if tag.eq_ignore_ascii_case("/a") {
                    in_link = false;
                }
            }
        }
    }
    (visible, links)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rendered_text_is_read() {
        let comment = v1::Comment {
            text: "vi**ag**ra & [here](https://a.example/?x&y) https://b.example".into(),
            html: "<p>vi<strong>ag</strong>ra &amp; <a href=\"https://a.example/?x&amp;y\" rel=\"nofollow\">here \
                   https://not.example</a> https://b.example</p>\n"
                .into(),
            ..v1::Comment::default()
        };
        let reading = Reading::of(&comment);
        assert_eq!(reading.visible, "viagra & here https://not.example https://b.example\n");
        assert_eq!((reading.links.len(), reading.links.domains().len()), (2, 2));
        assert!(reading.folded_source.is_some_and(|source| source.starts_with("vi**ag**ra")));
    }

    #[test]
    fn what_is_seen_is_folded_whatever_becomes_of_it() {
        for c in ('\0'..='\u{FFFF}').chain('\u{1D400}'..='\u{1FFFF}') {
            for text in [format!("{c}"), format!("an{c}d"), format!("{c} £{c}")] {
                let reading = Reading::with(Cow::Borrowed(&text), Links::default(), None);
                assert_eq!(reading.folded(), fold(&text), "{}", text.escape_unicode());
            }
        }
    }
}
