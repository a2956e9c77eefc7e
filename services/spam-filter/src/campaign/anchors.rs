//! What a campaign wants its readers to reach: it can spin every word, but not this.

use super::{
    hash_of,
    sketch::{is_address, may_hold_address},
};
use crate::bytes::count;

/// So many are kept of a comment.
pub const MAX_ANCHORS: usize = 4;

/// ITU-T E.164: at most 15 digits with the country's code. Fewer than 9 are dates and amounts.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 9..=15;
/// A number is the same with and without its country's code.
const SAME_DIGITS: usize = 9;

/// No longer domain can be registered (RFC 1035).
const MAX_HOST: usize = 253;

/// Longer words are no names.
const MAX_NAME: usize = 40;

/// Sites on which everybody has a page: the page is an anchor, and the site is none.
const EVERYBODYS: [&str; 30] = [
    "amazon.com",
    "apple.com",
    "bit.ly",
    "discord.com",
    "discord.gg",
    "facebook.com",
    "github.com",
    "gmail.com",
    "google.com",
    "instagram.com",
    "linkedin.com",
    "linktr.ee",
    "medium.com",
    "microsoft.com",
    "pinterest.com",
    "reddit.com",
    "spotify.com",
    "stackoverflow.com",
    "t.me",
    "telegram.me",
    "tiktok.com",
    "tinyurl.com",
    "twitch.tv",
    "twitter.com",
    "viber.me",
    "wa.me",
    "whatsapp.com",
    "wikipedia.org",
    "x.com",
    "youtube.com",
];

/// Hashes of the first few anchors of a text in its normal form, each once.
pub fn anchors(normal: &str, domains: &[String]) -> [u32; MAX_ANCHORS] {
    let mut found = Found::default();
    let digits = count(normal.as_bytes(), |byte| byte.is_ascii_digit());
    if digits as usize >= *PHONE_DIGITS.start() {
        phones(normal, &mut found);
    }
    let addresses = may_hold_address(normal);
    // A word without one of these is nothing.
    let tells = |byte: u8| byte.is_ascii_digit() || addresses && matches!(byte, b'.' | b':' | b'@');
    for word in words_with(normal, tells) {
        if found.is_full() {
            break;
        }
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !"@/_".contains(c));
        if word.contains('@') {
            handle_or_mail(word, &mut found);
        } else if is_address(word) {
            address(word, &mut found);
        } else if is_brand(word) {
            found.add("brand", word);
        }
    }
    for domain in domains {
        address(domain, &mut found);
    }
    found.anchors
}

/// The words of a text that hold one of some ASCII characters. The others are passed over without a look at where they end.
fn words_with(text: &str, tells: impl Fn(u8) -> bool) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = rest.bytes().position(&tells)?;
        let end = rest[at..].find(char::is_whitespace).map_or(rest.len(), |length| at + length);
        let (words, after) = rest.split_at(end);
        rest = after;
        words.rsplit(char::is_whitespace).next()
    })
}

#[derive(Default)]
struct Found {
    anchors: [u32; MAX_ANCHORS],
    count: usize,
}

impl Found {
    fn is_full(&self) -> bool {
        self.count == MAX_ANCHORS
    }

    fn add(&mut self, kind: &str, value: &str) {
        // Zero is the empty place.
        let hash = (hash_of((kind, value)) as u32).max(1);
        if !self.is_full() && !self.anchors.contains(&hash) {
            self.anchors[self.count] = hash;
            self.count += 1;
        }
    }
}

fn phones(normal: &str, found: &mut Found) {
    for run in normal.split(|c: char| !c.is_ascii_digit() && !" .-()\u{a0}".contains(c)) {
        let digits: String = run.chars().filter(char::is_ascii_digit).take(PHONE_DIGITS.end() + 1).collect();
        if PHONE_DIGITS.contains(&digits.len()) {
            found.add("phone", &digits[digits.len() - SAME_DIGITS..]);
        }
    }
}

fn handle_or_mail(word: &str, found: &mut Found) {
    let Some((before, name)) = word.split_once('@') else { return };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let name = name.split(|c| !is_name(c)).next().unwrap_or_default().trim_end_matches(['.', '-']);
    if !(3..=MAX_NAME).contains(&name.len()) {
        return;
    }
    match before.rsplit(|c| !is_name(c) && c != '+').next().unwrap_or_default() {
        "" => found.add("handle", name),
        local if name.contains('.') && local.len() <= MAX_NAME => found.add("mail", &format!("{local}@{name}")),
        _ => {}
    }
}

/// A link or domain: what was registered, by the public suffix list, or the page where everybody has one.
fn address(word: &str, found: &mut Found) {
    let address = word.split_once("://").map_or(word, |(_, address)| address);
    let (host, page) = address.split_at(address.find(['/', '?', '#']).unwrap_or(address.len()));
    let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let host = host.trim_end_matches(|c: char| !c.is_alphanumeric());
    if host.len() > MAX_HOST {
        return;
    }
    let Some(domain) = psl::domain(host.as_bytes()).filter(|domain| domain.suffix().is_known()) else { return };
    let Ok(registered) = std::str::from_utf8(domain.as_bytes()) else { return };
    if !EVERYBODYS.contains(&registered) {
        return found.add("domain", registered);
    }
    let page = page.trim_matches(['/', '?', '#']);
    if !page.is_empty() {
        let page: String = page.chars().take(200).collect();
        found.add("page", &format!("{registered}/{page}"));
    }
}

/// A name with a number at its end or inside, as gambling sites have: `lucky77`, `star4d`.
fn is_brand(word: &str) -> bool {
    if !(5..=24).contains(&word.len()) || !word.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return false;
    }
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && (1..=4).contains(&digits) && word.len() - digits >= 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Vec<u32> {
        anchors(text, &[]).into_iter().filter(|anchor| *anchor != 0).collect()
    }

    #[test]
    fn what_readers_are_to_reach_is_found_however_it_is_written() {
        for (a, b) in [
            ("call +1 (555) 010-9999 now", "on whatsapp 15550109999"),
            ("see http://shop.bad-example.com/x?y", "www.bad-example.com!"),
            ("go to a.bad-example.co.uk", "(bad-example.co.uk)"),
            ("ask @helper_jane.", "telegram: @helper_jane"),
            ("mail me: jane+x@mail.example.com", "(jane+x@mail.example.com)"),
            ("play lucky77 today", "lucky77!!!"),
            ("https://t.me/lucky_jane", "t.me/lucky_jane/"),
        ] {
            assert_eq!(of(a), of(b), "{a} {b}");
            assert_eq!(of(a).len(), 1, "{a}");
        }
    }

    #[test]
    fn what_everybody_writes_is_no_anchor() {
        for text in [
            "on 2024-01-31 at 12:00",
            "it cost 1 000 000",
            "see youtube.com",
            "e.g. this one",
            "a.b",
            "mp3 and ps5",
            "x@y",
            "the end.of it",
            "",
        ] {
            assert_eq!(of(text), Vec::<u32>::new(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_word_that_may_tell_is_passed_over(text in "[a-c1.@ \u{3000}é\n]{0,40}") {
            let tells = |byte: u8| matches!(byte, b'1' | b'.' | b'@');
            let slowly: Vec<_> = text.split_whitespace().filter(|word| word.bytes().any(tells)).collect();
            prop_assert_eq!(Vec::from_iter(words_with(&text, tells)), slowly);
        }
    }
}
