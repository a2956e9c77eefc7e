//! What the normaliser undoes, and what it leaves alone.

use std::{collections::HashMap, sync::LazyLock};

use decancer::{Translation, cure_char};
use proptest::prelude::*;
use rejoinder_spam_filter::normal::{Normal, Obfuscations, normalise};
use rstest::rstest;
use unicode_normalization::UnicodeNormalization;

fn found(kind: impl FnOnce(&mut Obfuscations)) -> Obfuscations {
    let mut found = Obfuscations::default();
    kind(&mut found);
    found
}

#[rstest]
#[case::zero_width("buy vi\u{200b}ag\u{2060}ra", "buy viagra", found(|o| o.hidden = 1))]
#[case::joiners("vi\u{200c}ag\u{200d}ra ca\u{200c}sino", "viagra casino", found(|o| o.hidden = 2))]
#[case::selectors("v\u{fe0f}i\u{fe0e}agra", "viagra", found(|o| o.hidden = 1))]
#[case::filler("via\u{3164}gra v\u{115f}iagra", "viagra viagra", found(|o| o.hidden = 2))]
#[case::tags("hello\u{e0062}\u{e0075}\u{e0079}", "hello", found(|o| o.hidden = 1))]
#[case::private("cas\u{e000}ino", "casino", found(|o| o.hidden = 1))]
#[case::isolates("ca\u{2066}si\u{2069}no", "casino", found(|o| o.hidden = 1))]
#[case::backwards("buy \u{202e}argaiv\u{202c} now", "buy viagra now", found(|o| o.hidden = 1))]
#[case::zalgo("v̶̢̛i̷a̴g̸r̵a̶", "viagra", found(|o| o.marks = 1))]
#[case::thai_marks("v้i้a้g้r้a้", "viagra", found(|o| o.marks = 1))]
#[case::mathematical("𝐜𝐚𝐬𝐢𝐧𝐨 𝕧𝕚𝕒𝕘𝕣𝕒 𝒻𝑜𝓇𝑒𝓍", "casino viagra forex", found(|o| o.drawn = 3))]
#[case::enclosed("ⓥⓘⓐⓖⓡⓐ 🅲🅰🆂🅸🅽🅾 🅥🅘🅐🅖🅡🅐", "viagra casino viagra", found(|o| o.drawn = 3))]
#[case::in_brackets("⒱⒤⒜⒢⒭⒜ 🄲🄰🅂🄸🄽🄾", "viagra casino", found(|o| o.drawn = 2))]
#[case::cyrillic_among_small_capitals("ᴏғғᴇʀs ғᴏʀ ʟɪғᴇ", "offers for life", found(|o| o.drawn = 2))]
#[case::small_capitals("ᴠɪᴀɢʀᴀ ᶜᵃˢⁱⁿᵒ", "viagra casino", found(|o| o.drawn = 2))]
#[case::regional("🇻🇮🇦🇬🇷🇦", "viagra", found(|o| o.drawn = 1))]
#[case::full_width("ｃａｓｉｎｏ", "casino", found(|_| ()))]
#[case::cyrillic_in_latin("сasinо pаypal ВITCOIN", "casino paypal bitcoin", found(|o| o.look_alikes = 2))]
#[case::latin_in_cyrillic("Кaзинo oнлaйн", "казино онлайн", found(|o| o.look_alikes = 2))]
#[case::greek("νiαgrα", "viagra", found(|o| o.look_alikes = 1))]
#[case::loose("viagяa cаsиno", "viagra casnno", found(|o| o.look_alikes = 2))]
#[case::cherokee_and_lisu("caᏚino viꓮgra", "casino viagra", found(|o| o.look_alikes = 2))]
#[case::islands("v工agra caรino", "viagra casino", found(|o| o.look_alikes = 2))]
#[case::currency("ca₴ino pr€tty", "casino pretty", found(|o| o.look_alikes = 2))]
#[case::mixed_without_latin("₵₳ѕі₦о", "casino", found(|o| o.look_alikes = 1))]
#[case::ransom_note("c𝐚si𝗻o viⓐgr🅰", "casino viagra", found(|o| o.look_alikes = 2))]
#[case::spaced("v i a g r a and c-a-s-i-n-o", "viagra and casino", found(|o| o.spaced = 2))]
#[case::dotted("v.i.a.g.r.a v_i_a_g_r_a", "viagra viagra", found(|o| o.spaced = 2))]
#[case::two_words("b u y  v i a g r a  now", "buy  viagra  now", found(|o| o.spaced = 1))]
#[case::spaced_leet("c 4 s 1 n o", "c4s1no", found(|o| o.spaced = 1))]
#[case::pictures("v💰i💰a💰g💰r💰a", "viagra", found(|o| o.spaced = 1))]
#[case::wide_pictures("v ❤️ i 🔥 a ❤️ g ❤️ r ❤️ a", "viagra", found(|o| o.spaced = 1))]
#[case::torn("su🔥bsc💰ribe now", "su🔥bsc💰ribe now", found(|o| o.spaced = 1))]
#[case::torn_by_signs("sub~scr~ibe to my•ch•ann•el", "sub~scr~ibe to my•ch•ann•el", found(|o| o.spaced = 2))]
#[case::pictures_between_words("i🔥love💰you❤so😍much", "i🔥love💰you❤so😍much", found(|_| ()))]
#[case::spaced_twins("v і а g r а", "viagra", found(|o| { o.spaced = 1; o.look_alikes = 1; }))]
#[case::domain("go to example [dot] com or other(.)org", "go to example.com or other.org", found(|o| o.domains = 2))]
#[case::spoken("visit cheap-pills dot com today", "visit cheap-pills.com today", found(|o| o.domains = 1))]
#[case::labels("www [dot] example [dot] co [dot] uk", "www.example.co.uk", found(|o| o.domains = 1))]
#[case::mixed_spelling("aa[dot]bb dot com", "aa.bb.com", found(|o| o.domains = 1))]
#[case::scheme("hxxps://evil.example/a", "https://evil.example/a", found(|o| o.domains = 1))]
#[case::mail("jane [at] gmail [dot] com", "jane [at] gmail.com", found(|_| ()))]
fn a_disguise_is_undone(#[case] text: &str, #[case] words: &str, #[case] expected: Obfuscations) {
    let Normal { words: is, obfuscations, .. } = normalise(text);
    assert_eq!((is.as_str(), obfuscations), (words, expected));
}

#[rstest]
#[case("v1agra c@$1n0 f0r3x", "viagra casino forex")]
#[case("ĉàśìñô", "casino")]
#[case("cas•ino via*gra ca💰si💰no", "casino viagra casino")]
#[case("Straße und Øl", "strasse und ol")]
#[case("sub-scribe to my chan_nel - e-mail me-", "subscribe to my channel - email me-")]
#[case("ꓚꓮꓢꓲꓠꓳ ꓐꓳꓠꓴꓢ", "casino bonus")]
#[case("саѕіnо is all that саѕіпо sells here", "casino is all that casino sells here")]
fn the_shadow_goes_further(#[case] text: &str, #[case] shadow: &str) {
    assert_eq!(normalise(text).shadow(), shadow);
}

#[rstest]
#[case::persian("سلام، می‌خواهم کتاب‌های تازه‌ای دربارهٔ تاریخ ایران بخوانم؛ email‌های من را دیدید؟")]
#[case::arabic("السَّلامُ عَلَيْكُمْ وَرَحْمَةُ اللهِ وَبَرَكاتُهُ، مقالٌ رائعٌ جدًا عن iPhone الجديد")]
#[case::hebrew("בְּרֵאשִׁית בָּרָא אֱלֹהִים, תודה על הכתבה בנושא ה-AI")]
#[case::hindi("बहुत अच्छा लेख है, क्ष त्र ज्ञ और र्‍य भी ठीक दिखते हैं।")]
#[case::malayalam("വളരെ നല്ല ലേഖനം, അവന്‍ വന്നു")]
#[case::bengali("খুব সুন্দর লেখা, ধন্যবাদ! অ্যাপটা ভালো")]
#[case::tamil("மிகவும் நல்ல கட்டுரை, நன்றி")]
#[case::sinhala("ශ්‍රී ලංකාව ගැන හොඳ ලිපියක්")]
#[case::chinese("这篇文章写得非常好，我用iphone手机看的。下次见！")]
#[case::japanese("とても参考になりました。pythonでwebアプリを作る人とamazonとgoogleの話。")]
#[case::korean("정말 좋은 글 잘 읽었습니다. a와 b의 차이를 알겠네요 ㅋㅋㅋ")]
#[case::thai("บทความนี้ดีมากครับ อ่านแล้วเข้าใจง่าย\u{200b}ขอบคุณที่แบ่งปัน น้ำ")]
#[case::vietnamese("bài viết rất hay, cảm ơn tác giả đã chia sẻ những kiến thức bổ ích này")]
#[case::turkish("çok güzel bir yazı olmuş, elinize sağlık. ışık ve ılık su")]
#[case::azerbaijani("bu məqalə mənə çox kömək etdi, gələcəkdə də gözləyirəm")]
#[case::hausa("na gode ƙwarai, ɗan uwana ya ɓoye littafin")]
#[case::yoruba("ẹ kú iṣẹ́, ọ̀rọ̀ yìí dára gan-an")]
#[case::german("großartiger artikel über straßenbau, vielen dank für die mühe!")]
#[case::french("ça y est, l'été est là ; où est-ce qu'il y a à boire, à côté de l'œuvre ?")]
#[case::spanish("¡qué artículo tan bueno! ¿cuándo sale el próximo, mañana o pasado?")]
#[case::russian("отличная статья, спасибо! работаю в it, и мой vpnом собранный сервер доволен")]
#[case::ukrainian("дуже цікава стаття, дякую за ґрунтовне пояснення її змісту")]
#[case::greek("πολύ ωραίο άρθρο, το δt και τα μf είναι σωστά")]
#[case::armenian("շատ լավ հոդված է, շնորհակալություն հեղինակին")]
#[case::georgian("ძალიან საინტერესო სტატიაა, smsები მივიღე")]
#[case::amharic("በጣም ጥሩ ጽሑፍ ነው፣ እናመሰግናለን")]
#[case::pictures("love this 👩‍👩‍👧‍👦🇮🇷🏳️‍🌈 ❤️ 🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} 1️")]
#[case::initials("j. r. r. tolkien and i a m in u.s.a. with a b c of it, e.g. a, b, c, d and plan a or b")]
#[case::algebra("if a + b = c and x = y then 1 2 3 4 5 6 7")]
#[case::code("foo_bar-baz a[.]b x|y i.e. asp dot net, version 1 . 2, the dot com bubble, .net and .com")]
fn a_language_comes_through_unharmed(#[case] text: &str) {
    let normal = normalise(text);
    let plain: String = text.nfkc().collect::<String>().to_lowercase();
    assert_eq!((normal.words, normal.obfuscations), (plain, Obfuscations::default()));
}

#[rstest]
#[case::glued_pictures("i💯you sh*t", "i💯you sh*t")]
#[case::soft_hyphens("hy\u{ad}phen\u{ad}ation", "hyphenation")]
#[case::edges("\u{feff}hello\u{200b} world\u{200e}", "hello world")]
#[case::directions("\u{200f}שלום\u{200f} \u{2067}עולם\u{2069}", "שלום עולם")]
#[case::wrong_decoding("Im I\u{92}m here \u{85}", "im i\u{92}m here ")]
#[case::stress("за́мок и замо́к", "замок и замок")]
#[case::dotted_capital("İstanbul IŞIK", "istanbul işik")]
#[case::acronym("the F.B.I. and N.A.T.O.S. met", "the f.b.i. and natos. met")]
#[case::alphabet("grades A B C D E", "grades abcde")]
#[case::one_letter("let 𝑥 be ⓐ", "let x be a")]
#[case::formula("a𝑥b and 2𝑥y𝑧", "axb and 2xyz")]
#[case::pictures_for_spaces("good🔥song🔥now and great😍song💯forever", "good🔥song🔥now and great😍song💯forever")]
fn an_accident_is_no_disguise(#[case] text: &str, #[case] words: &str) {
    let normal = normalise(text);
    assert_eq!((normal.words.as_str(), normal.obfuscations), (words, Obfuscations::default()));
}

static LEET: LazyLock<HashMap<char, char>> =
    LazyLock::new(|| "0o1i3e4a5s7t".chars().collect::<Vec<_>>().chunks(2).map(|pair| (pair[0], pair[1])).collect());

/// The Latin letters that a character passes for, by each of the tables that know it.
fn twins(c: char) -> Vec<String> {
    let cured = |c: char| match cure_char!(c) {
        // A letter drawn like a digit passes for what the digit passes for.
        Translation::Character(digit) if LEET.contains_key(&digit) => LEET[&digit].to_string(),
        Translation::Character(letter) => letter.to_string(),
        Translation::String(letters) => String::from(letters),
        Translation::None => String::new(),
    };
    let lower = c.to_lowercase().map(cured).collect();
    let skeleton = unicode_security::skeleton(&c.to_string()).collect::<String>();
    let composed = c.nfkc().collect::<String>();
    let latin = |twin: &String| (1..=4).contains(&twin.len()) && twin.bytes().all(|b| b.is_ascii_alphabetic());
    let parts = c.nfkc().map(cured).collect();
    [cured(c), lower, skeleton, composed, parts].into_iter().map(|twin| twin.to_lowercase()).filter(latin).collect()
}

#[test]
fn every_letter_that_passes_for_a_latin_one_is_folded_in_a_mixed_word() {
    let mut walked = 0;
    let mut missed = Vec::new();
    // A sharp s is two letters to those who write it.
    for c in ('\u{80}'..='\u{2FFFF}').filter(|c| c.is_alphabetic() && !"ßẞ".contains(*c)) {
        let twins = twins(c);
        if twins.is_empty() {
            continue;
        }
        walked += 1;
        let normal = normalise(&format!("vi{c}gra"));
        if !twins.iter().any(|twin| normal.shadow() == format!("vi{twin}gra")) {
            missed.push(format!("{c} {:04x} {twins:?} {:?}", u32::from(c), normal.shadow()));
        }
    }
    assert!(walked > 7_000, "{walked}");
    assert!(missed.is_empty(), "{} of {walked}: {:?}", missed.len(), &missed[..missed.len().min(60)]);
}

#[test]
fn a_joiner_that_was_kept_for_a_mark_goes_when_another_mark_comes_between() {
    // Canonical order puts the Arabic mark before the accent.
    assert_eq!(normalise("\u{300}\u{64b}\u{200c}").words, "\u{64b}\u{300}");
    assert_eq!(normalise("\u{64b}\u{200c}").words, "\u{64b}\u{200c}");
}

#[test]
fn no_character_has_a_normal_form_that_is_not_its_own() {
    let mut walked = 0;
    let mut moved = Vec::new();
    let dull = |c: &char| matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{AC20}'..='\u{D7A3}' | '\u{10000}'..='\u{1CFFF}');
    for c in ('\0'..='\u{1FFFF}').filter(|c| !dull(c)) {
        // Alone, and beside what is kept or goes by what stands beside it.
        for text in [
            format!("{c}"),
            format!("{c}\u{200D}"),
            format!("\u{200C}{c}"),
            format!("{c}\u{FE0F}"),
            format!("a\u{E000}{c}"),
            format!("\u{115F}{c}\u{1161}"),
            format!("{c}£"),
            format!("{c} о{c}o"),
        ] {
            walked += 1;
            let once = normalise(&text);
            let twice = normalise(&once.words);
            if twice.words != once.words || twice.shadow() != once.shadow() {
                moved.push(text.escape_unicode().to_string());
            }
        }
    }
    assert!(walked > 250_000, "{walked}");
    assert!(moved.is_empty(), "{} of {walked}: {:?}", moved.len(), &moved[..moved.len().min(60)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn normalising_twice_is_normalising_once(
        text in "(\\PC|[a-zа-яα-ω]|[\u{300}-\u{36f}\u{e31}\u{64b}]|[\u{200b}-\u{200f}\u{202a}-\u{202e}\u{fe0f}]|\
                 [. \\-*]|[𝐀-𝚉]|[🇦-🇿]|\\[dot\\]|\\(\\.\\)| dot |com|hxxp://|[Ⲁ-ⲿꭰ-ꮿꓐ-ꓽᴀ-ᴢ₠-₿ก-ฮ一-丿]|\
                 [™©®ℹ㊗\u{fe00}-\u{fe0f}\u{e000}-\u{e010}²-³①-⑨]|[\u{1100}-\u{11ff}]|[ἀ-ῼϢ-ϯ]|[\u{fb1d}-\u{fb4f}]|[ғҒᴀ-ᴢ]){0,40}",
    ) {
        let once = normalise(&text);
        prop_assert!(once.words.len() <= 12 * text.len() && once.shadow().len() <= 12 * text.len());
        let twice = normalise(&once.words);
        prop_assert_eq!(&twice.words, &once.words);
        prop_assert_eq!(twice.shadow(), once.shadow());
    }

    #[test]
    fn prose_is_only_put_in_lower_case(text in "[A-Z]?[a-z]{2,9}( [a-zA-Z]{2,9}|, [a-z]{2,9}|[.!?] [A-Z][a-z]{2,5}){0,20}[.!?]") {
        let normal = normalise(&text);
        prop_assert_eq!(normal.words, text.to_ascii_lowercase());
        prop_assert_eq!((normal.shadow, normal.obfuscations), (None, Obfuscations::default()));
    }
}
