use proptest::prelude::*;

use super::*;

/// Characters at which the rules meet, more often than chance would bring them together.
fn awkward() -> impl Strategy<Value = String> {
    let picked = proptest::sample::select(vec![
        '\u{200c}',
        '\u{200d}',
        '\u{200b}',
        '\u{200f}',
        '\u{202e}',
        '\u{2066}',
        '\u{fe0f}',
        '\u{fe00}',
        '\u{e0100}',
        '\u{e0067}',
        '\u{e007f}',
        '\u{1f3f4}',
        '\u{1f468}',
        '\u{1f3fd}',
        '\u{2640}',
        '\u{212a}',
        '\u{301}',
        '\u{64e}',
        '\u{94d}',
        'क',
        'م',
        'ه',
        'e',
        '1',
        '\u{20e3}',
        '<',
        '>',
        '/',
        'b',
        ' ',
        '\n',
        '\r',
        '\t',
        '\0',
        '\u{85}',
        '\u{2028}',
        '\u{3000}',
        '\u{1161}',
        '\u{1100}',
        '\u{3164}',
        '\u{180b}',
        '\u{1820}',
        '\u{2126}',
        '漢',
        '\u{fa10}',
    ]);
    proptest::collection::vec(prop_oneof![4 => picked, 1 => any::<char>()], 0..40)
        .prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_is_clean_stays_as_it_is(raw in awkward()) {
        for clean in [text as fn(&str) -> String, line, name] {
            let once = clean(&raw);
            prop_assert_eq!(clean(&once), once);
        }
    }

    #[test]
    fn the_shortcut_changes_nothing(raw in awkward()) {
        if is_clean(&raw) {
            let long_way: String = filter(&raw.nfc().collect::<Vec<_>>()).nfc().collect();
            prop_assert_eq!(long_way.trim(), raw.trim());
        }
    }

    #[test]
    fn no_control_and_nothing_turned_around_is_left(raw in awkward()) {
        let clean = text(&raw);
        let left = clean.chars().find(|c| (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}' | '\u{ad}'));
        prop_assert_eq!(left, None);
        let one_line = line(&raw);
        prop_assert!(!one_line.contains(['\n', '\t']) && !one_line.contains("  "));
    }

    #[test]
    fn a_cut_text_fits_and_is_a_beginning(raw in any::<String>(), bytes in 0..40usize) {
        prop_assert!(cut(&raw, bytes).len() <= bytes && raw.starts_with(cut(&raw, bytes)));
    }
}

#[test]
fn tags_are_taken_out_of_names() {
    for (raw, expected) in [
        ("<b>Ada</b> Lovelace", "Ada Lovelace"),
        ("<<b>script>Ada", "Ada"),
        ("Ada <3", "Ada <3"),
        ("a < b > c", "a < b > c"),
        ("Ada <!-- x -->L", "Ada L"),
        ("Ada\r\n  L.", "Ada L."),
        ("<<<<b>b>b>", "<"),
        ("<unclosed", "<unclosed"),
    ] {
        assert_eq!(name(raw), expected, "{raw:?}");
    }
}

#[test]
fn line_ends_become_line_feeds() {
    assert_eq!(text("a\r\nb\rc\u{2028}d\u{85}e\n\nf\tg"), "a\nb\nc\nd\ne\n\nf\tg");
}

#[test]
fn an_empty_looking_text_is_not_visible() {
    for unseen in ["", " \n\u{3000}", "\u{2800}\u{2800}", "\u{301}", "\u{200f}\u{fe0f}"] {
        assert!(!is_visible(unseen), "{unseen:?}");
    }
    for seen in ["a", "。", "🙂", "1"] {
        assert!(is_visible(seen), "{seen:?}");
    }
}

#[test]
fn piles_of_marks_are_cut_and_living_ones_are_not() {
    let pile = format!("a{}", "\u{334}".repeat(50));
    assert_eq!(text(&pile).chars().count(), 1 + MAX_MARKS);
    for living in ["שָׁ֖לוֹם", "ปู่", "བསྒྲུབས", "Việt"] {
        assert_eq!(text(living), living.nfc().collect::<String>());
    }
}
