//! What the stage says of comments beside one another.

use rejoinder_pipeline::{Outcome, Stage};
use rejoinder_proto::{Event, Topic, from_millis, v1};
use rejoinder_validator::{Output, Policy};

use crate::support::{NOW, at, beside, elsewhere, id, on, outputs, process, reply, submitted, validator, verdicts};

fn seconds_later(mut event: v1::CommentSubmitted, seconds: f64) -> v1::CommentSubmitted {
    event.submitted_at = Some(from_millis(NOW + (seconds * 1_000.0) as i64));
    event
}

/// Comment `n` by the author of comment 1, from an IP of its own.
fn by_first_author(n: u64) -> v1::CommentSubmitted {
    v1::CommentSubmitted { author: submitted(1).author, ..submitted(n) }
}

/// The words of comment 1 once more, much later and under another id.
fn said_again(n: u64) -> v1::CommentSubmitted {
    seconds_later(v1::CommentSubmitted { id: id(n).to_string(), ..submitted(1) }, 60.0)
}

#[tokio::test]
async fn a_good_comment_goes_on_with_everything_known() {
    let (mut stage, _) = validator(Policy::default());
    let outcomes = process(&mut stage, &[on(3, 17, submitted(1))]).await;
    let [Output::Validated(event)] = outputs(&outcomes)[..] else { panic!("{outcomes:?}") };
    let comment = event.comment.as_ref().expect("a comment");
    assert_eq!(comment.id, id(1).to_string());
    assert_eq!((comment.text.as_str(), comment.html.as_str()), ("Well said, number 1.", "<p>Well said, number 1.</p>"));
    assert_eq!(comment.origin, Some(v1::Origin { partition: 3, offset: 17 }));
    assert_eq!(comment.fingerprint.len(), 32);
    assert_eq!(comment.submitted_at, Some(from_millis(NOW)));
    let output = outputs(&outcomes)[0];
    assert_eq!(
        (output.topic(), output.key(), output.id()),
        (Topic::Validated, "news/a".to_owned(), comment.id.as_str())
    );
    let headers = output.headers("/rejoinder/validator", "");
    assert_eq!(Output::decode(Topic::Validated, &headers, Some(&Event::encode(output))).as_ref(), Ok(output));
}

#[tokio::test]
async fn a_bad_comment_is_rejected_with_every_error() {
    let (mut stage, _) = validator(Policy::default());
    let mut bad = submitted(1);
    bad.body.clear();
    bad.author.get_or_insert_default().email = "nobody".into();
    let outcomes = process(&mut stage, &[at(5, bad)]).await;
    assert_eq!(verdicts(&outcomes), ["email syntax, body required"]);
    let output = outputs(&outcomes)[0];
    let Output::Rejected(event) = output else { panic!("{output:?}") };
    assert_eq!((event.id.as_str(), event.site.as_str(), event.thread_id.as_str()), (&*id(1).to_string(), "news", "a"));
    assert_eq!(event.origin, Some(v1::Origin { partition: 0, offset: 5 }));
    let headers = output.headers("/rejoinder/validator", "");
    assert_eq!(Output::decode(Topic::Rejected, &headers, Some(&Event::encode(output))).as_ref(), Ok(output));
}

#[tokio::test]
async fn an_unknown_site_is_rejected_however_it_is_named() {
    let (mut stage, _) = validator(Policy::default());
    let of_site = |n, site: &str| v1::CommentSubmitted { site: site.into(), ..submitted(n) };
    let batch = [at(0, of_site(1, "nowhere")), at(1, of_site(2, "")), at(2, of_site(3, &"é\0".repeat(90_000)))];
    let outcomes = process(&mut stage, &batch).await;
    assert_eq!(verdicts(&outcomes), ["site unknown", "site required", "site unknown"]);
    let Output::Rejected(event) = outputs(&outcomes)[2] else { panic!("{outcomes:?}") };
    assert!(event.site.len() <= 500 && !event.site.contains('\0'), "a database must be able to hold it");
}

#[tokio::test]
async fn what_comes_from_the_future_is_rejected() {
    let (mut stage, _) = validator(Policy::default());
    let batch = [at(0, seconds_later(submitted(1), 3_600.0)), at(1, seconds_later(submitted(2), 3_600.1))];
    assert_eq!(verdicts(&process(&mut stage, &batch).await), ["ok", "submitted_at future"]);
}

#[tokio::test]
async fn an_id_that_is_none_is_not_our_comment() {
    let (mut stage, _) = validator(Policy::default());
    let outcomes = process(&mut stage, &[at(0, v1::CommentSubmitted { id: "17".into(), ..submitted(1) })]).await;
    assert!(matches!(outcomes[..], [Outcome::Reject(_)]));
}

#[tokio::test]
async fn the_history_is_asked_once_a_batch() {
    let (mut stage, history) = validator(Policy::default());
    process(&mut stage, &(0..50).map(|n| at(n as i64, submitted(n))).collect::<Vec<_>>()).await;
    assert_eq!(*history.asked.lock().expect("no panic"), [50]);
}

#[tokio::test]
async fn without_the_history_nothing_happens_and_the_batch_comes_again() {
    let (mut stage, history) = validator(Policy::default());
    *history.down.lock().expect("no panic") = true;
    let batch = [at(0, submitted(1))];
    assert_eq!(stage.process(&batch).await.expect_err("it is down").dependency, "database");
    *history.down.lock().expect("no panic") = false;
    assert_eq!(verdicts(&process(&mut stage, &batch).await), ["ok"]);
}

#[tokio::test]
async fn a_duplicate_is_found_in_the_batch_in_the_window_and_in_the_store() {
    let (mut stage, history) = validator(Policy::default());
    let outcomes = process(&mut stage, &[at(0, submitted(1)), at(1, said_again(2))]).await;
    assert_eq!(verdicts(&outcomes), ["ok", "body duplicate"]);
    assert_eq!(verdicts(&process(&mut stage, &[at(2, said_again(3))]).await), ["body duplicate"]);
    let mut restarted = beside(&history, Policy::default());
    assert_eq!(
        verdicts(&process(&mut restarted, &[at(3, said_again(4))]).await),
        ["ok"],
        "the store knows nothing yet"
    );
    history.save(&outcomes);
    let mut restarted = beside(&history, Policy::default());
    assert_eq!(verdicts(&process(&mut restarted, &[at(3, said_again(4))]).await), ["body duplicate"]);
    history.trash_all();
    assert_eq!(verdicts(&process(&mut restarted, &[at(4, said_again(5))]).await), ["ok"], "trash does not count");
}

#[tokio::test]
async fn other_words_places_people_and_parents_are_no_duplicates() {
    let (mut stage, _) = validator(Policy { flood_seconds: 0, ..Policy::default() });
    let other_words = v1::CommentSubmitted { body: "Other words".into(), ..said_again(2) };
    let other_name = {
        let mut event = said_again(4);
        event.author.get_or_insert_default().name = "Another".into();
        event
    };
    let answer = v1::CommentSubmitted { parent_id: id(1).to_string(), ..said_again(5) };
    let other_site = v1::CommentSubmitted { site: "other".into(), ..said_again(6) };
    let batch = [submitted(1), other_words, elsewhere(said_again(3)), other_name, answer, other_site];
    let batch: Vec<_> = (0..).zip(batch).map(|(offset, event)| at(offset, event)).collect();
    assert_eq!(verdicts(&process(&mut stage, &batch).await), ["ok"; 6]);
    let mut shouted = said_again(7);
    shouted.author.get_or_insert_default().email = "READER1@Example.ORG".into();
    assert_eq!(verdicts(&process(&mut stage, &[at(9, shouted)]).await), ["body duplicate"]);
}

#[tokio::test]
async fn where_duplicates_are_allowed_their_fingerprints_differ() {
    let (mut stage, _) = validator(Policy { reject_duplicates: false, ..Policy::default() });
    let outcomes = process(&mut stage, &[at(0, submitted(1)), at(1, said_again(2))]).await;
    let fingerprints: Vec<_> = outputs(&outcomes)
        .into_iter()
        .map(|output| match output {
            Output::Validated(event) => event.comment.as_ref().map(|comment| comment.fingerprint.clone()),
            Output::Rejected(event) => panic!("{event:?}"),
        })
        .collect();
    assert_ne!(fingerprints[0], fingerprints[1]);
}

#[tokio::test]
async fn a_flood_ends_at_exactly_fifteen_seconds() {
    let (mut stage, history) = validator(Policy::default());
    let later = |n, seconds| seconds_later(by_first_author(n), seconds);
    let outcomes = process(&mut stage, &[at(0, submitted(1)), at(1, later(2, 14.999))]).await;
    assert_eq!(verdicts(&outcomes), ["ok", "body flood"]);
    history.save(&outcomes);
    let mut restarted = beside(&history, Policy::default());
    assert_eq!(verdicts(&process(&mut restarted, &[at(2, later(3, 14.999))]).await), ["body flood"]);
    assert_eq!(verdicts(&process(&mut restarted, &[at(3, later(4, 15.0))]).await), ["ok"]);
    assert_eq!(verdicts(&process(&mut stage, &[at(4, later(5, 0.0))]).await), ["body flood"], "the same instant");
    let Output::Rejected(event) = outputs(&outcomes)[1] else { panic!("{outcomes:?}") };
    assert!(event.errors[0].message.contains("15 seconds"), "{event:?}");
}

#[tokio::test]
async fn what_was_rejected_starts_no_new_pause() {
    let (mut stage, _) = validator(Policy::default());
    let later = |n, seconds| seconds_later(by_first_author(n), seconds);
    let batch = [at(0, submitted(1)), at(1, later(2, 10.0)), at(2, later(3, 16.0))];
    assert_eq!(verdicts(&process(&mut stage, &batch).await), ["ok", "body flood", "ok"]);
}

#[tokio::test]
async fn a_flood_is_told_by_address_or_ip_on_one_site() {
    let (mut stage, _) = validator(Policy::default());
    let same_ip = v1::CommentSubmitted { client: submitted(1).client, ..submitted(2) };
    let mut same_address = by_first_author(3);
    same_address.author.get_or_insert_default().email = "Reader1@EXAMPLE.org".into();
    let other_site = v1::CommentSubmitted { site: "other".into(), ..by_first_author(4) };
    let batch = [at(0, submitted(1)), at(1, same_ip), on(1, 0, elsewhere(same_address)), at(2, other_site)];
    assert_eq!(verdicts(&process(&mut stage, &batch).await), ["ok", "body flood", "body flood", "ok"]);
    let (mut stage, _) = validator(Policy { flood_seconds: 0, ..Policy::default() });
    assert_eq!(verdicts(&process(&mut stage, &[at(0, submitted(1)), at(1, by_first_author(2))]).await), ["ok", "ok"]);
}

#[tokio::test]
async fn without_address_and_ip_nobody_floods() {
    let (mut stage, _) = validator(Policy { require_name_email: false, ..Policy::default() });
    let nameless = |n| v1::CommentSubmitted { author: None, client: None, ..submitted(n) };
    assert_eq!(verdicts(&process(&mut stage, &[at(0, nameless(1)), at(1, nameless(2))]).await), ["ok", "ok"]);
}

#[tokio::test]
async fn a_closed_thread_takes_no_comment() {
    let (mut stage, _) = validator(Policy::default());
    let mut closed = submitted(1);
    closed.thread.get_or_insert_default().closed = true;
    assert_eq!(verdicts(&process(&mut stage, &[at(0, closed), at(1, submitted(2))]).await), ["thread closed", "ok"]);
}

#[tokio::test]
async fn a_second_delivery_leaves_no_trace() {
    let (mut stage, history) = validator(Policy::default());
    let bad = |n| v1::CommentSubmitted { body: String::new(), ..submitted(n) };
    let first = [at(0, submitted(1)), at(1, submitted(1)), at(2, bad(2)), at(3, bad(2)), on(1, 0, submitted(1))];
    let outcomes = process(&mut stage, &first).await;
    assert_eq!(verdicts(&outcomes), ["ok", "nothing", "body required", "nothing", "nothing"]);
    assert_eq!(
        verdicts(&process(&mut stage, &[at(4, submitted(1)), at(5, submitted(2))]).await),
        ["nothing", "nothing"]
    );
    history.save(&outcomes);
    let mut restarted = beside(&history, Policy::default());
    let again = [at(6, submitted(1)), at(7, submitted(2)), at(8, bad(2))];
    assert_eq!(verdicts(&process(&mut restarted, &again).await), ["nothing"; 3]);
}

/// A batch in which every rule speaks.
fn eventful() -> Vec<rejoinder_pipeline::Received<v1::CommentSubmitted>> {
    vec![
        at(0, submitted(1)),
        on(1, 0, elsewhere(submitted(2))),
        at(1, said_again(3)),
        at(2, seconds_later(by_first_author(4), 5.0)),
        at(3, reply(5, 1)),
        at(4, reply(6, 2)),
        at(5, submitted(1)),
        on(1, 1, v1::CommentSubmitted { body: String::new(), ..submitted(7) }),
    ]
}

#[tokio::test]
async fn a_batch_that_comes_again_gives_the_same() {
    let (mut stage, history) = validator(Policy::default());
    let first = process(&mut stage, &eventful()).await;
    let unknown = "parent unknown_parent";
    let expected = ["ok", "ok", "body duplicate", "body flood", "ok", unknown, "nothing", "body required"];
    assert_eq!(verdicts(&first), expected);
    assert_eq!(process(&mut stage, &eventful()).await, first, "aborted, and again whole");
    let mut pieces = process(&mut stage, &eventful()[..3]).await;
    pieces.extend(process(&mut stage, &eventful()[3..]).await);
    assert_eq!(pieces, first, "aborted, and again in two");
    history.save(&first);
    assert_eq!(process(&mut stage, &eventful()).await, first, "the outputs were stored, the offsets lost");
    assert_eq!(process(&mut beside(&history, Policy::default()), &eventful()).await, first, "by another worker");
}
