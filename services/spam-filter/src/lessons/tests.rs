use proptest::prelude::*;

use super::*;

fn taught(seq: i64, id: u8, lesson: Lesson, decided_at: i64) -> Taught {
    Taught { seq, site: "news".into(), id: id.to_string(), lesson, moderator: "ed".into(), decided_at }
}

fn comment(id: u8, text: &str) -> Box<Comment> {
    Box::new(Comment { id: id.to_string(), text: text.into(), ..Comment::default() })
}

fn ham(seq: i64, id: u8, at: i64) -> Taught {
    taught(seq, id, Lesson::Ham(comment(id, "a")), at)
}

fn spam(seq: i64, id: u8, at: i64) -> Taught {
    taught(seq, id, Lesson::Spam(comment(id, "a")), at)
}

fn list(lessons: &Lessons) -> Vec<(String, bool)> {
    lessons.iter().map(|(comment, spam)| (comment.id.clone(), spam)).collect()
}

fn after(log: impl IntoIterator<Item = Taught>) -> Vec<(String, bool)> {
    let mut lessons = Lessons::default();
    for taught in log {
        lessons.apply(taught);
    }
    list(&lessons)
}

fn of(wanted: &[(u8, bool)]) -> Vec<(String, bool)> {
    wanted.iter().map(|(id, spam)| (id.to_string(), *spam)).collect()
}

#[test]
fn each_comment_has_the_lesson_of_its_last_decision() {
    let mut lessons = Lessons::default();
    assert_eq!(lessons.apply(ham(1, 7, 100)), Change::Append(&comment(7, "a"), false));
    assert_eq!(lessons.apply(spam(2, 8, 100)), Change::Append(&comment(8, "a"), true));
    assert_eq!(lessons.apply(ham(3, 7, 200)), Change::Nothing, "said again");
    assert_eq!(lessons.apply(spam(4, 7, 150)), Change::Nothing, "an older word comes late");
    assert_eq!(list(&lessons), of(&[(7, false), (8, true)]));
    let last = spam(5, 7, 300);
    assert_eq!(lessons.apply(last.clone()), Change::Rebuild);
    assert_eq!(list(&lessons), of(&[(8, true), (7, true)]));
    assert!(lessons.holds(&last) && !lessons.holds(&ham(3, 7, 200)));
    assert_eq!(lessons.apply(taught(6, 8, Lesson::Trash, 400)), Change::Rebuild, "nothing is to be learned from it");
    assert_eq!(list(&lessons), of(&[(7, true)]));
}

#[test]
fn what_is_taken_back_stays_so_in_any_order() {
    let withdrawn = |seq| taught(seq, 7, Lesson::Withdrawn, 200);
    assert_eq!(after([ham(1, 7, 100), spam(2, 8, 100), withdrawn(3)]), of(&[(8, true)]));
    assert_eq!(after([withdrawn(1), ham(2, 7, 200)]), of(&[]), "decided before, learned after");
    assert_eq!(after([ham(1, 7, 100), withdrawn(2), ham(3, 7, 201)]), of(&[(7, false)]), "decided anew");
    let reset = |seq| taught(seq, 99, Lesson::Reset, 200);
    assert_eq!(after([ham(1, 7, 100), spam(2, 8, 300), reset(3)]), of(&[(8, true)]));
    assert_eq!(after([reset(1), ham(2, 7, 200), spam(3, 8, 201)]), of(&[(8, true)]));
}

#[test]
fn the_oldest_make_room() {
    let mut lessons = Lessons::new(10);
    for id in 0..10 {
        assert!(matches!(lessons.apply(ham(id.into(), id, 100)), Change::Append(..)));
    }
    assert_eq!(lessons.apply(ham(10, 10, 100)), Change::Rebuild);
    assert_eq!(list(&lessons), of(&[2, 3, 4, 5, 6, 7, 8, 9, 10].map(|id| (id, false))));
}

fn log() -> impl Strategy<Value = Vec<Taught>> {
    let lesson = |id: u8, which: u8, text: u8| match which {
        0..=3 => Lesson::Ham(comment(id, &text.to_string())),
        4..=7 => Lesson::Spam(comment(id, &text.to_string())),
        8 => Lesson::Trash,
        9..=10 => Lesson::Withdrawn,
        _ => Lesson::Reset,
    };
    let row = (0..14_u8, 0..12_u8, 0..40_i64, 0..3_u8);
    prop::collection::vec(row, 0..120).prop_map(move |rows| {
        let rows = (1..).zip(rows);
        rows.map(|(seq, (id, which, at, text))| taught(seq, id, lesson(id, which, text), at)).collect()
    })
}

proptest! {
    /// A learner that follows holds what one that begins anew holds, wherever the log is cut.
    #[test]
    fn following_is_beginning_anew(log in log(), limit in 1..16_usize) {
        let mut lessons = Lessons::new(limit);
        let mut learned: Vec<(Comment, bool)> = Vec::new();
        for (at, taught) in log.iter().enumerate() {
            match lessons.apply(taught.clone()) {
                Change::Append(comment, spam) => learned.push((comment.clone(), spam)),
                Change::Rebuild => learned = lessons.iter().map(|(comment, spam)| (comment.clone(), spam)).collect(),
                Change::Nothing => {}
            }
            let mut anew = Lessons::new(limit);
            for taught in &log[..=at] {
                anew.apply(taught.clone());
            }
            prop_assert!(learned.iter().map(|(comment, spam)| (comment, *spam)).eq(lessons.iter()));
            prop_assert!(anew.iter().eq(lessons.iter()));
            prop_assert!(lessons.iter().count() <= limit);
        }
    }

    /// What is learned about which comment does not depend on the order of the rows, while none has to make room.
    #[test]
    fn the_order_of_rows_decides_nothing_but_the_order(log in log().prop_map(|mut log| {
        // Two rows with one key are one event, which has one comment.
        for taught in &mut log {
            if let Lesson::Ham(comment) | Lesson::Spam(comment) = &mut taught.lesson {
                comment.text.clear();
            }
        }
        log
    }), seed in any::<prop::sample::Index>()) {
        let mut turned = log.clone();
        if !turned.is_empty() {
            turned.rotate_left(seed.index(log.len()));
        }
        turned.iter_mut().zip(1..).for_each(|(taught, seq)| taught.seq = seq);
        let (mut one, mut other) = (after(log), after(turned));
        one.sort();
        other.sort();
        prop_assert_eq!(one, other);
    }
}
