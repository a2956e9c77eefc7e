//! What a WordPress site owner expects, option by option (rules 12 to 16 of `wp-includes/comment.php`).

use rejoinder_proto::v1::{Comment, Verdict};
use rejoinder_spam_filter::{Facts, Mode, Policy, signals::name};
use rstest::rstest;

use crate::support::{approved, author, outcome, plain, post, text};

fn hold(word: &str) -> Policy {
    Policy { hold_words: vec![word.into()], ..post() }
}

fn reject(word: &str) -> Policy {
    Policy { reject_words: vec![word.into()], ..Policy::default() }
}

#[test]
fn comment_moderation_holds_all() {
    let pre = Policy { mode: Mode::Pre, ..Policy::default() };
    assert_eq!(outcome(&plain(), &approved(Some(true)), &pre).0, Verdict::Hold);
}

#[rstest]
#[case(2, 1, Verdict::Approve)]
#[case(2, 2, Verdict::Hold)]
#[case(5, 4, Verdict::Approve)]
#[case(5, 5, Verdict::Hold)]
#[case(0, 9, Verdict::Approve)]
fn comment_max_links(#[case] limit: u32, #[case] links: u32, #[case] verdict: Verdict) {
    let body: Vec<_> = (0..links).map(|n| format!("http://{n}.example")).collect();
    let policy = Policy { hold_at_links: limit, link_weight: 0.0, ..post() };
    assert_eq!(outcome(&text(&body.join(" ")), &Facts::default(), &policy).0, verdict);
}

fn everywhere() -> Comment {
    let mut comment = plain();
    let mut author = author("Naomi Klöver", "klara@address.example");
    author.url = "https://homepage.example/".into();
    comment.author = Some(author);
    comment
}

#[rstest]
#[case::name("NAOMI kl")]
#[case::name_beyond_ascii("KLÖVER")]
#[case::email("@address.example")]
#[case::url("homepage")]
#[case::text("Harbour Works")]
#[case::inside_a_word("arbou")]
#[case::ip("192.0.2.")]
#[case::user_agent("mozilla/5")]
fn both_lists_are_substrings_of_every_field(#[case] word: &str) {
    let (verdict, signals) = outcome(&everywhere(), &Facts::default(), &hold(word));
    assert_eq!((verdict, signals[0].0.as_str()), (Verdict::Hold, name::HOLD_WORDS));
    let (verdict, signals) = outcome(&everywhere(), &Facts::default(), &reject(word));
    assert_eq!((verdict, signals[0].0.as_str()), (Verdict::Spam, name::REJECT_WORDS));
}

#[rstest]
#[case::absent("lighthouse")]
#[case::blank(" ")]
#[case::across_fields("klöver klara")]
fn other_words_are_not_found(#[case] word: &str) {
    assert_eq!(outcome(&everywhere(), &Facts::default(), &hold(word)).0, Verdict::Approve);
}

#[test]
fn a_list_may_be_pasted_with_one_word_a_line() {
    let policy = hold("lighthouse\r\n\n  harbour  \n");
    assert_eq!(outcome(&plain(), &Facts::default(), &policy).0, Verdict::Hold);
}

#[test]
fn tags_do_not_hide_a_word_and_neither_does_what_is_not_shown() {
    let comment = Comment {
        text: "vi**ag**ra [here](https://hidden.example)".into(),
        html: "<p>vi<strong>ag</strong>ra <a href=\"https://hidden.example\">here</a></p>".into(),
        ..plain()
    };
    for word in ["viagra", "hidden.example", "**ag**"] {
        assert_eq!(outcome(&comment, &Facts::default(), &reject(word)).0, Verdict::Spam, "{word}");
    }
}

#[rstest]
#[case(author("", "mina@example.org"), Some(true), Verdict::Hold)]
#[case(author("Mina", ""), Some(true), Verdict::Hold)]
#[case(author("Mina", "mina@example.org"), Some(true), Verdict::Approve)]
#[case(author("Mina", "mina@example.org"), Some(false), Verdict::Hold)]
fn comment_previously_approved_takes_name_and_address(
    #[case] author: rejoinder_proto::v1::Author,
    #[case] previously: Option<bool>,
    #[case] verdict: Verdict,
) {
    let comment = Comment { author: Some(author), ..plain() };
    assert_eq!(outcome(&comment, &approved(previously), &Policy::default()).0, verdict);
}

#[test]
fn a_disallowed_word_overrides_approval_and_moderation() {
    for mode in [Mode::Post, Mode::Pre, Mode::FirstTime] {
        let policy = Policy { mode, hold_words: vec!["harbour".into()], ..reject("harbour") };
        let (verdict, signals) = outcome(&plain(), &approved(Some(true)), &policy);
        assert_eq!(verdict, Verdict::Spam);
        // Every rule that spoke is on record, where WordPress keeps only the first.
        assert_eq!(
            signals.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            [name::REJECT_WORDS, name::HOLD_WORDS]
        );
    }
}

#[test]
fn approval_does_not_excuse_links_or_words() {
    let links = text("http://a.example http://b.example");
    assert_eq!(outcome(&links, &approved(Some(true)), &Policy::default()).0, Verdict::Hold);
    let policy = Policy { mode: Mode::FirstTime, ..hold("harbour") };
    assert_eq!(outcome(&plain(), &approved(Some(true)), &policy).0, Verdict::Hold);
}
