//! A comment that was screened before is judged by another policy.

use rejoinder_proto::v1::{self, CommentScreened, Verdict};
use rejoinder_spam_filter::{Mode, Policy, Reading, Rules, author_then, screen_again, signals::name};

use crate::support::{approved, post, screened, text};

fn again(first: &CommentScreened, known: Option<bool>, policy: Policy) -> CommentScreened {
    let rules = Rules::new(policy).expect("a policy that can be in force");
    let reading = Reading::of(first.comment.as_ref().expect("a comment"));
    screen_again(first, &reading, None, known, &rules).expect("a comment")
}

fn names(screened: &CommentScreened) -> Vec<&str> {
    screened.signals.iter().map(|signal| signal.name.as_str()).collect()
}

fn signal(name: &str, weight: f64, at_least: Verdict) -> v1::Signal {
    v1::Signal { name: name.into(), weight, reason: "then".into(), at_least: at_least.into() }
}

#[test]
fn by_the_same_policy_the_same_is_said_again() {
    let policy = Policy::default();
    for words in ["Well said.", "https://a.example https://b.example", "online casino, casino bonus"] {
        let first = screened(&text(words), &approved(Some(false)), &policy);
        let second = again(&first, author_then(&first), policy.clone());
        assert_eq!(second, CommentScreened { revision: 1, ..first }, "{words}");
    }
}

#[test]
fn what_the_comment_says_is_judged_anew_and_what_the_moment_said_is_kept() {
    let mut first = screened(&text("see https://a.example"), &approved(Some(true)), &post());
    first.signals.extend([
        signal(name::CAMPAIGN, 6.0, Verdict::Unspecified),
        signal(name::EXTERNAL_CHECK, 1.25, Verdict::Unspecified),
        signal(name::SUSPECT_WORDS, 3.0, Verdict::Unspecified),
    ]);
    (first.campaign, first.revision) = ("wave".into(), 2);
    let second = again(&first, None, Policy { link_weight: 4.0, ..post() });
    assert_eq!(names(&second), [name::CAMPAIGN, name::LINKS, name::EXTERNAL_CHECK]);
    assert_eq!((second.score, second.verdict()), (11.25, Verdict::Spam));
    assert_eq!((second.revision, second.campaign.as_str()), (3, "wave"));
}

#[test]
fn whom_nobody_knew_then_is_a_stranger_still() {
    let policy = Policy { mode: Mode::FirstTime, ..Policy::default() };
    let stranger = screened(&text("Well said."), &approved(Some(false)), &policy);
    assert_eq!(author_then(&stranger), Some(false));
    let regular = screened(&text("Well said."), &approved(Some(true)), &policy);
    assert_eq!(author_then(&regular), None, "the store is to be asked");
    assert_eq!(again(&regular, Some(true), policy.clone()).verdict(), Verdict::Approve);
    assert_eq!(again(&regular, Some(false), policy).verdict(), Verdict::Hold);
}
