//! Which scripts a text is written in.

use unicode_script::Script;

use super::features::ends;
use crate::normal::known;

/// A script is learned from when it is most of the letters of so many rows.
const ROWS: usize = 200;

/// The script that most letters of a text are of; `None` without letters of any.
pub fn main_script(text: &str) -> Option<Script> {
    let mut counts: Vec<(Script, usize)> = Vec::new();
    for script in letters(text) {
        match counts.iter_mut().find(|(known, _)| *known == script) {
            Some((_, count)) => *count += 1,
            None => counts.push((script, 1)),
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(script, _)| script)
}

/// The scripts of enough texts, in the order of their names.
pub fn learned<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::new();
    for script in texts.filter_map(main_script) {
        *counts.entry(script.short_name()).or_insert(0_usize) += 1;
    }
    counts.into_iter().filter(|(_, count)| *count >= ROWS).map(|(name, _)| name.to_owned()).collect()
}

/// Whether more than half of a text's letters are of none of the scripts.
pub fn mostly_unknown(text: &str, known: &[String]) -> bool {
    if text.is_ascii() && known.iter().any(|name| name == "Latn") {
        return false;
    }
    let (mut all, mut unknown, mut last) = (0_usize, 0_usize, None);
    for script in letters(text) {
        let is_known = match last {
            Some((before, is_known)) if before == script => is_known,
            _ => known.iter().any(|name| name == script.short_name()),
        };
        last = Some((script, is_known));
        all += 1;
        unknown += usize::from(!is_known);
    }
    unknown * 2 > all
}

fn letters(text: &str) -> impl Iterator<Item = Script> + '_ {
    let (first, last) = ends(text);
    let letters = first.chars().chain(last.chars()).map(known).filter(|known| known.alphabetic);
    letters.map(|known| known.script).filter(|script| !matches!(script, Script::Common | Script::Inherited))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_word_is_no_foreign_text() {
        let known = ["Latn".to_owned()];
        for text in ["plain", "café 你好 and more of this", "", "12 🔥"] {
            assert!(!mostly_unknown(text, &known), "{text}");
        }
        for text in ["سلام بر شما", "ok สวัสดีครับ", "γειά σου κόσμε", "привет"]
        {
            assert!(mostly_unknown(text, &known), "{text}");
        }
        assert_eq!(main_script("ok привет"), Some(Script::Cyrillic));
    }
}
