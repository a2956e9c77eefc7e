//! Nothing that is sent breaks the filter or keeps it busy.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use rejoinder_proto::v1::{Author, Client, Comment};
use rejoinder_spam_filter::{
    Facts, Policy, Rules,
    campaign::{Sample, Seen},
    screen,
};
use rstest::rstest;

use crate::support::{plain, text};

/// Full lists, made once.
static WARY: LazyLock<Rules> = LazyLock::new(|| {
    let words = || ["a", "aa", "http", "ж", "赌场", "مفت", "x y"].map(String::from).to_vec();
    let policy = Policy { hold_words: words(), reject_words: words(), ..Policy::default() };
    Rules::new(policy).expect("a policy that can be in force")
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_panics_and_equal_input_has_equal_output(
        text in "(\\PC|<a href=\"|>|</a>|http://|www\\.|@|\\+1 |&amp;|whatsapp|t\\.me/|а|e){0,60}",
        html in "(\\PC|<a href=\"|>|</a>|<|\"|'|&|http://|www\\.|href=){0,60}",
        name in any::<String>(),
        email in any::<String>(),
        seconds in any::<Option<f64>>(),
        copies in any::<u32>(),
        known in any::<Option<bool>>(),
    ) {
        let comment = Comment {
            text,
            html,
            author: Some(Author { name, email, ..Author::default() }),
            client: Some(Client { form_seconds: seconds, ..Client::default() }),
            ..plain()
        };
        let seen = Seen { copies, by_author: copies, by_address: copies, campaign: None };
        let facts = Facts { previously_approved: known, seen, model: None };
        let first = screen(&comment, &facts, &WARY);
        prop_assert!(first.score.is_finite());
        // Compared in writing, since a form's time may be NaN.
        prop_assert_eq!(format!("{first:?}"), format!("{:?}", screen(&comment, &facts, &WARY)));
    }
}

#[test]
fn a_megabyte_of_one_letter_takes_less_than_a_second() {
    quick(&text(&"a".repeat(1_000_000)));
}

/// Three times what the validator lets through, and long enough for what is quadratic to take minutes.
const LONG: usize = 200_000;

#[rstest]
#[case::a_foreign_letter("ж")]
#[case::expanding("ﷺ")]
#[case::marks("e\u{301}\u{323}")]
#[case::almost_domains("a.b_")]
#[case::dots("a.")]
#[case::www("www.")]
#[case::w("w")]
#[case::almost_links("http://")]
#[case::links_in_brackets("http://a/(")]
#[case::users("http://a@!")]
#[case::digits("1")]
#[case::phones("+1")]
#[case::handles("@")]
#[case::messengers("whatsapp @")]
#[case::suspects("casino ")]
#[case::mixed_words("аa ")]
#[case::mixed_word("аa")]
#[case::tags("<a")]
#[case::tags_in_quotes("<a \"'>")]
#[case::entities("&amp")]
#[case::letters_apart("v ")]
#[case::letters_apart_unlike("v i.a")]
#[case::letters_in_pairs("v i  ")]
#[case::zero_width("a\u{200b}")]
#[case::only_zero_width("\u{200b}")]
#[case::piled_up("\u{335}")]
#[case::backwards("\u{202e}a")]
#[case::flags("🇦")]
#[case::islands("工a")]
#[case::strange_letters("ᏚⲀ𝐚₳")]
#[case::spelt_dots("aa[dot]")]
#[case::spoken_dots("aa dot com ")]
#[case::schemes("hxxp://")]
#[case::leet("a1")]
fn time_grows_with_the_length(#[case] piece: &str) {
    let long = piece.repeat(LONG / piece.len());
    let mut comment = text(&long);
    comment.author.get_or_insert_default().name = long.clone();
    quick(&comment);
    quick(&Comment { html: long, ..comment });
}

#[test]
fn ten_thousand_links_take_linear_time() {
    let links: Vec<_> = (0..10_000).map(|n| format!("https://{n}.example/path?q={n}")).collect();
    quick(&text(&links.join(" ")));
    let html: String = links.iter().map(|link| format!("<a href=\"{link}\" rel=\"nofollow\">{link}</a> ")).collect();
    quick(&Comment { html, ..plain() });
}

fn quick(comment: &Comment) {
    LazyLock::force(&WARY);
    in_linear_time(|| assert!(!screen(comment, &Facts::default(), &WARY).signals.is_empty()));
    in_linear_time(|| assert!(Sample::of(comment).is_some()));
}

/// What is linear takes less than a second here, without optimisation and while the other core is busy; what is quadratic,
/// minutes.
const LINEAR: Duration = Duration::from_secs(5);

fn in_linear_time(work: impl FnOnce()) {
    let (wall, ran) = (Instant::now(), processor_time());
    work();
    let taken = match (ran, processor_time()) {
        (Some(from), Some(to)) => to - from,
        _ => wall.elapsed(),
    };
    assert!(taken < LINEAR, "{taken:?}");
}

/// What Linux says that this thread has run so far: a busy machine makes no difference to it.
fn processor_time() -> Option<Duration> {
    let ran = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    ran.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
