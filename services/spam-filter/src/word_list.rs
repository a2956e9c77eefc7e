//! Finds many words in one pass over a text, however many there are.

use aho_corasick::{AhoCorasick, BuildError, Input, MatchKind};

use crate::{fold::fold, policy::PolicyError};

/// Words of a policy, ready to be searched for.
#[derive(Debug, Clone)]
pub struct WordList {
    words: Vec<String>,
    finder: Option<AhoCorasick>,
    /// Finds the first of a few words many bytes in one step; most texts have none.
    first: Option<AhoCorasick>,
}

/// The library looks for no more words than this by such steps.
const FEW: usize = 64;

/// Where a word was found.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The word's place in the list.
    pub index: usize,
    /// The first byte of it in the text.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

impl WordList {
    /// The words of the policy's `field`.
    pub fn new<'a>(field: &'static str, words: impl IntoIterator<Item = &'a str>) -> Result<Self, PolicyError> {
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let too_large = |error: BuildError| PolicyError::Words { field, detail: error.to_string() };
        let finder = |kind| {
            let builder = AhoCorasick::builder().match_kind(kind).build(words.iter().map(|word| fold(word)));
            builder.map_err(too_large)
        };
        let first = (1..=FEW).contains(&words.len()).then(|| finder(MatchKind::LeftmostFirst)).transpose()?;
        let finder = (!words.is_empty()).then(|| finder(MatchKind::Standard)).transpose()?;
        Ok(Self { words, finder, first })
    }

    /// Whether there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.finder.is_none()
    }

    /// A word as the policy has it.
    pub fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", String::as_str)
    }

    /// Every place where a word stands in a folded text, also inside of another word.
    pub fn find<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = Found> + 'a {
        let from = match &self.first {
            Some(first) => first.find(folded).map_or(folded.len(), |first| first.start()),
            None => 0,
        };
        let input = Input::new(folded).range(from..);
        let found = self.finder.iter().flat_map(move |finder| finder.find_overlapping_iter(input.clone()));
        found.map(|m| Found { index: m.pattern().as_usize(), start: m.start(), end: m.end() })
    }
}

/// The words of a policy's entry, which may hold one on each of several lines, as WordPress's lists do.
pub fn lines(entry: &str) -> impl Iterator<Item = &str> {
    entry.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// Whether what was found stands alone: no letter or digit touches an end of it that is a letter with case. Scripts
/// without case often have no spaces between words either, so there every place counts.
pub fn stands_alone(folded: &str, found: Found) -> bool {
    let has_case = |c: Option<char>| c.is_some_and(|c| c.is_lowercase() || c.is_uppercase());
    let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let (before, rest) = folded.split_at(found.start);
    let (word, after) = rest.split_at(found.end - found.start);
    let joined_before = has_case(word.chars().next()) && joins(before.chars().next_back());
    let joined_after = has_case(word.chars().next_back()) && joins(after.chars().next());
    !joined_before && !joined_after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(word: &str, text: &str) -> bool {
        let list = WordList::new("x", [word]).expect("compiles");
        let text = fold(text);
        list.find(&text).any(|found| stands_alone(&text, found))
    }

    #[test]
    fn a_word_with_case_stands_alone_and_others_need_not() {
        assert!(alone("cialis", "Cialis, cheap"));
        assert!(!alone("cialis", "a specialist"));
        assert!(!alone("casino", "casino4d"));
        assert!(alone("赌场", "最好的赌场在这里"));
        assert!(alone("قمار", "شرط‌بندی و قمار‌ها"));
    }

    #[test]
    fn words_are_found_inside_of_each_other() {
        let list = WordList::new("x", ["Spam", "spammer", "mer"]).expect("compiles");
        let found: Vec<_> = list.find("the spammer").map(|found| list.word(found.index)).collect();
        assert_eq!(found, ["Spam", "spammer", "mer"]);
        assert!(WordList::new("x", []).expect("compiles").is_empty());
    }

    #[test]
    fn an_entry_of_several_lines_is_several_words() {
        assert_eq!(lines("one\r\n two three \n\n").collect::<Vec<_>>(), ["one", "two three"]);
        assert_eq!(lines(" \n\t").count(), 0);
    }
}
