//! The site's word lists.

use std::borrow::Cow;

use rejoinder_proto::v1::{self, Verdict};

use super::{hint, name, quoted};
use crate::{
    Policy, Rules, Signal,
    fold::fold,
    normal::normalise,
    reading::Reading,
    rules::Meaning,
    word_list::{WordList, stands_alone},
};

/// So many words are named to a moderator.
const NAMED_WORDS: usize = 3;

/// The reject and the hold list: case-insensitive substrings of every field (WordPress rules 14 and 16). Both are
/// searched in the tag-stripped text too, which WordPress does for rule 16 only. A rejected word overrides an author's
/// approval.
pub(super) fn lists(comment: &v1::Comment, reading: &Reading<'_>, rules: &Rules) -> Vec<Signal> {
    let Rules { reject_words, hold_words, .. } = rules;
    if reject_words.is_empty() && hold_words.is_empty() {
        return Vec::new();
    }
    let fields = fields(comment, reading);
    let Policy { spam_at, hold_at, .. } = *rules.policy();
    let reject = found(reject_words, "reject list", &fields).map(|reason| Signal {
        name: name::REJECT_WORDS,
        weight: spam_at,
        reason,
        at_least: Verdict::Spam,
    });
    let hold = found(hold_words, "hold list", &fields).map(|reason| Signal {
        name: name::HOLD_WORDS,
        weight: hold_at,
        reason,
        at_least: Verdict::Hold,
    });
    reject.into_iter().chain(hold).collect()
}

/// Each field, folded, with what a moderator calls it.
fn fields<'a>(comment: &v1::Comment, reading: &'a Reading<'_>) -> Vec<(&'static str, Cow<'a, str>)> {
    let author = comment.author.as_ref();
    let client = comment.client.as_ref();
    let folded = |field: Option<&String>| Cow::Owned(field.map_or_else(String::new, |field| fold(field)));
    let name = author.map(|author| normalise(start(&author.name))).unwrap_or_default();
    let mut fields = vec![
        ("text", Cow::Borrowed(reading.folded())),
        ("text as it was written", Cow::Borrowed(reading.folded_source.as_deref().unwrap_or_default())),
        ("name", folded(author.map(|author| &author.name))),
        ("email address", folded(author.map(|author| &author.email))),
        ("web address", folded(author.map(|author| &author.url))),
        ("IP address", folded(client.map(|client| &client.ip))),
        ("browser's user agent", folded(client.map(|client| &client.user_agent))),
    ];
    fields.extend(reading.texts().skip(1).map(|text| ("text, its disguise undone", Cow::Borrowed(text))));
    fields.extend(
        [Some(name.words), name.shadow]
            .into_iter()
            .flatten()
            .map(|name| ("name, its disguise undone", Cow::Owned(name))),
    );
    fields
}

/// The validator takes at most 245 bytes of name; the cut keeps this fast for whoever calls without it.
fn start(name: &str) -> &str {
    &name[..name.floor_char_boundary(256)]
}

fn found(list: &WordList, called: &str, fields: &[(&'static str, Cow<'_, str>)]) -> Option<String> {
    let mut named: Vec<(usize, &str)> = Vec::new();
    for (field, folded) in fields {
        for found in list.find(folded) {
            if named.len() >= NAMED_WORDS {
                break;
            }
            if named.iter().all(|(index, _)| *index != found.index) {
                named.push((found.index, field));
            }
        }
    }
    let words: Vec<String> =
        named.iter().map(|(index, field)| format!("{} in the {field}", quoted(list.word(*index)))).collect();
    (!words.is_empty()).then(|| format!("it has a word of the {called}: {}", words.join(", ")))
}

/// The places in the vocabulary of the words that stand in the text, also in disguise, each once, in the order of the
/// text.
pub(super) fn vocabulary(reading: &Reading<'_>, rules: &Rules) -> Vec<usize> {
    let mut words = Vec::new();
    let mut seen: Vec<bool> = Vec::new();
    for text in reading.texts() {
        for found in rules.vocabulary.find(text) {
            seen.resize(rules.meanings.len(), false);
            if !seen[found.index] && stands_alone(text, found) {
                seen[found.index] = true;
                words.push(found.index);
            }
        }
    }
    words
}

/// The sum of the points of the suspect words, each counted once.
pub(super) fn suspect(vocabulary: &[usize], rules: &Rules) -> Option<Signal> {
    let points = |word: &usize| match rules.meanings.get(*word) {
        Some(Meaning::Suspect(points)) => Some((*word, *points)),
        _ => None,
    };
    let words: Vec<(usize, f64)> = vocabulary.iter().filter_map(points).collect();
    let sum: f64 = words.iter().map(|(_, points)| points).sum();
    hint(name::SUSPECT_WORDS, sum.min(rules.policy().suspect_words_max), || {
        let named = words.iter().take(NAMED_WORDS).map(|(word, _)| quoted(rules.vocabulary.word(*word)));
        let more = if words.len() > NAMED_WORDS { ", ..." } else { "" };
        format!("it uses words that spam likes: {}{more}", named.collect::<Vec<_>>().join(", "))
    })
}
