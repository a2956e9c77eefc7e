//! Web addresses that are spelt so as not to look like one.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::Normal;

/// So many addresses are kept.
const KEPT: usize = 16;

/// So many places are looked at, and counted; a text with more is no worse.
const COUNTED: usize = 64;

/// No label of a domain is longer (RFC 1035).
const MAX_LABEL: usize = 63;

/// How a dot, or a scheme, is spelt; the meaning of each stands at the same place in [`MEANINGS`].
const SPELLINGS: [&str; 14] = [
    "[dot]",
    "(dot)",
    "{dot}",
    "<dot>",
    "[.]",
    "(.)",
    "{.}",
    " dot ",
    " . ",
    " .com",
    " точка ",
    " titik ",
    " punto ",
    "hxxp",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// A dot in brackets: nothing else is meant.
    Bracketed,
    /// A word or a dot between spaces, which prose has too.
    Spaced,
    /// A scheme that nothing turns into a link.
    Scheme,
}

const MEANINGS: [Meaning; 14] = {
    use Meaning::{Bracketed as B, Scheme, Spaced as S};
    [B, B, B, B, B, B, B, S, S, S, S, S, S, Scheme]
};

/// Endings of domains that spam is sent to. `net` is left out: people write `asp dot net`.
const SPACED_ENDINGS: [&str; 24] = [
    "com", "org", "biz", "xyz", "ru", "ру", "рф", "io", "shop", "vip", "bet", "casino", "club", "online", "site",
    "info", "ly", "me", "cc", "store", "link", "click", "id", "app",
];

/// Those that follow a dot in brackets besides.
const BRACKETED_ENDINGS: [&str; 22] = [
    "net", "co", "uk", "de", "fr", "ir", "in", "us", "tk", "top", "live", "pro", "win", "fun", "cn", "br", "ua", "tv",
    "to", "edu", "gov", "eu",
];

/// Words before a spelt dot that name no domain: `the dot com years`.
const NO_LABELS: [&str; 24] = [
    "the", "an", "of", "in", "and", "or", "to", "is", "are", "was", "my", "our", "your", "his", "their", "this",
    "that", "every", "some", "big", "old", "new", "first", "no",
];

/// No spelling is part of another, so that each kind of match finds the same; with this one many bytes are looked at in
/// one step.
static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(SPELLINGS).ok());

/// Writes the addresses of a text in lower case as they are meant. `None` where there is none.
pub(super) fn rejoin(words: &str, found: &mut Normal) -> Option<String> {
    let joints = FINDER.iter().flat_map(|finder| finder.find_iter(words));
    let mut out = String::new();
    let mut domains = Vec::new();
    let mut copied = 0;
    for joint in joints.filter_map(|joint| Joint::read(words, joint.pattern().as_usize(), joint.start(), joint.end())) {
        if joint.start < copied {
            continue;
        }
        out.push_str(&words[copied..joint.start]);
        copied = joint.end;
        match joint.meaning {
            Meaning::Scheme => domains.push(out.len()),
            _ if joint.is_address_of_mail => {}
            _ => domains.push(out.len()),
        }
        out.push_str(if joint.meaning == Meaning::Scheme { "http" } else { "." });
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&words[copied..]);
    for at in domains.into_iter().take(COUNTED) {
        let domain = around(&out, at);
        if found.domains.last().is_some_and(|last| last == domain) {
            continue;
        }
        found.obfuscations.domains += 1;
        if found.domains.len() < KEPT {
            found.domains.push(domain.to_owned());
        }
    }
    Some(out)
}

/// A spelt dot or scheme, with the spaces around it.
struct Joint {
    start: usize,
    end: usize,
    meaning: Meaning,
    /// People hide their own address from robots like this.
    is_address_of_mail: bool,
}

impl Joint {
    fn read(words: &str, spelling: usize, start: usize, end: usize) -> Option<Self> {
        let meaning = *MEANINGS.get(spelling)?;
        if meaning == Meaning::Scheme {
            let free = !words[..start].ends_with(char::is_alphanumeric);
            let scheme = ["://", "s://"].iter().any(|rest| words[end..].starts_with(rest));
            return (free && scheme).then_some(Self { start, end, meaning, is_address_of_mail: false });
        }
        // ` .com` has its ending within.
        let end = if SPELLINGS.get(spelling) == Some(&" .com") { end - "com".len() } else { end };
        let before = trim_spaces_before(words, start);
        let after = end + spaces(&words[end..]);
        let label = label_before(&words[..before]);
        let ending = label_after(&words[after..]);
        let known = SPACED_ENDINGS.contains(&ending)
            || (meaning == Meaning::Bracketed
                && (BRACKETED_ENDINGS.contains(&ending) || goes_on(&words[after + ending.len()..])));
        let named = label.chars().nth(1).is_some()
            && ending.chars().nth(1).is_some()
            && (meaning == Meaning::Bracketed || !NO_LABELS.contains(&label));
        if !known || !named {
            return None;
        }
        let name = words[..before - label.len()].trim_end_matches(' ');
        let is_address_of_mail = ["@", " at", "(at)", "[at]", "{at}"].iter().any(|at| name.ends_with(at));
        Some(Self { start: before, end: after, meaning, is_address_of_mail })
    }
}

/// Whether another dot follows a label, so that it is not the last one.
fn goes_on(rest: &str) -> bool {
    let rest = rest.trim_start_matches(' ');
    rest.starts_with('.') || SPELLINGS.iter().any(|dot| *dot != "hxxp" && rest.starts_with(dot.trim_start()))
}

fn spaces(text: &str) -> usize {
    text.bytes().take(2).take_while(|byte| *byte == b' ').count()
}

fn trim_spaces_before(words: &str, at: usize) -> usize {
    at - words[..at].bytes().rev().take(2).take_while(|byte| *byte == b' ').count()
}

fn is_of_label(c: char) -> bool {
    c.is_alphanumeric() || c == '-'
}

fn label_before(text: &str) -> &str {
    let start = text.char_indices().rev().take(MAX_LABEL).take_while(|(_, c)| is_of_label(*c)).last();
    start.map_or("", |(at, _)| &text[at..])
}

fn label_after(text: &str) -> &str {
    let end = text
        .char_indices()
        .take(MAX_LABEL)
        .find(|(_, c)| !is_of_label(*c))
        .map_or(text.len().min(MAX_LABEL), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// The address that a dot belongs to, as far as one may be long (RFC 1035).
fn around(text: &str, at: usize) -> &str {
    const MAX: usize = 253;
    let is_end = |c: char| c.is_whitespace() || "<>\"'()[]{},;".contains(c);
    let start =
        text[..at].char_indices().rev().take(MAX).take_while(|(_, c)| !is_end(*c)).last().map_or(at, |(at, _)| at);
    let end = text[at..].char_indices().take(MAX).take_while(|(_, c)| !is_end(*c)).last();
    let end = end.map_or(at, |(last, c)| at + last + c.len_utf8());
    text[start..end].trim_end_matches(['.', ':', '!', '?'])
}
