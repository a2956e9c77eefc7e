use rejoinder_proto::{Timestamp, v1};

use super::{
    Fixture,
    samples::{Sample, changes, rejected, save},
};
use crate::{Change, Fate, Saved, State, StoreError, Tally};

pub(super) async fn again(Fixture { store, second }: Fixture) {
    let [visible, held, spam] = [1000, 2000, 3000].map(Sample::at);
    let held = held.verdict(v1::Verdict::Hold);
    let spam = spam.verdict(v1::Verdict::Spam);
    let copy = visible.copy();
    let refused = rejected(uuid::Uuid::now_v7());
    let batch = vec![
        visible.change(),
        held.change(),
        copy.change(),
        spam.change(),
        Change::Rejected(refused.clone()),
        held.decided(v1::Action::Approve, "ed", 9000),
        visible.decided(v1::Action::Trash, "ed", 9500),
    ];
    let first = save(&*store, &batch).await;
    assert_eq!(first[0], visible.visible());
    assert_eq!(first[1], Saved::Quiet);
    assert!(matches!(&first[2], Saved::Duplicate(rejected) if rejected.id == copy.id.to_string()));
    assert_eq!(first[3..5], [Saved::Quiet, Saved::Quiet]);
    assert_eq!(first[5], held.published(v1::Visibility::Visible, 9000));
    assert_eq!(first[6], visible.published(v1::Visibility::Removed, 9500));

    let tally = Tally { approved: 1, spam: 1, trash: 1, rejected: 2, ..Tally::default() };
    let ids = [visible.id, held.id, spam.id, copy.id, refused.id.parse().expect("an id")];
    for store in [&store, &second] {
        assert_eq!(save(&**store, &batch).await, first, "the batch again");
        let (front, back) = batch.split_at(3);
        assert_eq!(save(&**store, back).await, first[3..], "its end again");
        assert_eq!(save(&**store, front).await, first[..3], "its start again");
        for (change, answer) in batch.iter().zip(&first).rev() {
            assert_eq!(save(&**store, std::slice::from_ref(change)).await, std::slice::from_ref(answer));
        }
        assert_eq!(store.tally(&ids).await.expect("a tally"), tally);
    }
    let doubled = [batch.clone(), batch].concat();
    assert_eq!(save(&*store, &doubled).await, [first.clone(), first].concat(), "the batch twice in one");
}

pub(super) async fn second_copy(Fixture { store, .. }: Fixture) {
    let comment = Sample::at(1000);
    let other = comment.clone().with(|comment| {
        comment.text = "something else".into();
        comment.fingerprint = vec![9; 32];
        comment.origin = Some(v1::Origin { partition: 4, offset: 1 });
    });
    save(&*store, &changes([&comment])).await;
    assert_eq!(save(&*store, &changes([&other])).await, [Saved::Quiet]);
    assert_eq!(save(&*store, &changes([&other, &comment])).await, [Saved::Quiet, comment.visible()]);
    let fates = store.fates(&[comment.id]).await.expect("fates");
    assert!(
        matches!(&fates[0], Some(Fate::Stored(stored)) if stored.text == comment.comment().text),
        "the first text stays"
    );
}

pub(super) async fn first_word(Fixture { store, .. }: Fixture) {
    let [stored, refused, both] = [1000, 2000, 3000].map(Sample::at);
    save(&*store, &[stored.change(), Change::Rejected(rejected(refused.id))]).await;
    let late =
        [Change::Rejected(rejected(stored.id)), refused.change(), Change::Rejected(rejected(both.id)), both.change()];
    assert_eq!(save(&*store, &late).await, vec![Saved::Quiet; 4]);
    let fates = store.fates(&[stored.id, refused.id, both.id]).await.expect("fates");
    assert!(
        matches!(&fates[..], [Some(Fate::Stored(_)), Some(Fate::Rejected(_)), Some(Fate::Rejected(_))]),
        "{fates:?}"
    );
    // A rejection does not take the words: they can be said again.
    assert_eq!(save(&*store, &changes([&refused.copy()])).await.len(), 1);
    assert_eq!(store.recent("news", 9).await.expect("recent").len(), 2);
}

pub(super) async fn duplicate(Fixture { store, .. }: Fixture) {
    let first = Sample::at(1000).verdict(v1::Verdict::Spam);
    let [copy, third] = [first.copy(), first.copy()];
    let saved = save(&*store, &changes([&first, &copy])).await;
    let [Saved::Quiet, Saved::Duplicate(refused)] = &saved[..] else { panic!("{saved:?}") };
    let comment = copy.comment();
    assert_eq!((&refused.id, &refused.site, refused.thread_id.as_str()), (&comment.id, &comment.site, "a"));
    assert_eq!((refused.submitted_at, refused.origin), (comment.submitted_at, comment.origin));
    assert_eq!(refused.errors.len(), 1);
    assert_eq!((refused.errors[0].field.as_str(), refused.errors[0].code.as_str()), ("body", "duplicate"));
    // Our own rejection comes round on its topic, and changes nothing.
    assert_eq!(save(&*store, &[Change::Rejected(refused.clone())]).await, [Saved::Quiet]);
    assert_eq!(store.fates(&[copy.id]).await.expect("fates"), [Some(Fate::Rejected(refused.errors.clone()))]);
    assert!(
        matches!(&save(&*store, &changes([&third])).await[..], [Saved::Duplicate(_)]),
        "also in a batch of its own"
    );
}

pub(super) async fn round_trip(Fixture { store, .. }: Fixture) {
    let words = [
        "سلام دنیا، این یک دیدگاه است",
        "👩‍👩‍👧‍👦🏳️‍🌈 🇮🇷",
        "你好，世界",
        "e\u{301} ﷽ \u{200c}می‌شود",
        "quotes ' \" \\ { } [ ] , \t\n\r \u{1f} \u{7f} \u{feff}",
        "NULL",
        "",
        "\\u0000 \\x00 %s $1 ?1",
    ];
    let samples: Vec<Sample> = words
        .iter()
        .enumerate()
        .map(|(at, words)| {
            let mut sample =
                Sample::at(1000 * at as i64).by(words, "ADA@Reader.example", "2001:db8::1").with(|comment| {
                    comment.text = (*words).into();
                    comment.html = format!("<p>{words}</p>");
                    comment.submitted_at = Some(Timestamp { seconds: 1_700_000_000 + at as i64, nanos: 123_456_000 });
                    comment.thread.get_or_insert_default().title = (*words).into();
                    comment.thread.get_or_insert_default().published_at = None;
                    comment.thread.get_or_insert_default().closed = at % 2 == 0;
                    comment.client.get_or_insert_default().form_seconds = None;
                });
            // Numbers that have no short decimal form.
            sample.event.score = 0.1 + 0.2 + at as f64 / 3.0 - 1e-9;
            sample.event.signals = vec![v1::Signal {
                name: "links".into(),
                weight: -2.0 / 3.0,
                reason: (*words).into(),
                at_least: v1::Verdict::Hold.into(),
            }];
            sample
        })
        .collect();
    let saved = save(&*store, &changes(&samples)).await;
    let fates = store.fates(&samples.iter().map(|sample| sample.id).collect::<Vec<_>>()).await.expect("fates");
    for ((sample, saved), fate) in samples.iter().zip(saved).zip(fates) {
        let comment = sample.comment();
        let Saved::Published(event) = saved else { panic!("{saved:?}") };
        assert_eq!(event.changed_at, comment.submitted_at, "to the microsecond");
        assert_eq!((&event.thread, &event.html), (&comment.thread, &comment.html));
        let Some(Fate::Stored(stored)) = fate else { panic!("{fate:?}") };
        assert_eq!((&stored.text, &stored.public.html), (&comment.text, &comment.html));
        assert_eq!(stored.public.author_name, comment.author.clone().unwrap_or_default().name);
        assert_eq!(stored.public.submitted_at.timestamp_subsec_micros(), 123_456);
        assert_eq!((stored.score, &stored.signals), (sample.event.score, &sample.event.signals));
        assert_eq!(
            (stored.state, stored.verdict, stored.site.as_str()),
            (State::Approved, v1::Verdict::Approve, "news")
        );
    }
    // A replay is told from what the database holds, and must still be the same event.
    let again = save(&*store, &changes(&samples)).await;
    assert_eq!(again, save(&*store, &changes(&samples)).await);
    assert!(matches!(&again[0], Saved::Published(event) if event.thread == samples[0].comment().thread));
}

pub(super) async fn refused(Fixture { store, .. }: Fixture) {
    let good = Sample::at(1000);
    let bad = [
        Sample::at(1000).with(|comment| comment.text = "a\0b".into()),
        Sample::at(1000).with(|comment| comment.id = "no id".into()),
        Sample::at(1000).with(|comment| comment.submitted_at = None),
        Sample::at(1000).with(|comment| comment.fingerprint.clear()),
        Sample::at(1000).verdict(v1::Verdict::Unspecified),
    ];
    for bad in &bad {
        let error = store.save(&changes([&good, bad])).await.expect_err("refused");
        assert!(matches!(&error, StoreError::Refused(why) if !why.contains("hello")), "{error:?}");
    }
    let nobody = [good.decided(v1::Action::Unspecified, "ed", 1)];
    assert!(matches!(store.save(&nobody).await, Err(StoreError::Refused(_))));
    assert_eq!(store.fates(&[good.id]).await.expect("fates"), [None], "nothing of a refused batch is stored");
}

pub(super) async fn nothing(Fixture { store, .. }: Fixture) {
    assert_eq!(save(&*store, &[]).await, []);
    assert_eq!(store.fates(&[]).await.expect("fates"), []);
    assert_eq!(store.facts(&[]).await.expect("facts"), []);
    assert!(store.counts("news", &[]).await.expect("counts").is_empty());
    assert!(store.previously_approved(&[]).await.expect("authors").is_empty());
    assert_eq!(store.tally(&[]).await.expect("a tally"), Tally::default());
    let page = store.thread("news", "a", None, 10).await.expect("a page");
    assert!(page.comments.is_empty() && page.next.is_none());
    assert_eq!(store.recent("news", 10).await.expect("recent"), []);
}

pub(super) async fn large(Fixture { store, .. }: Fixture) {
    let samples: Vec<Sample> = (0..10_000).map(Sample::at).collect();
    let batch = changes(&samples);
    let first = save(&*store, &batch).await;
    assert!(samples.iter().zip(&first).all(|(sample, saved)| *saved == sample.visible()));
    assert_eq!(store.counts("news", &["a".into()]).await.expect("counts"), [10_000]);
    assert_eq!(save(&*store, &batch).await, first);
}
