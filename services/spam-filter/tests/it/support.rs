//! A comment that no rule speaks against, and short ways to change and screen it.

use rejoinder_proto::{
    from_millis,
    v1::{Author, Client, Comment, CommentScreened, Thread, Verdict},
};
use rejoinder_spam_filter::{Facts, Mode, Policy, Rules, screen};

pub const SITE: &str = "news";

pub fn plain() -> Comment {
    let text = "I read the whole series, and this part explains the harbour works best.";
    Comment {
        id: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
        site: SITE.into(),
        thread: Some(Thread { id: "a".into(), ..Thread::default() }),
        author: Some(author("Mina", "mina@example.org")),
        text: text.into(),
        html: format!("<p>{text}</p>\n"),
        client: Some(Client { ip: "192.0.2.7".into(), user_agent: "Mozilla/5.0".into(), ..Client::default() }),
        submitted_at: Some(from_millis(1_700_000_000_000)),
        ..Comment::default()
    }
}

pub fn author(name: &str, email: &str) -> Author {
    Author { name: name.into(), email: email.into(), url: String::new() }
}

/// A comment with this text, rendered as one paragraph.
pub fn text(text: &str) -> Comment {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Comment { text: text.into(), html: format!("<p>{escaped}</p>\n"), ..plain() }
}

pub fn named(name: &str) -> Comment {
    Comment { author: Some(author(name, "mina@example.org")), ..plain() }
}

pub fn client(change: impl FnOnce(&mut Client)) -> Comment {
    let mut comment = plain();
    change(comment.client.get_or_insert_default());
    comment
}

pub fn post() -> Policy {
    Policy { mode: Mode::Post, ..Policy::default() }
}

pub fn screened(comment: &Comment, facts: &Facts, policy: &Policy) -> CommentScreened {
    screen(comment, facts, &Rules::new(policy.clone()).expect("a policy that can be in force"))
}

/// The verdict, and each signal with its points.
pub fn outcome(comment: &Comment, facts: &Facts, policy: &Policy) -> (Verdict, Vec<(String, f64)>) {
    let screened = screened(comment, facts, policy);
    (screened.verdict(), screened.signals.into_iter().map(|signal| (signal.name, signal.weight)).collect())
}

pub fn approved(previously: Option<bool>) -> Facts {
    Facts { previously_approved: previously, ..Facts::default() }
}
