//! Waves of variants: what hangs together, what does not, and what moderators' decisions make of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use proptest::prelude::*;
use rejoinder_pipeline::{Log, Record, sqlite::SqliteLog};
use rejoinder_proto::{
    from_millis,
    v1::{Comment, Verdict},
};
use rejoinder_spam_filter::{
    campaign::{Index, Limits, Sample, Seen, Standing, Stands, Tally, follow},
    signals::name,
};
use uuid::Uuid;

use crate::{
    support::{SITE, author, post},
    wave::{HONEST, Site, comment, id, spoke, spun},
};

#[tokio::test]
async fn a_wave_is_held_follows_three_decisions_and_is_cleared_when_they_are_taken_back() {
    let mut site = Site::new(post());
    let mut wave = Vec::new();
    for n in 0..2_000 {
        wave.extend(site.screen([spun(n)]).await);
        if n % 10 == 0 {
            let honest = &HONEST[(n / 10) as usize % HONEST.len()];
            let unlike = if n < 80 { (*honest).to_owned() } else { "Thank you!".to_owned() };
            let screened = site.screen([comment(10_000 + n, &unlike)]).await;
            assert_eq!(screened[0].verdict(), Verdict::Approve, "{:?}", screened[0].signals);
            assert_eq!(screened[0].campaign, "");
        }
    }
    let found = wave.iter().skip(20).filter(|screened| spoke(screened, name::CAMPAIGN).is_some()).count();
    assert!(found >= 1_960, "{found} of 1980 are found");
    // Where letters are disguised too, that is evidence of its own, and some are spam already.
    let plain = wave.iter().skip(20).filter(|screened| screened.signals.len() == 1);
    let verdicts: Vec<_> = plain.map(|screened| (screened.signals[0].name.as_str(), screened.verdict())).collect();
    assert!(verdicts.len() > 300, "{}", verdicts.len());
    assert!(verdicts.iter().all(|verdict| *verdict == (name::CAMPAIGN, Verdict::Hold)), "no person has spoken");
    let last = wave.last().expect("a wave");
    assert_eq!(spoke(last, name::CAMPAIGN), Some(8.0));
    let reason = &last.signals.iter().find(|signal| signal.name == name::CAMPAIGN).expect("it spoke").reason;
    assert!(reason.contains("near copies within 34 minutes, on 300 pages, by "), "{reason}");
    let name = Uuid::parse_str(&last.campaign).expect("a campaign");

    for (n, decided) in [3, 700, 1_500].into_iter().zip(1..) {
        let again = site.screen([spun(n)]).await;
        assert_eq!(spoke(&again[0], name::CAMPAIGN_DECIDED), None, "after {} decisions", decided - 1);
        site.decide(&spun(n), 5_000, true);
    }
    let more = site.screen((2_000..2_200).map(spun)).await;
    let spam = more.iter().filter(|screened| screened.verdict() == Verdict::Spam).count();
    assert!(spam >= 198, "{spam} of 200 follow");
    assert!(more.iter().any(|screened| screened.signals[0].reason.contains("called 3 of its near copies spam")));
    let honest = site.screen(HONEST.iter().zip(20_000..).map(|(words, n)| comment(n, words))).await;
    assert!(honest.iter().all(|screened| screened.campaign.is_empty()));
    let settled = site.campaigns.lock().with_standing(SITE, 3, Standing::Spam);
    assert_eq!(settled, [name]);
    let together = site.campaigns.lock().together(id(700));
    assert!(together.len() >= 2_150 && together.contains(&id(3)), "{}", together.len());

    site.decide(&spun(900), 6_000, false);
    let disputed = &site.screen([spun(2_300)]).await[0];
    assert_eq!((spoke(disputed, name::CAMPAIGN), spoke(disputed, name::CAMPAIGN_DECIDED)), (Some(8.0), None));

    for n in [3u64, 700, 1_500] {
        site.campaigns.lock().withdraw(id(n), 7_000);
    }
    let cleared = &site.screen([spun(2_400)]).await[0];
    assert_eq!((spoke(cleared, name::CAMPAIGN), spoke(cleared, name::CAMPAIGN_DECIDED)), (None, None));
    assert_eq!(cleared.campaign, name.to_string(), "it stays known");
}

#[tokio::test]
async fn the_first_of_a_wave_that_come_in_one_batch_are_seen_in_it() {
    let mut site = Site::new(post());
    let screened = site.screen((0..40).map(spun)).await;
    let names: Vec<_> = screened.iter().map(|screened| screened.campaign.as_str()).collect();
    assert!(!names[0].is_empty() && screened[0].verdict() >= Verdict::Hold, "{:?}", screened[0].signals);
    let same = names.iter().filter(|name| **name == names[0]).count();
    assert!(same >= 38, "{same} of 40 are of one campaign");
}

#[tokio::test]
async fn one_author_who_greets_every_page_is_no_campaign_and_four_are_none() {
    let mut site = Site::new(post());
    let greeting = |n: u64| {
        let mut comment =
            comment(n * 900, &format!("Good morning from the coast, it is day {n} of the regatta and still no wind"));
        comment.author = Some(author("Regular", "regular@example.org"));
        comment.client.get_or_insert_default().ip = "2001:db8:1:2:aaaa::1".into();
        comment
    };
    assert!(site.screen((0..20).map(greeting)).await.iter().all(|screened| screened.campaign.is_empty()));
    let mut other = Site::new(post());
    assert!(other.screen((0..4).map(spun)).await.iter().all(|screened| screened.campaign.is_empty()));
    assert!(other.screen([spun(4)]).await.iter().all(|screened| !screened.campaign.is_empty()));
}

#[tokio::test]
async fn what_is_short_is_a_campaign_only_by_where_it_leads() {
    let mut site = Site::new(post());
    let praise = ["super, go there", "there you win", "a friend told me to go there", "go there now", "win there now"];
    let to = |name: &'static str, from: u64| {
        praise.iter().zip(from..).map(move |(words, n)| comment(n, &format!("{words}: play at lucky{name}77 {name}")))
    };
    let screened = site.screen(to("fox", 0)).await;
    assert!(screened.iter().all(|screened| !screened.campaign.is_empty()), "one place for all of them");
    let thanks = site.screen((100..130).map(|n| comment(n, "thanks for this, good read"))).await;
    assert!(thanks.iter().all(|screened| screened.campaign.is_empty()));
}

#[tokio::test]
async fn bursts_of_an_author_and_of_an_address_are_counted_by_time() {
    let mut site = Site::new(post());
    let fast = |n: u64| {
        let mut comment = comment(n, &format!("{n}"));
        comment.client.get_or_insert_default().ip = format!("2001:db8:7:7::{n:x}");
        comment
    };
    let screened = site.screen((0..25).map(fast)).await;
    let bursts: Vec<_> = screened.iter().map(|screened| spoke(screened, name::BURST)).collect();
    assert_eq!(bursts[18..20], [None, Some(3.0)], "one network, from the twentieth on");
    let later = site.screen([fast(5_000)]).await;
    assert_eq!(spoke(&later[0], name::BURST), None, "ten minutes later it is over");
    let mut author_only = fast(5_001);
    author_only.author = Some(author("Fast", "fast@example.org"));
    let by_one = (0..10).map(|n| Comment { id: comment(6_000 + n, "").id, ..author_only.clone() });
    let screened = site.screen(by_one).await;
    assert_eq!(spoke(&screened[8], name::BURST), None);
    assert_eq!(spoke(&screened[9], name::BURST), Some(3.0));
}

fn just_now(n: u64) -> Comment {
    Comment { submitted_at: Some(rejoinder_proto::now()), ..spun(n) }
}

/// What one filter said, in the log that the other one follows.
#[tokio::test]
async fn a_filter_that_starts_later_knows_what_another_one_saw() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = SqliteLog::open(&folder.path().join("log.sqlite"), 4).expect("a log");
    let publisher = log.publisher().expect("a publisher");
    let mut first = Site::new(post());
    let mut told = Vec::new();
    for event in first.screen((0..30).map(just_now)).await {
        publisher.append(Record::of(&event, "spam-filter", "")).await.expect("it is appended");
        told.push(event.campaign);
    }
    let mut second = Site::new(post());
    let (campaigns, stop) = (Arc::clone(&second.campaigns), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let follower = std::thread::spawn(move || follow(&log, &campaigns, || stopped.load(Ordering::Relaxed)));
    let until = Instant::now() + Duration::from_secs(30);
    while second.campaigns.lock().len() < 30 {
        assert!(Instant::now() < until, "it does not follow");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let screened = &second.screen([just_now(31)]).await[0];
    assert!(!screened.campaign.is_empty() && told.contains(&screened.campaign), "the same name");
    assert!(spoke(screened, name::CAMPAIGN).is_some());
    for event in first.screen((40..50).map(just_now)).await {
        publisher.append(Record::of(&event, "spam-filter", "")).await.expect("it is appended");
    }
    while second.campaigns.lock().len() < 41 {
        assert!(Instant::now() < until, "it does not follow what comes");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.store(true, Ordering::Relaxed);
    follower.join().expect("it ends when told so");
}

/// It need not read them again, and learns where they stand.
#[tokio::test]
async fn a_filter_hears_from_the_log_where_its_own_comments_stand() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = SqliteLog::open(&folder.path().join("log.sqlite"), 4).expect("a log");
    let publisher = log.publisher().expect("a publisher");
    let mut site = Site::new(post());
    let screened = site.screen((0..30).map(just_now)).await;
    let campaign = Uuid::parse_str(&screened[0].campaign).expect("a campaign");
    let waiting =
        screened.iter().filter(|event| event.verdict() == Verdict::Hold && !event.campaign.is_empty()).count();
    assert!(waiting > 10, "{waiting}");
    for event in &screened {
        publisher.append(Record::of(event, "spam-filter", "")).await.expect("it is appended");
    }
    let (campaigns, stop) = (Arc::clone(&site.campaigns), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let follower = std::thread::spawn(move || follow(&log, &campaigns, || stopped.load(Ordering::Relaxed)));
    let until = Instant::now() + Duration::from_secs(30);
    while site.campaigns.lock().members(campaign, SITE, Stands::Waiting).len() < waiting {
        assert!(Instant::now() < until, "it does not hear of them");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(site.campaigns.lock().len(), 30, "each counts once");
    stop.store(true, Ordering::Relaxed);
    follower.join().expect("it ends when told so");
}

fn limits(comments: usize) -> Limits {
    Limits { comments, decided: 10, window: 86_400_000, burst_window: 600_000, min_size: 5 }
}

#[test]
fn two_readers_of_the_same_log_know_the_same_campaign_in_whatever_order() {
    let samples: Vec<_> = (0..60).map(|n| Sample::of(&spun(n)).expect("an id")).collect();
    let (mut one, mut other) = (Index::new(limits(1_000)), Index::new(limits(1_000)));
    let first = samples.iter().map(|sample| (sample, one.insert(sample, None).campaign)).collect::<Vec<_>>();
    for (sample, told) in first.iter().rev() {
        other.insert(sample, told.as_ref().map(|campaign| campaign.id));
    }
    let name =
        |index: &mut Index| index.insert(&samples[30], None).campaign.map(|campaign| (campaign.id, campaign.size));
    assert_eq!(name(&mut one), name(&mut other));
    assert_eq!(name(&mut one).map(|(_, size)| size), Some(60));
    assert_eq!(one.len(), 60, "each counts once");
}

#[test]
fn a_site_neither_hears_of_anothers_comment_nor_decides_about_it_by_its_id() {
    let mut index = Index::new(limits(100));
    let sample = |comment: &Comment| Sample::of(comment).expect("an id");
    for n in 0..8 {
        index.insert(&sample(&spun(n)), None);
    }
    let theirs = |n: u64| sample(&Comment { site: "elsewhere".into(), ..spun(n) });
    assert_eq!(index.insert(&theirs(0), None), Seen::default());
    assert_eq!(index.insert(&theirs(100), None).campaign.expect("of the campaign").tally, Tally::default());
    index.decide(&theirs(1), 1_000, Some(true));
    assert_eq!(index.look_up(id(1)).campaign.expect("of the campaign").tally, Tally::default());
    assert_eq!(index.len(), 9);
    index.decide(&sample(&spun(1)), 1_000, Some(true));
    assert_eq!(index.look_up(id(1)).campaign.expect("of the campaign").tally.spam, 1);
}

#[test]
fn decided_members_outlive_the_window_and_all_of_it_is_bounded() {
    let mut index = Index::new(limits(50));
    let sample = |comment: &Comment| Sample::of(comment).expect("an id");
    for n in 0..8 {
        index.insert(&sample(&spun(n)), None);
    }
    for n in 0..6 {
        index.decide(&sample(&spun(n)), 1_000, Some(true));
    }
    let name = index.insert(&sample(&spun(0)), None).campaign.expect("a campaign").id;
    for n in 0..500 {
        let mut other = comment(100 + n, &format!("{n}"));
        other.submitted_at = Some(from_millis(1_700_000_000_000 + 90_000_000));
        index.insert(&sample(&other), None);
        assert!(index.len() <= 60, "{}", index.len());
    }
    let mut week_later = spun(4_000);
    week_later.submitted_at = Some(from_millis(1_700_000_000_000 + 7 * 86_400_000));
    let campaign = index.insert(&sample(&week_later), None).campaign.expect("it is known again");
    assert_eq!((campaign.id, campaign.tally.spam, campaign.size), (name, 6, 7));
    index.reset(SITE, 2_000);
    assert!(index.with_standing(SITE, 3, Standing::Spam).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes in whatever order, with decisions among it: nothing panics, everything is bounded, and what one sees is
    /// consistent.
    #[test]
    fn the_index_stays_whole(steps in proptest::collection::vec((0..40u64, 0..5u8, 0..200_000i64, any::<bool>()), 0..200)) {
        let mut index = Index::new(Limits { comments: 12, decided: 4, window: 60_000, burst_window: 5_000, min_size: 2 });
        for (n, what, at, spam) in steps {
            let mut comment = if n < 30 { spun(n) } else { comment(n, "http://a.example.com and +1 555 010 9999") };
            comment.submitted_at = Some(from_millis(at));
            let sample = Sample::of(&comment).expect("an id");
            match what {
                0 => index.decide(&sample, at, Some(spam)),
                1 => index.withdraw(sample.id, at),
                2 => index.reset(SITE, at),
                _ => {
                    let seen = index.insert(&sample, spam.then(|| Uuid::from_u128(7)));
                    prop_assert!(seen.by_author >= 1 && seen.by_address >= 1);
                    if let Some(campaign) = seen.campaign {
                        prop_assert!(campaign.size >= 2 && campaign.size as usize <= index.len());
                        prop_assert!(campaign.threads <= campaign.size && campaign.authors <= campaign.size);
                        let Sample { at, .. } = sample;
                        prop_assert!(campaign.first_seen <= at.max(campaign.first_seen));
                    }
                }
            }
            prop_assert!(index.len() <= 16);
        }
    }
}
