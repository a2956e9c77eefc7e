//! Events as the spam filter writes them.

use rejoinder_proto::{from_millis, v1};

/// A held comment in Persian, on the site `news`.
pub fn screened() -> v1::CommentScreened {
    v1::CommentScreened {
        comment: Some(v1::Comment {
            id: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
            site: "news".into(),
            thread: Some(v1::Thread {
                id: "rain".into(),
                url: "https://news.example/rain?a=1&b=2".into(),
                title: "Rain at last — باران آمد".into(),
                ..Default::default()
            }),
            author: Some(v1::Author {
                name: "سارا محمدی".into(),
                email: "sara@reader.example".into(),
                url: "https://blog.example/sara".into(),
            }),
            text: "سلام! این خبر **خوب** است، ولی <b>کِی</b> تمام می‌شود؟ 👩‍👩‍👧\n\nSee https://a.example & https://b.example"
                .into(),
            html: "<p>not used in mails</p>".into(),
            client: Some(v1::Client { ip: "203.0.113.9".into(), ..Default::default() }),
            submitted_at: Some(from_millis(1_780_000_000_000)),
            ..Default::default()
        }),
        verdict: v1::Verdict::Hold.into(),
        signals: vec![
            signal("links", 1.5, "it has 3 links, and 1 is allowed: a.example, b.example"),
            signal("first_time_author", 0.0, "no comment under this name and address has been approved yet"),
            v1::Signal {
                weight: -0.5,
                at_least: 0,
                ..signal("learned", 0.0, "the learned model sees a chance of 0.4 % that it is spam")
            },
        ],
        score: 1.0,
        ..Default::default()
    }
}

fn signal(name: &str, weight: f64, reason: &str) -> v1::Signal {
    v1::Signal { name: name.into(), weight, reason: reason.into(), at_least: v1::Verdict::Hold.into() }
}
