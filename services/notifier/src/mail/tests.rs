use mail_parser::{MessageParser, MimeHeaders};
use rejoinder_proto::{Event, v1::Action};

use super::*;
use crate::{row_id, samples};

fn keys() -> TokenKeys {
    TokenKeys::new([[7u8; 32]]).expect("a long key")
}

fn moderator(name: &str) -> Moderator {
    Moderator { name: name.into(), email: "amin@news.example".parse().expect("an address") }
}

fn settings() -> Settings {
    let from = "comments@news.example".parse().expect("an address");
    Settings { from, public_url: "https://comments.news.example/".into(), ..Settings::default() }
}

fn owed(event: &v1::CommentScreened) -> NewMail {
    let comment = Uuid::parse_str(Event::id(event)).expect("a UUID");
    let created_at = chrono::DateTime::from_timestamp(1_780_000_100, 0).expect("in range");
    let (site, moderator) = ("news".into(), "amin".into());
    NewMail { id: row_id(comment, "amin"), comment, site, moderator, event: event.encode(), created_at, trace: None }
}

fn write(event: &v1::CommentScreened, policy: &Policy) -> Vec<u8> {
    compose(&owed(event), policy, &moderator("امین"), &settings(), &keys()).expect("composes").bytes
}

fn links(text: &str) -> Vec<&str> {
    text.split_whitespace().filter_map(|word| word.strip_prefix("https://comments.news.example/moderate/")).collect()
}

#[test]
fn a_mail_reads_back_as_what_it_should_say() {
    let event = samples::screened();
    let policy = Policy { title: "The News".into(), ..Policy::default() };
    let bytes = write(&event, &policy);
    assert!(bytes.is_ascii(), "any server takes it");
    let mail = MessageParser::default().parse(&bytes).expect("a mail");
    assert_eq!(mail.subject(), Some("[The News] Please moderate: \"\u{2068}Rain at last — باران آمد\u{2069}\""));
    let to = mail.to().and_then(|to| to.first()).expect("a recipient");
    assert_eq!((to.name(), to.address()), (Some("امین"), Some("amin@news.example")));
    assert_eq!(mail.parts.len(), 3);
    let kinds: Vec<_> = mail.parts.iter().map(|part| part.content_type().and_then(|kind| kind.subtype())).collect();
    assert_eq!(kinds, [Some("alternative"), Some("plain"), Some("html")], "text first");

    let text = mail.body_text(0).expect("a text part");
    for part in [
        "> \u{2068}سلام! این خبر **خوب** است، ولی <b>کِی</b> تمام می‌شود؟ 👩‍👩‍👧\u{2069}",
        "> See https://a.example & https://b.example",
        "Author: \u{2068}سارا محمدی\u{2069}",
        "Email: sara@reader.example",
        "IP address: 203.0.113.9",
        "Website: https://blog.example/sara",
        "Submitted: 28 May 2026, 20:26 UTC",
        "https://news.example/rain?a=1&b=2",
        "It was held for a person, with 1.00 points:",
        "- It has 3 links, and 1 is allowed: a.example, b.example. (+1.50 points, asks for a person)",
        "- No comment under this name and address has been approved yet. (asks for a person)",
        "- The learned model sees a chance of 0.4 % that it is spam. (-0.50 points)",
        "until 11 June 2026, 20:28 UTC",
    ] {
        assert!(text.contains(part), "{part} is missing from:\n{text}");
    }
    let html = mail.body_html(0).expect("an HTML part");
    for part in [
        "ولی &#60;b&#62;کِی&#60;/b&#62; تمام",
        "<div dir=\"auto\">سلام! ",
        "<bdi>سارا محمدی</bdi>",
        "It was held for a person, with 1.00 points",
        "+1.50 points",
    ] {
        assert!(html.contains(part), "{part} is missing from:\n{html}");
    }
}

#[test]
fn its_links_are_signed_for_one_moderator_each_for_one_action() {
    let bytes = write(&samples::screened(), &Policy::default());
    let mail = MessageParser::default().parse(&bytes).expect("a mail");
    let text = mail.body_text(0).expect("a text part");
    let created = chrono::DateTime::from_timestamp(1_780_000_100, 0).expect("in range");
    let last_moment = created + chrono::Duration::days(14) - chrono::Duration::milliseconds(1);
    let claims: Vec<_> =
        links(&text).iter().map(|token| keys().verify(token, last_moment).expect("a valid token")).collect();
    let actions: Vec<_> = claims.iter().map(v1::ModerationClaim::action).collect();
    assert_eq!(actions, [Action::Approve, Action::Spam, Action::Trash]);
    for claim in &claims {
        assert_eq!((claim.site.as_str(), claim.thread_id.as_str()), ("news", "rain"));
        assert_eq!((claim.comment_id.as_str(), claim.moderator.as_str()), (samples::screened().id(), "امین"));
    }
    let html = mail.body_html(0).expect("an HTML part");
    assert!(links(&text).iter().all(|token| html.contains(&format!("/moderate/{token}\""))));
    let expired = last_moment + chrono::Duration::milliseconds(1);
    assert!(links(&text).iter().all(|token| keys().verify(token, expired).is_err()));
}

#[test]
fn headers_group_a_thread_and_name_a_mail() {
    let event = samples::screened();
    let bytes = write(&event, &Policy::default());
    assert_eq!(bytes, write(&event, &Policy::default()), "a resend is the same mail");
    let mail = MessageParser::default().parse(&bytes).expect("a mail");
    let id = format!("held.{}@news.example", owed(&event).id);
    assert_eq!(mail.message_id(), Some(id.as_str()));
    assert_eq!(mail.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
    assert_eq!(mail.header_raw("List-Id").map(str::trim), Some("<held-comments.news.news.example>"));
    assert_eq!(mail.date().map(|date| date.to_timestamp()), Some(1_780_000_100));
    let root = |bytes: &[u8]| {
        let mail = MessageParser::default().parse(bytes).expect("a mail");
        assert_eq!(mail.references().as_text(), mail.in_reply_to().as_text());
        mail.references().as_text().expect("a root").to_owned()
    };
    let mut other = samples::screened();
    let comment = other.comment.get_or_insert_default();
    comment.id = "0190163d-8694-739b-aea5-966c26f8ad92".into();
    let sibling = write(&other, &Policy::default());
    assert_eq!(root(&bytes), root(&sibling), "one thread, one root");
    assert_ne!(mail.message_id(), MessageParser::default().parse(&sibling).expect("a mail").message_id());
    other.comment.get_or_insert_default().thread.get_or_insert_default().id = "sun".into();
    assert_ne!(root(&bytes), root(&write(&other, &Policy::default())));
}

#[test]
fn nothing_that_people_write_becomes_a_header_or_markup() {
    let attack = "x\r\nBcc: evil@evil.example\r\n\r\n<script>alert(1)</script>\u{202e}";
    let mut event = samples::screened();
    event.signals[0].reason = attack.into();
    let comment = event.comment.get_or_insert_default();
    let thread = comment.thread.get_or_insert_default();
    (thread.title, thread.url) = (attack.into(), format!("https://a.example/\"><script>{attack}"));
    let author = comment.author.get_or_insert_default();
    (author.name, author.email, author.url) = (attack.into(), attack.into(), attack.into());
    comment.client.get_or_insert_default().ip = attack.into();
    comment.text = attack.into();
    let policy = Policy { title: attack.into(), ..Policy::default() };
    let bytes = compose(&owed(&event), &policy, &moderator(attack), &settings(), &keys()).expect("composes").bytes;

    let mail = MessageParser::default().parse(&bytes).expect("a mail");
    let names: Vec<_> = mail.headers().iter().map(|header| header.name()).collect();
    let known = [
        "Message-ID",
        "Date",
        "From",
        "To",
        "Subject",
        "In-Reply-To",
        "References",
        "List-Id",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ];
    assert!(names.iter().all(|name| known.iter().any(|known| known.eq_ignore_ascii_case(name))), "{names:?}");
    assert_eq!(mail.to().map(|to| to.iter().count()), Some(1));
    assert_eq!(mail.parts.len(), 3);
    let html = mail.body_html(0).expect("an HTML part");
    assert!(!html.contains("<script") && !html.contains("a.example/\""), "{html}");
    let text = mail.body_text(0).expect("a text part");
    assert!(!text.contains('\u{202e}') && !html.contains('\u{202e}'));
    assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
}

#[test]
fn addresses_are_left_out_where_the_policy_says_so() {
    let policy = Policy { show_author_address: false, ..Policy::default() };
    let bytes = write(&samples::screened(), &policy);
    let mail = MessageParser::default().parse(&bytes).expect("a mail");
    let whole = format!("{}{}", mail.body_text(0).expect("text"), mail.body_html(0).expect("HTML"));
    for private in ["sara@reader.example", "203.0.113.9", "Email", "IP address"] {
        assert!(!whole.contains(private), "{private}");
    }
}

#[test]
fn only_web_pages_are_linked() {
    let mut event = samples::screened();
    event.comment.get_or_insert_default().thread.get_or_insert_default().url = "javascript:alert(1)".into();
    let bytes = write(&event, &Policy::default());
    assert!(
        !MessageParser::default().parse(&bytes).expect("a mail").body_html(0).expect("HTML").contains("javascript")
    );
}

#[test]
fn a_comment_with_nothing_but_an_id_makes_a_mail_too() {
    let id = samples::screened().id().to_owned();
    let event = v1::CommentScreened { comment: Some(v1::Comment { id, ..Default::default() }), ..Default::default() };
    let bytes = write(&event, &Policy::default());
    let mail = MessageParser::default().parse(&bytes).expect("a mail");
    assert!(mail.body_text(0).expect("text").contains("- Nothing spoke against it."));
}

#[test]
fn a_row_without_an_event_is_refused() {
    let mut row = owed(&samples::screened());
    row.event = vec![0xff];
    let refused = compose(&row, &Policy::default(), &moderator("a"), &settings(), &keys());
    assert!(matches!(refused, Err(ComposeError::Event)));
}
