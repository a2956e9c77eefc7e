//! Parts of a data set that have nothing in common, so that what is learned on some can be judged on another.

use std::collections::HashMap;

use super::{hash, hash::mix};

/// So many letters in a row are compared.
const SHINGLE: usize = 8;

/// Texts that agree on all rows of a band are taken for copies of each other (Leskovec, Rajaraman and Ullman, Mining of
/// Massive Datasets, 3.4): half of the pairs with 64 % of their shingles in common.
const BANDS: usize = 3;
const ROWS: usize = 3;

/// A fold for each text; near copies are in the same.
pub fn of<'a>(texts: impl Iterator<Item = &'a str>, folds: usize) -> Vec<usize> {
    let mut parents = Vec::new();
    let mut first: HashMap<(usize, u64), usize> = HashMap::new();
    for (n, text) in texts.enumerate() {
        parents.push(n);
        for (band, key) in bands(text).into_iter().enumerate() {
            let other = *first.entry((band, key)).or_insert(n);
            let (a, b) = (root(&mut parents, n), root(&mut parents, other));
            parents[a.max(b)] = a.min(b);
        }
    }
    let fold = |root: usize| (mix(hash::WORD, root as u64) % folds as u64) as usize;
    (0..parents.len()).map(|n| fold(root(&mut parents, n))).collect()
}

fn bands(text: &str) -> [u64; BANDS] {
    let letters: Vec<u64> = text.chars().filter(|c| c.is_alphanumeric()).map(u64::from).collect();
    let mut least = [u64::MAX; BANDS * ROWS];
    for shingle in letters.windows(SHINGLE.min(letters.len().max(1))) {
        let whole = shingle.iter().fold(hash::WORD, |hash, c| mix(hash, *c));
        for (n, least) in (1..).zip(&mut least) {
            *least = (*least).min(mix(whole, n));
        }
    }
    std::array::from_fn(|band| least[band * ROWS..(band + 1) * ROWS].iter().fold(hash::WORD, |hash, m| mix(hash, *m)))
}

fn root(parents: &mut [usize], mut n: usize) -> usize {
    while parents[n] != n {
        parents[n] = parents[parents[n]];
        n = parents[n];
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_copies_share_a_fold() {
        let spam = |n: usize| format!("please visit my channel and subscribe to it for a free gift card number {n}");
        let texts: Vec<String> = (0..30).map(spam).chain((0..30).map(|n| format!("{n}: {}", n * n * 7919))).collect();
        let folds = of(texts.iter().map(String::as_str), 5);
        assert!(folds[..30].iter().all(|fold| *fold == folds[0]), "{folds:?}");
        assert!((0..5).all(|fold| folds[30..].contains(&fold)), "{folds:?}");
    }
}
