//! Each signal: what makes it speak, what does not, and what it is worth.

use rejoinder_proto::v1::{Comment, Verdict};
use rejoinder_spam_filter::{Facts, Mode, ModelScore, Policy, campaign::Seen, signals::name};
use rstest::rstest;

use crate::support::{approved, client, named, outcome, plain, post, screened, text};

use Verdict::{Approve, Hold, Spam};

const SEVEN_LINKS: &str = "http://a.example http://b.example http://c.example http://d.example \
     http://e.example http://f.example http://g.example";

const FLYERS: &str = "<p>We hand out <a href=\"https://a.example/1\">flyers</a> and \
     <a href=\"https://a.example/2\">posters</a> at https://b.example</p>";

fn html(html: &str) -> Comment {
    Comment { html: html.into(), ..plain() }
}

#[rstest]
#[case::nothing(plain(), Approve, &[])]
#[case::one_link(text("the report is at https://port.example/2024.pdf."), Approve, &[(name::LINKS, 1.5)])]
#[case::two_links(text("see https://a.example and www.b.example"), Hold, &[(name::LINKS, 3.0)])]
#[case::rendered_links(html(FLYERS), Hold, &[(name::LINKS, 4.5)])]
#[case::one_link_twice(text("http://a.example and https://www.a.example/"), Approve, &[(name::LINKS, 1.5)])]
#[case::many_links(text(SEVEN_LINKS), Hold, &[(name::LINKS, 8.0)])]
#[case::no_link(text("version 1.2.3 of Node.js, and 10:30 //"), Approve, &[])]
#[case::suspect(text("A payday loan? Really?"), Approve, &[(name::SUSPECT_WORDS, 3.0)])]
#[case::suspects(text("Casino bonus and Viagra"), Hold, &[(name::SUSPECT_WORDS, 8.0)])]
#[case::suspect_inside(text("ask a specialist"), Approve, &[])]
#[case::styled_suspect(text("the best 𝐨𝐧𝐥𝐢𝐧𝐞 𝐜𝐚𝐬𝐢𝐧𝐨"), Spam, &[(name::STYLED_LETTERS, 5.0), (name::SUSPECT_WORDS, 5.0)])]
#[case::styled_once(text("let 𝑥 be ⓐ"), Approve, &[])]
#[case::honeypot(client(|c| c.honeypot_filled = true), Spam, &[(name::HONEYPOT, 10.0)])]
#[case::too_fast(client(|c| c.form_seconds = Some(2.9)), Approve, &[(name::FAST_FORM, 3.0)])]
#[case::fast_enough(client(|c| c.form_seconds = Some(3.0)), Approve, &[])]
#[case::no_clock(client(|c| c.form_seconds = Some(f64::NAN)), Approve, &[])]
#[case::negative_clock(client(|c| c.form_seconds = Some(-1.0)), Approve, &[])]
#[case::shouting(text("THIS IS WHAT I HAVE ALWAYS SAID"), Approve, &[(name::SHOUTING, 1.5)])]
#[case::short_shout(text("OK, THANKS"), Approve, &[])]
#[case::abbreviations(text("NATO and the EU met in Rome, said the BBC"), Approve, &[])]
#[case::run(text("nooooooooooooo, not again"), Approve, &[(name::CHARACTER_RUN, 1.0)])]
#[case::short_run(text("noooooooooo!!!!!!!!!!!"), Approve, &[])]
#[case::rule(text("------------------------------ ......................"), Approve, &[])]
#[case::script_mix(text("log in to pаypal"), Approve, &[(name::SCRIPT_MIX, 3.0)])]
#[case::script_mixes(text("Oнлaйн кaртинa here"), Hold, &[(name::SCRIPT_MIX, 6.0)])]
#[case::script_mixed_suspects(
    text("Oнлaйн кaзинo here"),
    Spam,
    &[(name::SCRIPT_MIX, 6.0), (name::SUSPECT_WORDS, 5.0)]
)]
#[case::hidden_suspect(text("cheap vi\u{200b}agra"), Approve, &[(name::SUSPECT_WORDS, 3.0), (name::OBFUSCATED, 1.5)])]
#[case::leet_suspect(text("cheap v1agr@ viagra"), Approve, &[(name::SUSPECT_WORDS, 3.0)])]
#[case::spaced_suspects(
    text("v i a g r a and c-i-a-l-i-s and c.a.s.i.n.o"),
    Spam,
    &[(name::SUSPECT_WORDS, 8.0), (name::OBFUSCATED, 4.0)]
)]
#[case::only_obfuscated(text("so \u{e0061}b\u{e0062} h\u{200b}ow a\u{200b}bo\u{200b}ut t\u{200b}his"), Approve, &[(name::OBFUSCATED, 4.0)])]
#[case::spelt_out(text("see example [dot] com"), Approve, &[(name::LINKS, 1.5), (name::OBFUSCATED, 1.5)])]
#[case::spelt_out_twice(text("see a-shop(.)com and hxxp://b.example/x"), Hold, &[(name::LINKS, 3.0), (name::OBFUSCATED, 3.0)])]
#[case::own_address(text("write to jane [at] example [dot] com"), Approve, &[])]
#[case::hidden_messenger(text("on Tele\u{200b}gram @mrs_smith_trades"), Approve, &[(name::CONTACT, 3.0), (name::OBFUSCATED, 1.5)])]
#[case::hidden_number(text("ask at +1 202 5\u{2060}5\u{2060}5 0123"), Approve, &[(name::CONTACT, 3.0), (name::OBFUSCATED, 1.5)])]
#[case::name_link(named("Cheap-Shoes.com"), Hold, &[(name::NAME_LINK, 5.0)])]
#[case::name_dot(named("Dr.Smith"), Approve, &[])]
#[case::phone(text("ask her at +1 (202) 555-0123"), Approve, &[(name::CONTACT, 3.0)])]
#[case::messenger(text("WhatsApp her: 202 555 01 23"), Approve, &[(name::CONTACT, 3.0)])]
#[case::handle(text("on Telegram @mrs_smith_trades"), Approve, &[(name::CONTACT, 3.0)])]
#[case::chat(text("join t.me/fast"), Approve, &[(name::CONTACT, 3.0)])]
#[case::about_me(text("I wrote about.me/x and that WhatsApp is down, since 2024-01-31"), Approve, &[])]
#[case::together(
    text("FOREX TRADING WITH MRS SMITH, WHATSAPP +12025550123"),
    Hold,
    &[(name::SUSPECT_WORDS, 5.0), (name::CONTACT, 3.0), (name::SHOUTING, 1.5)]
)]
fn a_comment_gets_its_signals_and_verdict(
    #[case] comment: Comment,
    #[case] verdict: Verdict,
    #[case] signals: &[(&str, f64)],
) {
    let signals: Vec<_> = signals.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
    assert_eq!(outcome(&comment, &Facts::default(), &post()), (verdict, signals));
}

#[rstest]
#[case(Policy { link_weight: 0.0, hold_at_links: 0, ..post() }, text("http://a.example http://b.example"))]
#[case(Policy { suspect_words: [].into(), ..post() }, text("casino bonus"))]
#[case(Policy { suspect_words: [("casino".into(), 0.0)].into(), ..post() }, text("casino bonus"))]
#[case(Policy { honeypot_weight: 0.0, ..post() }, client(|c| c.honeypot_filled = true))]
#[case(Policy { fast_form_weight: 0.0, ..post() }, client(|c| c.form_seconds = Some(0.0)))]
#[case(Policy { min_form_seconds: 0.0, ..post() }, client(|c| c.form_seconds = Some(0.0)))]
#[case(Policy { shouting_weight: 0.0, ..post() }, text("THIS IS WHAT I HAVE ALWAYS SAID"))]
#[case(Policy { run_weight: 0.0, ..post() }, text("nooooooooooooo"))]
#[case(Policy { script_mix_weight: 0.0, ..post() }, text("log in to pаypal"))]
#[case(Policy { obfuscated_weight: 0.0, ..post() }, text("h\u{200b}ow a\u{200b}bo\u{200b}ut t\u{200b}his"))]
#[case(Policy { styled_letters_weight: 0.0, ..post() }, text("𝐊𝐄𝐉𝐔"))]
#[case(Policy { name_link_weight: 0.0, ..post() }, named("shoes.com"))]
#[case(Policy { contact_weight: 0.0, ..post() }, text("t.me/fast"))]
fn every_signal_can_be_turned_off(#[case] policy: Policy, #[case] comment: Comment) {
    assert_ne!(outcome(&comment, &Facts::default(), &post()).1, [], "it does not speak by default");
    assert_eq!(outcome(&comment, &Facts::default(), &policy), (Approve, vec![]));
}

#[rstest]
#[case(0, Approve, &[])]
#[case(1, Hold, &[(name::REPEATED_TEXT, 5.0)])]
#[case(2, Hold, &[(name::REPEATED_TEXT, 8.0)])]
#[case(u32::MAX, Hold, &[(name::REPEATED_TEXT, 8.0)])]
fn copies_add_up(#[case] earlier_copies: u32, #[case] verdict: Verdict, #[case] signals: &[(&str, f64)]) {
    let facts = Facts { seen: Seen { copies: earlier_copies, ..Seen::default() }, ..Facts::default() };
    let signals: Vec<_> = signals.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
    assert_eq!(outcome(&plain(), &facts, &post()), (verdict, signals));
    let off = Policy { repeat_weight: 0.0, ..post() };
    assert_eq!(outcome(&plain(), &facts, &off), (Approve, vec![]));
}

#[rstest]
#[case(-3.0, "see https://a.example and https://b.example", Hold)]
#[case(-3.0, "a fine day at the harbour", Approve)]
#[case(5.0, "a fine day at the harbour", Hold)]
#[case(12.0, "a fine day at the harbour", Spam)]
#[case(f64::NAN, "a fine day at the harbour", Hold)]
fn a_learned_model_is_one_more_signal(#[case] weight: f64, #[case] said: &str, #[case] verdict: Verdict) {
    let model = ModelScore {
        weight,
        at_least: Verdict::Unspecified,
        reason: "looks like others before".into(),
        version: "m1".into(),
    };
    let screened = screened(&text(said), &Facts { model: Some(model), ..Facts::default() }, &post());
    assert_eq!((screened.verdict(), screened.model_version.as_str()), (verdict, "m1"));
    assert!(screened.signals.iter().any(|signal| signal.name == name::LEARNED));
    assert!(screened.score.is_finite());
}

#[rstest]
#[case(Mode::Post, None, Approve, None)]
#[case(Mode::Post, Some(false), Approve, None)]
#[case(Mode::Pre, Some(true), Hold, Some(name::PRE_MODERATION))]
#[case(Mode::Pre, Some(false), Hold, Some(name::PRE_MODERATION))]
#[case(Mode::FirstTime, Some(true), Approve, None)]
#[case(Mode::FirstTime, Some(false), Hold, Some(name::FIRST_TIME_AUTHOR))]
#[case(Mode::FirstTime, None, Hold, Some(name::FIRST_TIME_AUTHOR))]
fn the_mode_says_who_waits(
    #[case] mode: Mode,
    #[case] previously: Option<bool>,
    #[case] verdict: Verdict,
    #[case] signal: Option<&str>,
) {
    let (found, signals) = outcome(&plain(), &approved(previously), &Policy { mode, ..Policy::default() });
    assert_eq!(found, verdict);
    assert_eq!(signals.first().map(|(name, _)| name.as_str()), signal);
}

#[test]
fn the_strongest_signal_comes_first_and_the_score_is_the_sum() {
    let mut comment = text("SEE http://a.example AND http://b.example, THE BEST ONLINE CASINO OF THE WORLD");
    comment.client.get_or_insert_default().honeypot_filled = true;
    let screened = screened(&comment, &Facts::default(), &post());
    let names: Vec<_> = screened.signals.iter().map(|signal| signal.name.as_str()).collect();
    assert_eq!(names, [name::HONEYPOT, name::LINKS, name::SUSPECT_WORDS]);
    let sum: f64 = screened.signals.iter().map(|signal| signal.weight).sum();
    assert_eq!(screened.score, sum);
    assert_eq!(screened.comment, Some(comment));
    assert_eq!(screened.policy_version, post().version());
    assert_eq!(screened.model_version, "");
}

#[test]
fn reasons_are_for_moderators_and_never_quote_the_comment() {
    let reason = |comment: &Comment| screened(comment, &Facts::default(), &post()).signals[0].reason.clone();
    assert_eq!(
        reason(&text("http://a.example/secret http://b.example")),
        "it has 2 links, and 1 is allowed: a.example, b.example"
    );
    assert_eq!(reason(&text("http://a.example")), "it has 1 link: a.example");
    assert_eq!(reason(&text("secret casino bonus")), r#"it uses words that spam likes: "casino", "casino bonus""#);
    let comment = text("SECRET SECRET SECRET SECRET pаypаl 𝐬𝐞𝐜𝐫𝐞𝐭 secreeeeeeeeeeeeeeeet +12025550123");
    for signal in screened(&comment, &Facts::default(), &post()).signals {
        let reason = signal.reason.to_lowercase();
        assert!(!reason.contains("secre") && !reason.contains("202"), "{reason}");
    }
}
