//! Another service as one more signal: its opinions, its silence, and asking it again.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rejoinder_pipeline::{Outcome, Position, Publisher, Received, Record, Stage, Transient, Unavailable};
use rejoinder_proto::{
    Event, Topic,
    v1::{Comment, CommentScreened, CommentValidated, Verdict},
};
use rejoinder_spam_filter::{
    History, Policy, Rules, Screening, SpamFilter,
    campaign::Campaigns,
    external::{
        Awaiting, BreakerTerms, External, ExternalCheck, Externals, Opinion, Recheck, Terms, Unanswered, is_pending,
    },
    signals::name,
};
use tokio::time::Instant;

use crate::support::{SITE, client, plain, post, text};

/// How the script answers.
#[derive(Clone)]
enum Says {
    Is(Opinion),
    Not(Unanswered),
    Hangs,
    /// By the comment's text.
    ByText(HashMap<&'static str, Result<Opinion, Unanswered>>),
}

/// An external check that says what its test wants, and counts.
struct Script {
    says: Mutex<Says>,
    asked: AtomicUsize,
    again: AtomicUsize,
}

impl Script {
    fn new(says: Says) -> Arc<Self> {
        Arc::new(Self { says: Mutex::new(says), asked: AtomicUsize::new(0), again: AtomicUsize::new(0) })
    }

    fn set(&self, says: Says) {
        *self.says.lock().expect("not poisoned") = says;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl ExternalCheck for Script {
    async fn ask(&self, comment: &Comment, again: bool) -> Result<Opinion, Unanswered> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.again.fetch_add(usize::from(again), Ordering::Relaxed);
        let says = self.says.lock().expect("not poisoned").clone();
        match says {
            Says::Is(opinion) => Ok(opinion),
            Says::Not(why) => Err(why),
            Says::Hangs => std::future::pending().await,
            Says::ByText(answers) => answers[comment.text.as_str()].clone(),
        }
    }
}

struct Nobody;

#[async_trait]
impl History for Nobody {
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient> {
        Ok(vec![false; authors.len()])
    }
}

const PAUSE: Duration = Duration::from_secs(30);

fn terms() -> Terms {
    Terms {
        review_weight: 5.0,
        spam_weight: 6.0,
        discard_weight: 10.0,
        concurrency: 2,
        batch: Duration::from_secs(10),
        breaker: BreakerTerms { failures: 3, pause: PAUSE },
        recheck: Duration::from_secs(300),
    }
}

fn external(script: &Arc<Script>) -> Arc<External> {
    Arc::new(External::new(SITE, script.clone(), terms()))
}

fn filter(external: &Arc<External>) -> SpamFilter {
    let policies = HashMap::from([(SITE.to_owned(), post()), ("other".to_owned(), post())]);
    let externals: Externals = [(SITE.to_owned(), external.clone())].into();
    let campaigns = Arc::new(Campaigns::new(&policies));
    let screening = Screening { externals, ..Screening::new(&policies).expect("good policies") };
    SpamFilter::new(Arc::new(screening), Arc::new(Nobody), campaigns)
}

async fn screen(filter: &mut SpamFilter, comments: impl IntoIterator<Item = Comment>) -> Vec<CommentScreened> {
    let batch = comments.into_iter().enumerate().map(|(at, comment)| Received {
        event: CommentValidated { comment: Some(comment) },
        position: Position { topic: Topic::Validated, partition: 0, offset: at as i64 },
        trace: None,
    });
    let batch: Vec<_> = batch.collect();
    let outcomes = filter.process(&batch).await.expect("the store answers");
    let events = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Emit(mut events) => events.pop().expect("one event"),
        Outcome::Reject(reason) => panic!("{reason:?}"),
    });
    events.collect()
}

fn numbered(number: usize) -> Comment {
    Comment { id: format!("0190163d-8694-739b-aea5-{number:012x}"), ..text(&format!("No. {number}")) }
}

/// The check's own signal: its points, and whether it says that the check is still to be asked.
fn said(screened: &CommentScreened) -> Option<(f64, bool)> {
    let mut own = screened.signals.iter().filter(|signal| signal.name == name::EXTERNAL_CHECK);
    let signal = own.next()?;
    assert!(own.next().is_none(), "one signal");
    Some((signal.weight, is_pending(signal)))
}

#[tokio::test]
async fn each_opinion_has_its_weight_and_stands_by_its_comment() {
    let answers = [
        ("ham", Ok(Opinion::Ham), Verdict::Approve, None),
        ("review", Ok(Opinion::Review), Verdict::Hold, Some((5.0, false))),
        ("spam", Ok(Opinion::Spam), Verdict::Hold, Some((6.0, false))),
        ("discard", Ok(Opinion::Discard), Verdict::Spam, Some((10.0, false))),
        ("later", Err(Unanswered::Later), Verdict::Hold, Some((0.0, true))),
        ("away", Err(Unanswered::Away("x".into())), Verdict::Hold, Some((0.0, true))),
        ("refused", Err(Unanswered::Refused("x".into())), Verdict::Hold, Some((0.0, true))),
    ];
    let script = Script::new(Says::ByText(answers.iter().map(|(text, answer, ..)| (*text, answer.clone())).collect()));
    let screened = screen(&mut filter(&external(&script)), answers.iter().map(|(words, ..)| text(words))).await;
    assert_eq!(script.asked(), answers.len());
    for (screened, (words, _, verdict, signal)) in screened.iter().zip(answers) {
        assert_eq!((screened.verdict(), said(screened)), (verdict, signal), "{words}");
    }
}

#[tokio::test]
async fn what_is_spam_already_and_what_is_another_sites_is_shown_to_nobody() {
    let script = Script::new(Says::Is(Opinion::Discard));
    let spam = client(|client| client.honeypot_filled = true);
    let other = Comment { site: "other".into(), ..plain() };
    let unknown = Comment { site: "unknown".into(), ..plain() };
    let screened = screen(&mut filter(&external(&script)), [spam, other, unknown]).await;
    let verdicts: Vec<_> = screened.iter().map(CommentScreened::verdict).collect();
    assert_eq!(verdicts, [Verdict::Spam, Verdict::Approve, Verdict::Hold]);
    assert_eq!(script.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_holds_a_batch_up_for_its_time_alone() {
    let script = Script::new(Says::Hangs);
    let started = Instant::now();
    let screened = screen(&mut filter(&external(&script)), (0..10).map(numbered)).await;
    assert_eq!(started.elapsed().as_secs(), 10);
    assert!(screened.iter().all(|s| s.verdict() == Verdict::Hold && said(s) == Some((0.0, true))));
    assert_eq!(script.asked(), 2, "no more than may be open at once");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_down_is_left_alone_and_then_tried_by_one_question() {
    let script = Script::new(Says::Not(Unanswered::Away("x".into())));
    let mut filter = filter(&external(&script));
    let screened = screen(&mut filter, (0..50).map(numbered)).await;
    assert!(screened.iter().all(|s| s.verdict() == Verdict::Hold), "never published unchecked");
    assert!((3..=4).contains(&script.asked()), "{}", script.asked());
    let before = script.asked();
    screen(&mut filter, [numbered(50)]).await;
    assert_eq!(script.asked(), before);
    tokio::time::advance(PAUSE).await;
    script.set(Says::Is(Opinion::Ham));
    let screened = screen(&mut filter, (51..60).map(numbered)).await;
    assert_eq!(screened[0].verdict(), Verdict::Approve, "the probe is answered");
    let screened = screen(&mut filter, (60..70).map(numbered)).await;
    assert!(screened.iter().all(|s| s.verdict() == Verdict::Approve), "and all are asked about again");
}

/// A store that holds what was held, and a log that may be away.
#[derive(Default)]
struct Held {
    waiting: Mutex<Vec<CommentScreened>>,
    appended: Mutex<Vec<CommentScreened>>,
    looked: AtomicUsize,
    log_away: Mutex<bool>,
}

#[async_trait]
impl Awaiting for Held {
    async fn awaiting(&self, site: &str, _from: i64) -> Result<Vec<CommentScreened>, Transient> {
        assert_eq!(site, SITE);
        self.looked.fetch_add(1, Ordering::Relaxed);
        Ok(self.waiting.lock().expect("not poisoned").clone())
    }
}

#[async_trait]
impl Publisher for Held {
    async fn append(&self, record: Record) -> Result<Position, Unavailable> {
        if *self.log_away.lock().expect("not poisoned") {
            return Err(Unavailable::Log("away".into()));
        }
        let event = CommentScreened::decode(record.topic, &record.headers, record.payload.as_deref());
        self.appended.lock().expect("not poisoned").push(event.expect("a screened comment"));
        Ok(Position { topic: record.topic, partition: 0, offset: 0 })
    }
}

impl Held {
    fn appended(&self) -> Vec<CommentScreened> {
        self.appended.lock().expect("not poisoned").clone()
    }
}

fn recheck(external: &Arc<External>, held: &Arc<Held>, policy: Policy) -> Recheck {
    let rules = Rules::new(policy).expect("a good policy");
    Recheck::new(external.clone(), rules, held.clone(), held.clone())
}

/// A store that holds one comment for a check that was away, and the check.
async fn one_waits() -> (Arc<Script>, Arc<External>, Arc<Held>) {
    let script = Script::new(Says::Not(Unanswered::Away("x".into())));
    let external = external(&script);
    let waiting = Mutex::new(screen(&mut filter(&external), [plain()]).await);
    (script, external, Arc::new(Held { waiting, ..Held::default() }))
}

#[tokio::test(start_paused = true)]
async fn what_was_held_is_asked_about_again_and_screened_a_second_time() {
    for (opinion, verdict, weight) in [
        (Opinion::Ham, Verdict::Approve, None),
        (Opinion::Spam, Verdict::Hold, Some((6.0, false))),
        (Opinion::Discard, Verdict::Spam, Some((10.0, false))),
    ] {
        let (script, external, held) = one_waits().await;
        let mut recheck = recheck(&external, &held, post());
        assert_eq!(recheck.round().await.expect("the store answers"), 0, "it is away");
        assert!(held.appended().is_empty());
        script.set(Says::Is(opinion));
        assert_eq!(recheck.round().await.expect("the store answers"), 1);
        let [second] = &held.appended()[..] else { panic!("{:?}", held.appended()) };
        assert_eq!((second.verdict(), said(second), second.revision), (verdict, weight, 1), "{opinion:?}");
        assert_eq!(second.comment, held.waiting.lock().expect("not poisoned")[0].comment);
        assert_eq!(script.again.load(Ordering::Relaxed), 2, "it is told that it is asked again");
        // The store has not heard of it yet.
        assert_eq!(recheck.round().await.expect("the store answers"), 0);
        assert_eq!(held.appended().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_other_signals_stay_as_they_were() {
    let script = Script::new(Says::Not(Unanswered::Later));
    let external = external(&script);
    let links = text("https://one.example and https://two.example");
    let first = screen(&mut filter(&external), [links]).await;
    let held = Arc::new(Held { waiting: Mutex::new(first.clone()), ..Held::default() });
    script.set(Says::Is(Opinion::Ham));
    recheck(&external, &held, post()).round().await.expect("the store answers");
    let second = held.appended().pop().expect("a second screening");
    assert_eq!(second.verdict(), Verdict::Hold, "two links are two links");
    let others =
        |s: &CommentScreened| s.signals.iter().filter(|s| s.name != name::EXTERNAL_CHECK).cloned().collect::<Vec<_>>();
    assert!(!others(&second).is_empty());
    assert_eq!((others(&first[0]), first[0].score), (others(&second), second.score));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_away_loses_no_second_screening() {
    let (script, external, held) = one_waits().await;
    script.set(Says::Is(Opinion::Ham));
    *held.log_away.lock().expect("not poisoned") = true;
    let mut recheck = recheck(&external, &held, post());
    assert_eq!(recheck.round().await.expect("the store answers"), 0);
    *held.log_away.lock().expect("not poisoned") = false;
    assert_eq!(recheck.round().await.expect("the store answers"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_store_is_only_looked_through_when_something_may_wait() {
    let script = Script::new(Says::Is(Opinion::Ham));
    let external = external(&script);
    let held = Arc::new(Held::default());
    let mut recheck = recheck(&external, &held, post());
    let looked = || held.looked.load(Ordering::Relaxed);
    recheck.round().await.expect("the store answers");
    assert_eq!(looked(), 1, "after a start: another worker may have left something");
    recheck.round().await.expect("the store answers");
    assert_eq!(looked(), 1);
    tokio::time::advance(Duration::from_secs(3600)).await;
    recheck.round().await.expect("the store answers");
    assert_eq!(looked(), 2, "and every hour");

    script.set(Says::Not(Unanswered::Later));
    screen(&mut filter(&external), [plain()]).await;
    for _ in 0..2 {
        recheck.round().await.expect("the store answers");
    }
    assert_eq!(looked(), 4, "the store may not have it yet");
    tokio::time::advance(Duration::from_secs(120)).await;
    for _ in 0..2 {
        recheck.round().await.expect("the store answers");
    }
    assert_eq!(looked(), 5, "then it is settled");

    script.set(Says::Not(Unanswered::Away("x".into())));
    screen(&mut filter(&external), (0..9).map(numbered)).await;
    recheck.round().await.expect("the store answers");
    assert_eq!(looked(), 5, "nobody is asked while the check is left alone");
}
