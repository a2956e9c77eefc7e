//! A run in which everything holds, and for each promise a run that breaks it: none of the checks passes by itself.

use super::*;
use crate::model::{Mail, Sent};

const THREAD: &str = "news/a";

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn record(number: u128, offset: i64) -> Seen {
    Seen { id: id(number), key: THREAD.into(), partition: 0, offset, detail: String::new() }
}

fn row(number: u128, state: i16) -> Row {
    let offset = number as i64;
    Row {
        id: id(number),
        state,
        thread: "a".into(),
        parent: None,
        path: vec![number as u8],
        submitted_at: 5,
        origin: (0, offset),
    }
}

fn mail(text: &str) -> Mail {
    Mail { message_id: "<1@x>".into(), recipient: "editor".into(), text: text.into() }
}

/// 1 plain, 2 held and mailed about, 3 rejected, 4 dead, 5 and 6 twins of which 5 is shown, 7 decided on.
fn good() -> (ClientLog, Observed) {
    let mut log = ClientLog::default();
    let kinds = [Kind::Plain, Kind::Held, Kind::Invalid, Kind::Poison, Kind::Twin, Kind::Twin, Kind::Decided];
    for (number, kind) in (1..).zip(kinds) {
        let twin = match number {
            5 => Some(id(6)),
            6 => Some(id(5)),
            _ => None,
        };
        let marker = format!("mk{number}");
        log.sent.insert(id(number), Sent { kind, thread: "a".into(), marker, twin, accepted: true });
    }
    log.keys.insert("key".into(), [id(1)].into());
    let records = |numbers: &[u128]| (0..).zip(numbers).map(|(offset, number)| record(*number, offset)).collect();
    let seen = Observed {
        submitted: (1..=7).map(|number| record(number, number as i64)).collect(),
        validated: records(&[1, 2, 5, 6, 7]),
        rejected: records(&[3, 6]),
        screened: records(&[1, 2, 5, 6, 7]),
        published: records(&[7, 1, 5]),
        dead: records(&[4]),
        rows: vec![row(1, 1), row(2, 2), row(3, 5), row(5, 1), row(6, 5), row(7, 1)],
        mails: vec![mail("mk2")],
        open: Vec::new(),
    };
    (log, seen)
}

fn broken(spoil: impl FnOnce(&mut ClientLog, &mut Observed)) -> Vec<String> {
    let (mut log, mut seen) = good();
    spoil(&mut log, &mut seen);
    check(&log, &seen, Excuse::default()).1
}

#[track_caller]
fn finds(sentence: &str, spoil: impl FnOnce(&mut ClientLog, &mut Observed)) {
    let found = broken(spoil);
    assert!(found.iter().any(|fault| fault.contains(sentence)), "{sentence:?} is not among {found:?}");
}

#[test]
fn what_a_validator_forgot_excuses_no_more_copies_than_were_submitted() {
    let (log, mut seen) = good();
    let excuse = Excuse { forgot: true, ..Excuse::default() };
    seen.submitted.push(record(1, 8));
    seen.validated.push(record(1, 9));
    assert_eq!(check(&log, &seen, excuse).1, Vec::<String>::new());
    assert_eq!(check(&log, &seen, Excuse::default()).1.len(), 1, "without the excuse it is one too many");
    seen.validated.push(record(1, 10));
    assert_eq!(check(&log, &seen, excuse).1.len(), 1, "a third copy was never submitted");
}

#[test]
fn a_good_run_passes_and_is_counted() {
    let (log, seen) = good();
    let (count, faults) = check(&log, &seen, Excuse::default());
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(count, Count { sent: 7, stored: 4, rejected: 2, dead: 1, twice: 0, over: 0 });
}

#[test]
fn an_empty_run_proves_nothing() {
    finds("nothing was accepted", |log, seen| {
        log.sent.clear();
        *seen = Observed::default();
    });
}

#[test]
fn a_lost_comment_is_found() {
    finds("accepted and is lost", |_, seen| drop(seen.rows.remove(0)));
    finds("accepted and is lost", |_, seen| seen.dead.clear());
    finds("accepted and is lost", |_, seen| seen.rows[0].state = 0);
}

#[test]
fn two_ends_of_one_comment_are_found() {
    finds("is a dead letter too", |_, seen| seen.dead.push(record(1, 9)));
}

#[test]
fn a_wrong_end_is_found() {
    finds("is Plain, and ended in state 5", |_, seen| seen.rows[0].state = 5);
    finds("is Held, and ended in state 1", |_, seen| seen.rows[1].state = 1);
    finds("2 are shown", |_, seen| seen.rows[4].state = 1);
    finds("0 are shown", |_, seen| seen.rows[3].state = 5);
}

#[test]
fn what_the_log_never_heard_of_is_found() {
    finds("comments.published never heard", |_, seen| seen.published.retain(|record| record.id != id(1)));
    finds("comments.rejected never heard", |_, seen| seen.rejected.retain(|record| record.id != id(6)));
    finds("comments.screened never heard", |_, seen| seen.screened.retain(|record| record.id != id(2)));
}

#[test]
fn whatever_comes_twice_is_found() {
    finds("comments.validated 2 times", |_, seen| seen.validated.push(record(1, 9)));
    finds("comments.rejected 2 times", |_, seen| seen.rejected.push(record(3, 9)));
    finds("comments.screened 2 times", |_, seen| seen.screened.push(record(1, 9)));
    finds("comments.published 2 times", |_, seen| seen.published.push(record(5, 9)));
    finds("comments.dead-letter 2 times", |_, seen| seen.dead.push(record(4, 9)));
    finds("has 2 rows", |_, seen| seen.rows.push(row(1, 1)));
}

#[test]
fn a_later_screening_is_no_copy_and_stands_where_it_will() {
    let again = |offset| Seen { detail: "revision 1".into(), ..record(1, offset) };
    assert_eq!(broken(|_, seen| seen.screened.push(again(9))), Vec::<String>::new());
    finds("comments.screened 2 times", |_, seen| seen.screened.extend([again(9), again(10)]));
}

#[test]
fn another_order_is_found() {
    finds("comments.screened has news/a in another order", |_, seen| seen.screened[0].offset = 9);
    finds("comments.published has news/a in another order", |_, seen| seen.published[1].offset = 9);
    finds("that nobody submitted", |_, seen| seen.screened.push(record(77, 9)));
    finds("a is stored in another order", |_, seen| seen.rows[0].path = vec![200]);
    finds("does not stand under the comment that it answers", |_, seen| seen.rows[1].parent = Some(id(1)));
}

#[test]
fn mails_too_many_too_few_and_about_nothing_are_found() {
    finds("was mailed 2 times", |_, seen| seen.mails.push(mail("mk2")));
    finds("different Message-IDs", |_, seen| {
        seen.mails.push(Mail { message_id: "<2@x>".into(), ..mail("mk2") });
    });
    finds("no moderator was mailed", |_, seen| seen.mails.clear());
    finds("is about nothing that was sent", |_, seen| seen.mails.push(mail("hello")));
    finds("was mailed about and is not stored", |_, seen| seen.mails.push(mail("mk3")));
}

#[test]
fn a_crash_after_data_excuses_one_mail_more_and_no_second_one() {
    let (log, mut seen) = good();
    let excuse = Excuse { resent: 1, ..Excuse::default() };
    seen.mails.push(mail("mk2"));
    assert_eq!(check(&log, &seen, excuse).1, Vec::<String>::new());
    seen.mails.push(mail("mk2"));
    assert_eq!(check(&log, &seen, excuse).0.over, 1);
}

#[test]
fn an_open_transaction_and_two_ids_for_a_key_are_found() {
    finds("still open on comments.validated-0", |_, seen| seen.open.push("comments.validated-0".into()));
    finds("was answered with 2 ids", |log, _| {
        log.keys.insert("key".into(), [id(1), id(2)].into());
    });
}
