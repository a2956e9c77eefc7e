//! From what Markdown says to what a comment may show.

use std::collections::BTreeSet;

use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

use crate::{UrlScheme, address};

/// Elements nested deeper than this are left out, their text is not: browsers and sanitisers take time by the depth.
const MAX_DEPTH: usize = 32;

/// Rewrites balanced events into balanced events.
pub fn rewrite<'a>(events: impl Iterator<Item = Event<'a>>, schemes: &BTreeSet<UrlScheme>) -> Vec<Event<'a>> {
    let mut rewriter = Rewriter { schemes, out: Vec::new(), open: Vec::new(), links: 0, code_blocks: 0 };
    for event in events {
        rewriter.take(event);
    }
    rewriter.out
}

struct Rewriter<'a, 's> {
    schemes: &'s BTreeSet<UrlScheme>,
    out: Vec<Event<'a>>,
    /// For each element that Markdown has open: what ends it here.
    open: Vec<Closing>,
    links: usize,
    code_blocks: usize,
}

enum Closing {
    /// It was left out.
    Nothing,
    One(TagEnd),
    Heading,
}

impl<'a> Rewriter<'a, '_> {
    fn take(&mut self, event: Event<'a>) {
        match event {
            Event::Start(tag) => self.open(tag),
            Event::End(_) => self.close(),
            Event::Text(text) => self.text(text),
            // After a `<br>` at a line's end, the line's own end is not another.
            Event::SoftBreak if matches!(self.out.last(), Some(Event::HardBreak)) => {}
            Event::SoftBreak | Event::HardBreak => self.out.push(Event::HardBreak),
            Event::InlineHtml(html) => self.html(html),
            Event::Html(lines) => {
                // One line of a block; what ends it breaks the line only before another.
                let follows = !matches!(self.out.last(), None | Some(Event::Start(_)));
                if follows {
                    self.out.push(Event::HardBreak);
                }
                self.html(CowStr::from(lines.trim_end_matches('\n').to_owned()));
            }
            Event::Code(_) | Event::Rule => self.out.push(event),
            // Not enabled; shown as written if ever.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => self.text(text),
            Event::TaskListMarker(_) => {}
        }
    }

    fn open(&mut self, tag: Tag<'a>) {
        let deep = self.open.len() >= MAX_DEPTH;
        let closing = match tag {
            Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. } => {
                self.open_link(link_type, &dest_url)
            }
            // The text in it must not be read as text with links, at any depth.
            Tag::CodeBlock(kind) => {
                self.code_blocks += 1;
                self.start(Tag::CodeBlock(kind))
            }
            _ if deep => Closing::Nothing,
            Tag::Heading { .. } => {
                self.out.extend([Event::Start(Tag::Paragraph), Event::Start(Tag::Strong)]);
                Closing::Heading
            }
            Tag::HtmlBlock => self.start(Tag::Paragraph),
            Tag::Paragraph
            | Tag::BlockQuote(_)
            | Tag::List(_)
            | Tag::Item
            | Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough => self.start(tag),
            // Not enabled.
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Table(_)
            | Tag::TableHead
            | Tag::TableRow
            | Tag::TableCell
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => Closing::Nothing,
        };
        self.open.push(closing);
    }

    fn start(&mut self, tag: Tag<'a>) -> Closing {
        let end = tag.to_end();
        self.out.push(Event::Start(tag));
        Closing::One(end)
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Closing::One(end)) => {
                match end {
                    TagEnd::Link => self.links -= 1,
                    TagEnd::CodeBlock => self.code_blocks -= 1,
                    _ => {}
                }
                self.out.push(Event::End(end));
            }
            Some(Closing::Heading) => {
                self.out.extend([Event::End(TagEnd::Strong), Event::End(TagEnd::Paragraph)]);
            }
            Some(Closing::Nothing) | None => {}
        }
    }

    /// A link or an image, as a link where it may be one; not inside another.
    fn open_link(&mut self, link_type: LinkType, target: &str) -> Closing {
        if self.links > 0 || link_type == LinkType::Email {
            return Closing::Nothing;
        }
        let Ok(url) = address::link(target, self.schemes) else { return Closing::Nothing };
        self.links += 1;
        self.out.push(Event::Start(link_to(String::from(url))));
        Closing::One(TagEnd::Link)
    }

    fn text(&mut self, text: CowStr<'a>) {
        if self.links > 0 || self.code_blocks > 0 || !text.contains("://") {
            self.out.push(Event::Text(text));
            return;
        }
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]);
        for span in finder.spans(&text) {
            let words = Event::Text(CowStr::from(span.as_str().to_owned()));
            let target = span.kind().and_then(|_| address::link(span.as_str(), self.schemes).ok());
            match target {
                Some(url) => {
                    self.out.extend([Event::Start(link_to(String::from(url))), words, Event::End(TagEnd::Link)]);
                }
                None => self.out.push(words),
            }
        }
    }

    fn html(&mut self, html: CowStr<'a>) {
        if is_line_break(&html) { self.out.push(Event::HardBreak) } else { self.text(html) }
    }
}

fn link_to<'a>(url: String) -> Tag<'a> {
    Tag::Link { link_type: LinkType::Inline, dest_url: url.into(), title: "".into(), id: "".into() }
}

fn is_line_break(html: &str) -> bool {
    let name = html.trim().trim_start_matches('<').trim_end_matches('>').trim_end_matches('/').trim_end();
    name.eq_ignore_ascii_case("br")
}
