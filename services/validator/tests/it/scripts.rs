//! What people write in their own scripts survives byte for byte; what only hides does not.

use rejoinder_validator::{Policy, check_fields};
use rstest::rstest;

use crate::support::submitted;

fn text_of(body: &str) -> (String, String) {
    let mut event = submitted(1);
    event.body = body.to_owned();
    let fields = check_fields(&event, &Policy::default()).expect("a comment");
    (fields.text, fields.html)
}

#[rstest]
#[case::persian("می‌خواهم کتاب‌های خوب بخوانم؛ «نمی‌دانم» چرا؟ ۱۲۳")]
#[case::persian_latin_suffix("فایل PDF‌ها و ۳۰‌ساله‌ها")]
#[case::persian_abbreviation("سال ۱۳۹۹ ه‍.ش")]
#[case::persian_vowelled("عَلَیْه‌ِ")]
#[case::arabic("السَّلَامُ عَلَيْكُمْ، كيف حالكم؟ ١٢٣")]
#[case::arabic_with_direction_mark("شركة Rust\u{200f}, نعم")]
#[case::urdu("یہ اردو ہے۔")]
#[case::chinese("评论系统很好，谢谢！「引用」漢字 𠮷野家")]
#[case::chinese_indented("\u{5b57}\n\u{3000}\u{3000}第二段")]
#[case::japanese("コメントありがとう。がぎぐ ｶﾀｶﾅ")]
#[case::japanese_ideographic_variant("葛\u{e0100}城市 辻\u{e0101}さん")]
#[case::korean("댓글 감사합니다")]
#[case::hebrew("שָׁלוֹם עוֹלָם, מה שלומך?")]
#[case::thai("ขอบคุณสำหรับบทความนี้ ปู่ น้ำ")]
#[case::hindi("क्षत्रिय क्‍ष र्‍य श्री")]
#[case::hindi_non_joined("क्‌ष")]
#[case::bengali("র‍্যাব")]
#[case::malayalam("ന്‍ മലയാളം")]
#[case::sinhala("ශ්‍රී ලංකා")]
#[case::tamil("தமிழ் க்ஷ")]
#[case::khmer("ខ្មែរ")]
#[case::mongolian("ᠮᠣᠩᠭᠣᠯ\u{180b} ᠦ\u{180c}")]
#[case::vietnamese("Tiếng Việt rất đẹp")]
#[case::greek("Καλημέρα, πώς είσαι;")]
#[case::russian("Спасибо, ёжик!")]
#[case::family("👨‍👩‍👧‍👦 👩‍❤️‍💋‍👨")]
#[case::professions("👩🏽‍⚕️ 🧑🏿‍🚀 👨‍💻")]
#[case::rainbow_and_pirate_flags("🏳️‍🌈 🏴‍☠️ 🏳️‍⚧️")]
#[case::country_flags("🇮🇷 🇺🇳 🇨🇳")]
#[case::region_flags(
    "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} 🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}"
)]
#[case::keycaps("1️⃣ #️⃣ *️⃣ 9️⃣".trim())]
#[case::skin_tones("👍🏻👍🏽👍🏿 🤝🏽")]
#[case::styles("❤️ ❤︎ ☎️ ™️ ©️ ℹ️ ㊗️")]
#[case::mathematics("∑ √2 ≤ π ∩\u{fe00}")]
fn it_survives(#[case] body: &str) {
    let (text, html) = text_of(body);
    assert_eq!(text.escape_unicode().to_string(), body.escape_unicode().to_string());
    // Keycaps of `*` are told apart from emphasis by Markdown itself.
    for line in body.lines().filter(|line| !line.contains('\u{a0}')) {
        assert!(html.contains(line.trim_start_matches(' ')), "{html:?} lacks {line:?}");
    }
}

#[rstest]
#[case::composed("cafe\u{301}", "café")]
#[case::kelvin("\u{212a}", "K")]
#[case::controls("a\0b\u{7}c\u{1b}[31md", "abc[31md")]
#[case::c1("a\u{9b}b", "ab")]
#[case::tabs_and_lines_stay("a\tb\r\nc\rd", "a\tb\nc\nd")]
#[case::zero_width("vi\u{200b}ag\u{feff}ra\u{2060}x\u{ad}y", "viagraxy")]
#[case::joiners_in_latin("v\u{200d}i\u{200c}agra", "viagra")]
#[case::joiners_in_a_row("می\u{200c}\u{200c}\u{200c}خواهم", "می\u{200c}خواهم")]
#[case::override_("\u{202e}gpj.exe\u{202c}", "gpj.exe")]
#[case::embedding_and_isolates("\u{202a}a\u{202b}b\u{202c}\u{2066}c\u{2067}d\u{2068}e\u{2069}", "abcde")]
#[case::direction_marks_in_latin("pay\u{200f}pal\u{200e}", "paypal")]
#[case::hidden_tags("hi\u{e0068}\u{e0069}\u{e007f}", "hi")]
#[case::unfinished_flag("🏴\u{e0067}\u{e0062} x", "🏴 x")]
#[case::smuggled_selectors("a\u{e0101}\u{e0150}b\u{fe0f}", "ab")]
#[case::selectors_in_a_row("❤\u{fe0f}\u{fe0f}\u{fe00}", "❤\u{fe0f}")]
#[case::noncharacters("a\u{fffe}b\u{fdd0}c\u{1ffff}", "abc")]
#[case::fillers("a\u{3164}b\u{115f}", "ab")]
#[case::annotations("a\u{fff9}b\u{fffa}c\u{fffb}", "abc")]
#[case::dangling_joiner_between_emoji_and_word("👍\u{200d}ok", "👍ok")]
fn it_does_not(#[case] body: &str, #[case] expected: &str) {
    assert_eq!(text_of(body).0.escape_unicode().to_string(), expected.escape_unicode().to_string());
}
