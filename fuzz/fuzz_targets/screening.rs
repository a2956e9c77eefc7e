//! The spam filter's reading of a comment: its HTML, its links, its words. It takes events from the log, and so from
//! outside. The input's fields are name, email, URL, IP, text, HTML.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rejoinder_fuzz::fields;
use rejoinder_proto::v1::{self, Verdict};
use rejoinder_spam_filter::{Facts, Policy, Rules, screen};

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let policy = Policy {
        hold_words: words(&["casino", "*free", "قمار"]),
        reject_words: words(&["evil.example"]),
        ..Policy::default()
    };
    Rules::new(policy).expect("a good policy")
});

fuzz_target!(|data: &[u8]| {
    let mut fields = fields(data);
    let mut next = || fields.next().unwrap_or_default();
    let comment = v1::Comment {
        id: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
        site: "news".into(),
        author: Some(v1::Author { name: next(), email: next(), url: next() }),
        client: Some(v1::Client { ip: next(), ..Default::default() }),
        text: next(),
        html: next(),
        ..Default::default()
    };
    let facts = Facts { previously_approved: Some(data.len().is_multiple_of(2)), ..Facts::default() };
    let screened = screen(&comment, &facts, &RULES);
    assert_ne!(screened.verdict(), Verdict::Unspecified);
    assert!(screened.score.is_finite());
    for signal in &screened.signals {
        assert!(signal.weight.is_finite() && !signal.name.is_empty(), "{signal:?}");
        assert!(signal.reason.len() <= 2_000, "a reason of {} bytes", signal.reason.len());
    }
    assert_eq!(screened.comment.as_ref(), Some(&comment), "screening changes nothing");
    assert_eq!(screen(&comment, &facts, &RULES), screened, "equal arguments give equal answers");
});
