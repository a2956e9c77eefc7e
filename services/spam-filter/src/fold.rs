//! The form in which texts are compared: without regard to case, and to letters that only look styled.

use crate::normal::{compose, known};

/// NFKC (so that `𝐜𝐚𝐬𝐢𝐧𝐨` is `casino`), in lower case, final sigma as sigma.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let composed = compose(text);
    let mut folded = String::with_capacity(composed.len());
    // One letter at a time: `str::to_lowercase` looks at the neighbours of a sigma, and then `ΣΑΣ` is no part of `ΣΑΣΑ`.
    for c in composed.chars() {
        match c {
            'İ' => folded.push_str("i\u{307}"),
            c => folded.push(known(c).lower),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_alike_folds_alike() {
        for (a, b) in [
            ("CaSiNo", "casino"),
            ("𝐊𝐄𝐉𝐔𝟒𝐃", "keju4d"),
            ("ＳＡＬＥ", "sale"),
            ("ΌΜΟΡΦΟΣ", "όμορφος"),
            ("КАЗИНО", "казино"),
        ] {
            assert_eq!(fold(a), fold(b));
        }
        for text in ["سلام بر شما", "می‌خواهم", "你好世界", "こんにちは", "안녕하세요", "สวัสดี", "नमस्ते", "👩‍👩‍👧 🇮🇷"]
        {
            assert_eq!(fold(text), text);
        }
    }
}
