use chrono::TimeDelta;
use proptest::prelude::*;
use rejoinder_proto::{Timestamp, from_millis, v1};
use rejoinder_validator::{Fields, Policy, UrlScheme, check_fields};

use crate::support::{NOW, submitted};

fn author(event: &mut v1::CommentSubmitted) -> &mut v1::Author {
    event.author.get_or_insert_default()
}

fn thread(event: &mut v1::CommentSubmitted) -> &mut v1::Thread {
    event.thread.get_or_insert_default()
}

fn checked(change: impl FnOnce(&mut v1::CommentSubmitted, &mut Policy)) -> Result<Fields, Vec<String>> {
    let (mut event, mut policy) = (submitted(1), Policy::default());
    change(&mut event, &mut policy);
    check_fields(&event, &policy).map_err(|errors| {
        for error in &errors {
            assert!(error.message.len() > 10, "{error:?} says too little");
        }
        errors.iter().map(|error| format!("{} {}", error.field.name(), error.code.word())).collect()
    })
}

type Change = fn(&mut v1::CommentSubmitted, &mut Policy);

const WRONG: &[(&str, &str, Change)] = &[
    ("no site", "site required", |e, _| e.site.clear()),
    ("no thread", "thread required", |e, _| e.thread = None),
    ("no thread id", "thread required", |e, _| thread(e).id.clear()),
    ("blank thread id", "thread required", |e, _| thread(e).id = " \t".into()),
    ("long thread id", "thread too_long", |e, _| thread(e).id = "x".repeat(501)),
    ("nul in thread id", "thread syntax", |e, _| thread(e).id = "a\0b".into()),
    ("thread url", "thread syntax", |e, _| thread(e).url = "javascript:alert(1)".into()),
    ("long thread url", "thread too_long", |e, _| thread(e).url = format!("https://a.b/{}", "x".repeat(2_000))),
    ("thread date", "thread syntax", |e, _| thread(e).published_at = Some(Timestamp { seconds: i64::MAX, nanos: 0 })),
    ("closed by publisher", "thread closed", |e, _| thread(e).closed = true),
    ("closed by policy", "thread closed", |_, p| {
        p.closed_threads.insert("a".into());
    }),
    ("closed by age", "thread closed", |e, p| {
        p.close_after_days = 14;
        thread(e).published_at = Some(from_millis(NOW - TimeDelta::days(14).num_milliseconds() - 1));
    }),
    ("parent", "parent syntax", |e, _| e.parent_id = "17".into()),
    ("no name", "name required", |e, _| author(e).name.clear()),
    ("unseen name", "name required", |e, _| author(e).name = "\u{3164}\u{200b}".into()),
    ("tags for a name", "name required", |e, _| author(e).name = "<b></b>".into()),
    ("long name", "name too_long", |e, _| author(e).name = "x".repeat(246)),
    ("long name in bytes", "name too_long", |e, _| author(e).name = "é".repeat(123)),
    ("very long name", "name too_long", |e, _| author(e).name = "<".repeat(900_000)),
    ("no email", "email required", |e, _| author(e).email = " ".into()),
    ("email", "email syntax", |e, _| author(e).email = "reader".into()),
    ("email lines", "email syntax", |e, _| author(e).email = "a@b.co\nBcc: c@d.eu".into()),
    ("long email", "email too_long", |e, _| author(e).email = format!("{}@example.org", "x".repeat(89))),
    ("no author", "name required, email required", |e, _| e.author = None),
    ("email when optional", "email syntax", |e, p| {
        p.require_name_email = false;
        author(e).email = "reader".into()
    }),
    ("url", "url syntax", |e, _| author(e).url = "not a page".into()),
    ("url scheme", "url scheme", |e, _| author(e).url = "javascript:alert(1)".into()),
    ("url http not allowed", "url scheme", |e, p| {
        p.url_schemes.remove(&UrlScheme::Http);
        author(e).url = "http://a.b".into()
    }),
    ("url credentials", "url credentials", |e, _| author(e).url = "https://me:pw@example.org".into()),
    ("long url", "url too_long", |e, _| author(e).url = format!("https://a.b/{}", "x".repeat(189))),
    ("long url when encoded", "url too_long", |e, _| author(e).url = format!("https://a.b/{}", "م".repeat(40))),
    ("no body", "body required", |e, _| e.body.clear()),
    ("blank body", "body required", |e, _| e.body = " \n\u{3000}\u{200b}\0".into()),
    ("long body", "body too_long", |e, _| e.body = "x".repeat(65_526)),
    ("very long body", "body too_long", |e, _| e.body = "x".repeat(2_000_000)),
    ("no time", "submitted_at required", |e, _| e.submitted_at = None),
    ("impossible time", "submitted_at syntax", |e, _| e.submitted_at = Some(Timestamp { seconds: 0, nanos: -1 })),
    ("time out of range", "submitted_at syntax", |e, _| {
        e.submitted_at = Some(Timestamp { seconds: i64::MIN, nanos: 0 })
    }),
];

#[test]
fn a_wrong_field_is_named() {
    for (case, expected, change) in WRONG {
        let errors = checked(change).expect_err(case);
        assert_eq!(errors.join(", "), *expected, "{case}");
    }
}

const RIGHT: &[(&str, Change)] = &[
    ("longest name", |e, _| author(e).name = "x".repeat(245)),
    ("longest email", |e, _| author(e).email = format!("{}@{}.example.org", "x".repeat(60), "d".repeat(27))),
    ("longest body", |e, _| e.body = "x".repeat(65_525)),
    ("longest body when composed", |e, _| e.body = "e\u{301}".repeat(30_000)),
    ("longest thread id", |e, _| thread(e).id = "x".repeat(500)),
    ("optional author", |e, p| {
        p.require_name_email = false;
        e.author = None
    }),
    ("no client", |e, _| e.client = None),
    ("just young enough", |e, p| {
        p.close_after_days = 14;
        thread(e).published_at = Some(from_millis(NOW - TimeDelta::days(14).num_milliseconds()));
    }),
    ("old but never closing", |e, _| thread(e).published_at = Some(from_millis(0))),
    ("another thread is closed", |_, p| {
        p.closed_threads.insert("b".into());
    }),
];

#[test]
fn what_is_allowed_passes() {
    for (case, change) in RIGHT {
        checked(change).expect(case);
    }
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let errors = check_fields(&v1::CommentSubmitted::default(), &Policy::default()).expect_err("all is wrong");
    let fields: Vec<_> = errors.iter().map(|error| error.field.name()).collect();
    assert_eq!(fields, ["site", "submitted_at", "thread", "name", "email", "body"]);
}

#[test]
fn the_message_says_what_is_allowed_and_quotes_nobody() {
    let mut event = submitted(1);
    author(&mut event).name = "secret".repeat(100);
    author(&mut event).email = "secret".into();
    let errors = check_fields(&event, &Policy::default()).expect_err("two fields are wrong");
    assert!(errors[0].message.contains("245 bytes"), "{:?}", errors[0]);
    assert!(errors.iter().all(|error| !error.message.contains("secret")), "{errors:?}");
}

#[test]
fn fields_come_out_normalised() {
    let fields = checked(|e, _| {
        *author(e) = v1::Author {
            name: "  <b>Ada</b>\r\nLove\u{200b}lace ".into(),
            email: " Ada@Example.org\u{feff} ".into(),
            url: " example.org/ada ".into(),
        };
        e.body = "\r\ncafe\u{301}\r\n*bold*\0 ".into();
        e.client = Some(v1::Client {
            ip: "::FFFF:192.0.2.1".into(),
            user_agent: "é".repeat(200),
            referrer: "https://a.b/\nx".into(),
            honeypot_filled: true,
            form_seconds: Some(f64::NAN),
        });
        thread(e).title = "T\n<i>".into();
        e.submitted_at = Some(Timestamp { seconds: 1, nanos: 1_999 });
    })
    .expect("nothing is wrong");
    let v1::Author { name, email, url } = &fields.author;
    assert_eq!(
        (name.as_str(), email.as_str(), url.as_str()),
        ("Ada Lovelace", "Ada@Example.org", "https://example.org/ada")
    );
    assert_eq!(fields.email_key(), "ada@example.org");
    assert_eq!(fields.text, "café\n*bold*");
    assert_eq!(fields.html, "<p>café<br>\n<em>bold</em></p>");
    assert_eq!(fields.client.ip, "192.0.2.1");
    assert_eq!(fields.client.user_agent, "é".repeat(127));
    assert_eq!(fields.client.referrer, "https://a.b/ x");
    assert_eq!((fields.client.honeypot_filled, fields.client.form_seconds), (true, None));
    assert_eq!(fields.thread.title, "T <i>");
    assert_eq!(fields.submitted_at.timestamp_subsec_nanos(), 1_000);
}

#[test]
fn an_address_has_one_spelling_whatever_hides_in_it() {
    let ip = |written: &str| {
        checked(|e, _| e.client = Some(v1::Client { ip: written.into(), ..Default::default() }))
            .map(|fields| fields.client.ip)
            .expect("nothing is wrong")
    };
    for written in ["192.0.2.1", " ::FFFF:192.0.2.1\n", "::f\u{fe0e}fff:192.0.2.1", "192.0.\u{200b}2.1"] {
        assert_eq!(ip(written), "192.0.2.1", "{written:?}");
    }
    // A capital whose small letter is longer.
    assert_eq!(ip(&"\u{130}".repeat(40)).len(), 64);
}

#[test]
fn a_cut_leaves_nothing_that_would_be_cleaned_away() {
    let titled = |title: &str| checked(|e, _| thread(e).title = title.into()).expect("nothing is wrong").thread.title;
    // The cut parts a pair of emoji; what joined them joins nothing any more.
    let cut = titled(&format!("{}\u{1f469}\u{200d}\u{1f469}", "x".repeat(493)));
    assert_eq!(cut, format!("{}\u{1f469}", "x".repeat(493)));
    assert_eq!(titled(&cut), cut);
}

proptest! {
    #[test]
    fn no_event_makes_it_panic(
        words in proptest::collection::vec(any::<String>(), 11), seconds in any::<i64>(), nanos in any::<i32>(),
    ) {
        let [site, id, url, title, parent_id, name, email, page, body, ip, user_agent] = words.try_into().expect("eleven");
        let time = Some(Timestamp { seconds, nanos });
        let event = v1::CommentSubmitted {
            id: String::new(),
            site,
            thread: Some(v1::Thread { id, url, title, published_at: time, closed: false }),
            parent_id,
            author: Some(v1::Author { name, email, url: page }),
            body,
            client: Some(v1::Client { ip, referrer: user_agent.clone(), user_agent, ..Default::default() }),
            submitted_at: time,
        };
        let _ = check_fields(&event, &Policy { close_after_days: u32::MAX, ..Policy::default() });
    }

    #[test]
    fn what_was_accepted_is_accepted_unchanged(body in any::<String>(), name in any::<String>()) {
        let mut event = submitted(1);
        event.body = body;
        author(&mut event).name = name;
        if let Ok(fields) = check_fields(&event, &Policy::default()) {
            event.body = fields.text.clone();
            author(&mut event).name = fields.author.name.clone();
            prop_assert_eq!(check_fields(&event, &Policy::default()), Ok(fields));
        }
    }
}
