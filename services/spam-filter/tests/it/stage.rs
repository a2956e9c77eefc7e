//! The stage: batches, lookups, repeated texts, replays.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use rejoinder_pipeline::{Outcome, Position, Reason, Received, Stage, Transient};
use rejoinder_proto::{
    Topic, from_millis,
    v1::{Comment, CommentScreened, CommentValidated, Verdict},
};
use rejoinder_spam_filter::{History, Policy, Screening, SpamFilter, campaign::Campaigns, signals::name};

use crate::support::{SITE, author, plain, post, text};

/// A store that remembers what it was asked, and can be away.
#[derive(Default)]
struct Books {
    approved: HashSet<(String, String, String)>,
    asked: Mutex<Vec<Vec<(String, String, String)>>>,
    away: Mutex<bool>,
}

#[async_trait]
impl History for Books {
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient> {
        if *self.away.lock().expect("not poisoned") {
            return Err(Transient::new("database", "gone"));
        }
        self.asked.lock().expect("not poisoned").push(authors.to_vec());
        Ok(authors.iter().map(|author| self.approved.contains(author)).collect())
    }
}

fn filter(policy: Policy, books: &Arc<Books>) -> SpamFilter {
    let policies = HashMap::from([(SITE.to_owned(), policy)]);
    let campaigns = Arc::new(Campaigns::new(&policies));
    let screening = Screening::new(&policies).expect("a policy that can be in force");
    SpamFilter::new(Arc::new(screening), books.clone(), campaigns)
}

fn at(partition: i32, offset: i64, comment: Comment) -> Received<CommentValidated> {
    let position = Position { topic: Topic::Validated, partition, offset };
    Received { event: CommentValidated { comment: Some(comment) }, position, trace: None }
}

/// A comment with its own id, time and thread, and this text.
fn said(n: i64, words: &str) -> Comment {
    let mut comment = text(words);
    comment.id = format!("0190163d-8694-739b-aea5-{n:012x}");
    comment.submitted_at = Some(from_millis(1_700_000_000_000 + n * 1000));
    comment.thread.get_or_insert_default().id = format!("thread-{n}");
    comment
}

async fn process(filter: &mut SpamFilter, batch: &[Received<CommentValidated>]) -> Vec<CommentScreened> {
    let outcomes = filter.process(batch).await.expect("the store answers");
    assert_eq!(outcomes.len(), batch.len());
    let emitted = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Emit(mut events) => events.pop().expect("one event"),
        Outcome::Reject(reason) => panic!("{reason:?}"),
    });
    emitted.collect()
}

fn copies(screened: &[CommentScreened]) -> Vec<f64> {
    let weight = |screened: &CommentScreened| {
        screened.signals.iter().find(|signal| signal.name == name::REPEATED_TEXT).map_or(0.0, |signal| signal.weight)
    };
    screened.iter().map(weight).collect()
}

const LONG: &str = "The ferry leaves at seven, and the harbour is closed after that.";

#[tokio::test]
async fn authors_are_looked_up_once_a_batch_and_only_where_it_matters() {
    let known = (SITE.to_owned(), "Mina".to_owned(), "mina@example.org".to_owned());
    let books = Arc::new(Books { approved: [known.clone()].into(), ..Books::default() });
    let mut filter = filter(Policy::default(), &books);
    let mut other = said(3, "another one");
    other.author = Some(author("Mina", "other@example.org"));
    let mut nobody = said(4, "without a name");
    nobody.author = None;
    let mut spam = said(5, "from a program");
    spam.author = Some(author("Robot", "robot@example.org"));
    spam.client.get_or_insert_default().honeypot_filled = true;
    let batch = [said(1, "one"), said(2, "two"), other, nobody, spam];
    let batch: Vec<_> = batch.into_iter().zip(1..).map(|(comment, n)| at(0, n, comment)).collect();

    let screened = process(&mut filter, &batch).await;
    let verdicts: Vec<_> = screened.iter().map(CommentScreened::verdict).collect();
    use Verdict::{Approve, Hold, Spam};
    assert_eq!(verdicts, [Approve, Approve, Hold, Hold, Spam]);
    assert_eq!(screened[4].signals.len(), 1, "the standing of spam's author is no signal");
    let stranger = (SITE.to_owned(), "Mina".to_owned(), "other@example.org".to_owned());
    assert_eq!(*books.asked.lock().unwrap(), [vec![known, stranger]]);
}

#[tokio::test]
async fn an_approval_taken_back_counts_at_once() {
    let known = (SITE.to_owned(), "Mina".to_owned(), "mina@example.org".to_owned());
    let books = Arc::new(Books { approved: [known].into(), ..Books::default() });
    let mut first = filter(Policy::default(), &books);
    assert_eq!(process(&mut first, &[at(0, 1, said(1, "one"))]).await[0].verdict(), Verdict::Approve);
    process(&mut first, &[at(0, 2, said(2, "two"))]).await;
    assert_eq!(books.asked.lock().unwrap().len(), 2, "each batch asks again");
}

#[tokio::test]
async fn other_modes_ask_nobody() {
    let books = Arc::new(Books { away: Mutex::new(true), ..Books::default() });
    for mode in [rejoinder_spam_filter::Mode::Post, rejoinder_spam_filter::Mode::Pre] {
        process(&mut filter(Policy { mode, ..Policy::default() }, &books), &[at(0, 1, plain())]).await;
    }
}

#[tokio::test]
async fn a_store_that_is_away_gives_the_batch_back_and_leaves_no_trace() {
    let books = Arc::new(Books::default());
    let mut filter = filter(Policy::default(), &books);
    let batch = [at(0, 1, said(1, LONG)), at(1, 1, said(2, LONG))];
    *books.away.lock().unwrap() = true;
    let error = filter.process(&batch).await.expect_err("the store is away");
    assert_eq!(error.dependency, "database");
    *books.away.lock().unwrap() = false;
    assert_eq!(copies(&process(&mut filter, &batch).await), [0.0, 5.0]);
}

#[tokio::test]
async fn repeated_texts_are_found_across_threads_whatever_their_dress() {
    let mut filter = filter(post(), &Arc::default());
    let batch = [
        at(0, 1, said(1, LONG)),
        at(1, 1, said(2, &LONG.to_uppercase().replace(' ', "  "))),
        at(0, 2, said(3, &format!("{LONG} 👍!!"))),
        at(0, 3, said(4, "Thank you!")),
        at(0, 4, said(5, "Thank you!")),
    ];
    assert_eq!(copies(&process(&mut filter, &batch).await), [0.0, 5.0, 8.0, 0.0, 0.0]);
    let day_later = said(24 * 3600 + 4, LONG);
    let mut elsewhere = said(6, LONG);
    elsewhere.site = "blog".into();
    let batch = [at(0, 5, said(6, LONG)), at(0, 6, day_later), at(0, 7, elsewhere)];
    let screened = process(&mut filter, &batch).await;
    assert_eq!(copies(&screened[..1]), [8.0]);
    // Only the copy just before it is still within the window of a day.
    assert_eq!(copies(&screened[1..2]), [5.0]);
    let later = at(0, 8, said(3 * 24 * 3600, LONG));
    assert_eq!(copies(&process(&mut filter, &[later]).await), [0.0]);
}

#[tokio::test]
async fn one_comment_published_twice_is_no_repetition() {
    let mut filter = filter(post(), &Arc::default());
    let batch = [at(0, 1, said(1, LONG)), at(0, 2, said(1, LONG)), at(0, 3, said(2, LONG))];
    assert_eq!(copies(&process(&mut filter, &batch).await), [0.0, 0.0, 5.0]);
}

#[tokio::test]
async fn a_replay_in_other_batches_gives_the_same_events() {
    let all: Vec<_> =
        (1..=40).map(|n| at(0, n, said(n, if n % 3 == 0 { LONG } else { "see http://a.example" }))).collect();
    let mut straight = filter(Policy::default(), &Arc::default());
    let expected = process(&mut straight, &all).await;

    let mut other = filter(Policy::default(), &Arc::default());
    let mut found = Vec::new();
    for chunk in all.chunks(7) {
        process(&mut other, chunk).await;
        process(&mut other, &chunk[..chunk.len() / 2]).await;
        found.extend(process(&mut other, chunk).await);
    }
    assert_eq!(found, expected);
    assert_eq!(process(&mut straight, &all).await, expected);
}

#[tokio::test]
async fn a_site_without_a_policy_is_held_and_no_comment_is_impossible() {
    let books = Arc::new(Books::default());
    let mut filter = filter(Policy::default(), &books);
    let mut stray = plain();
    stray.site = "gone".into();
    let position = Position { topic: Topic::Validated, partition: 0, offset: 2 };
    let empty = Received { event: CommentValidated { comment: None }, position, trace: None };
    let outcomes = filter.process(&[at(0, 1, stray.clone()), empty]).await.expect("nobody is asked");
    let Outcome::Emit(events) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(events[0].verdict(), Verdict::Hold);
    assert_eq!(events[0].signals[0].name, name::UNKNOWN_SITE);
    assert_eq!(events[0].comment, Some(stray));
    assert_eq!(outcomes[1], Outcome::Reject(Reason::impossible("the event holds no comment")));
    assert!(books.asked.lock().unwrap().is_empty());
}

#[test]
fn a_policy_that_cannot_be_in_force_names_its_site() {
    let policies = HashMap::from([("blog".to_owned(), Policy { spam_at: 1.0, ..Policy::default() })]);
    let Err(error) = Screening::new(&policies) else { panic!("in force") };
    assert!(error.to_string().contains("\"blog\"") && error.to_string().contains("spam_at"), "{error}");
}
