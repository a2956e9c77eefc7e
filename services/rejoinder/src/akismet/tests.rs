use rejoinder_proto::v1::{Author, Client, Thread, Verdict};
use rejoinder_spam_filter::{
    Decisions, Follower, Lesson, Mode, Policy, Taught, campaign::Learning, model::Model, signals::name,
};
use uuid::Uuid;

use super::*;
use crate::seats::asked;

/// A decision log in memory.
#[derive(Default)]
struct Decided(Mutex<Vec<Taught>>);

impl Decided {
    fn add(&self, comment: v1::Comment, spam: bool) {
        let mut rows = self.0.lock().expect("not poisoned");
        let (site, id, seq) = (comment.site.clone(), comment.id.clone(), rows.len() as i64 + 1);
        let lesson = if spam { Lesson::Spam(Box::new(comment)) } else { Lesson::Ham(Box::new(comment)) };
        rows.push(Taught { seq, site, id, lesson, moderator: "akismet:news".into(), decided_at: seq });
    }
}

#[async_trait]
impl Decisions for Decided {
    async fn decisions_after(&self, seq: i64, limit: u32) -> Result<Vec<Taught>, Transient> {
        let rows = self.0.lock().expect("not poisoned");
        Ok(rows.iter().filter(|row| row.seq > seq).take(limit as usize).cloned().collect())
    }
}

async fn minds() -> Arc<Minds> {
    let minds = Arc::new(Minds::new(Arc::new(Model::shipped().clone())));
    minds.catch_up(&mut Follower::default(), &Decided::default()).await.expect("nothing to read");
    minds
}

/// A gateway's filter with what it hears of.
struct Gateway {
    check: FilterCheck,
    campaigns: Arc<Campaigns>,
    decided: Arc<Decided>,
    learning: Learning,
}

impl Gateway {
    /// Of two sites with one policy; it has heard of no decision yet.
    async fn starting(policy: Policy) -> Self {
        let policies = ["news", "blog"].map(|site| (site.to_owned(), policy.clone())).into();
        let campaigns = Arc::new(Campaigns::new(&policies).awaiting_decisions());
        let rules = Arc::new(asked(&policies).expect("a good policy"));
        let decided = Arc::new(Decided::default());
        let learning = Learning::new(Arc::clone(&campaigns), decided.clone());
        Self { check: FilterCheck::new(rules, minds().await, Arc::clone(&campaigns)), campaigns, decided, learning }
    }

    async fn new(policy: Policy) -> Self {
        let mut gateway = Self::starting(policy).await;
        gateway.learning.learn().await.expect("a log in memory");
        gateway
    }

    async fn check(&self, comment: &v1::Comment) -> v1::CommentScreened {
        self.check.check(comment, true).await.expect("a verdict")
    }

    /// What is said of each of a wave's variants, as they come one by one.
    async fn wave(&self, numbers: impl Iterator<Item = u32>) -> Vec<v1::CommentScreened> {
        let mut said = Vec::new();
        for n in numbers {
            said.push(self.check(&variant(n)).await);
        }
        said
    }

    /// A blog's moderator reports a comment.
    async fn report(&mut self, comment: v1::Comment, spam: bool) {
        self.decided.add(comment, spam);
        self.learning.learn().await.expect("a log in memory");
    }
}

/// The learned model has no say, so that campaigns alone are seen.
fn without_model() -> Policy {
    Policy { model_weight_max: 0.0, model_relief_max: 0.0, ..Policy::default() }
}

fn comment(n: u32, text: &str) -> v1::Comment {
    v1::Comment {
        id: Uuid::from_u128(0x7000_8000_0000_0000_0000 + u128::from(n)).to_string(),
        site: "news".into(),
        text: text.into(),
        thread: Some(Thread { id: format!("https://news.example/{}", n % 7), ..Thread::default() }),
        author: Some(Author { name: format!("Reader {n}"), ..Author::default() }),
        client: Some(Client { ip: format!("192.0.2.{n}"), ..Client::default() }),
        submitted_at: Some(rejoinder_proto::now()),
        ..v1::Comment::default()
    }
}

/// One of many ways to say the same, from another address each.
fn variant(n: u32) -> v1::Comment {
    let opening = ["Honestly,", "Believe me,", "Well,", "You know,"][n as usize % 4];
    let name = ["Dana", "Olena", "Petra", "Maribel", "Yuki"][n as usize % 5];
    comment(
        n,
        &format!(
            "{opening} my cousin {name} found a gardener who makes every lawn green in {} weeks. We paid only {} and even \
             the neighbours asked for the number. Ask for the green book at the town office",
            n % 9 + 2,
            n * 37
        ),
    )
}

fn spoke(screened: &v1::CommentScreened, name: &str) -> bool {
    screened.signals.iter().any(|signal| signal.name == name)
}

fn verdicts(screened: &[v1::CommentScreened]) -> Vec<Verdict> {
    screened.iter().map(v1::CommentScreened::verdict).collect()
}

#[tokio::test]
async fn a_stranger_is_no_reason_to_hold() {
    for mode in [Mode::FirstTime, Mode::Pre, Mode::Post] {
        let gateway = Gateway::new(Policy { mode, ..Policy::default() }).await;
        let said = gateway.check(&comment(1, "Thank you, that helped.")).await;
        assert_eq!(said.verdict(), Verdict::Approve, "{mode:?}");
    }
}

#[tokio::test]
async fn the_sites_own_rules_are_in_force() {
    let gateway = Gateway::new(Policy { reject_words: vec!["kazoo".into()], ..Policy::default() }).await;
    assert_eq!(gateway.check(&comment(1, "A kazoo!")).await.verdict(), Verdict::Spam);
    let links = "<a href='https://a.example'>x</a> https://b.example";
    assert_eq!(gateway.check(&comment(2, links)).await.verdict(), Verdict::Hold);
}

#[tokio::test]
async fn a_site_without_a_policy_is_not_judged() {
    let gateway = Gateway::new(Policy::default()).await;
    let gone = v1::Comment { site: "gone".into(), ..variant(1) };
    assert!(gateway.check.check(&gone, true).await.is_err());
    assert!(gateway.campaigns.lock().is_empty());
}

#[tokio::test]
async fn nothing_is_judged_before_decisions_about_campaigns_are_known() {
    let mut gateway = Gateway::starting(Policy::default()).await;
    let error = gateway.check.check(&variant(1), true).await.expect_err("not yet");
    assert_eq!(error.dependency, "decision log");
    assert!(gateway.campaigns.lock().is_empty());
    gateway.learning.learn().await.expect("a log in memory");
    assert!(gateway.check.check(&variant(1), true).await.is_ok());
}

#[tokio::test]
async fn a_wave_is_held_and_is_spam_after_three_reports() {
    let mut gateway = Gateway::new(without_model()).await;
    let said = gateway.wave(1..=30).await;
    assert_eq!(verdicts(&said[..4]), [Verdict::Approve; 4], "four are no campaign");
    assert!(said[..4].iter().all(|said| said.score == 0.0 && said.campaign.is_empty()));
    assert_eq!(verdicts(&said[4..]), [Verdict::Hold; 26]);
    assert!(said[4..].iter().all(|said| spoke(said, name::CAMPAIGN) && !said.campaign.is_empty()));

    for n in [3, 9] {
        gateway.report(variant(n), true).await;
    }
    assert_eq!(gateway.check(&variant(40)).await.verdict(), Verdict::Hold, "two are not enough");
    gateway.report(variant(20), true).await;
    let said = gateway.wave(50..=60).await;
    assert_eq!(verdicts(&said), [Verdict::Spam; 11]);
    assert!(said.iter().all(|said| spoke(said, name::CAMPAIGN_DECIDED)));
    let again = gateway.check(&variant(7)).await;
    assert_eq!(again.verdict(), Verdict::Spam, "one that is checked again hears of it");
    let honest = comment(90, "The harbour was rebuilt in the sixties, as far as I remember from my father's stories.");
    assert_eq!(gateway.check(&honest).await.verdict(), Verdict::Approve);
    let elsewhere = v1::Comment { site: "blog".into(), ..variant(100) };
    assert_eq!(gateway.check(&elsewhere).await.verdict(), Verdict::Hold, "moderators decide for their own site");
}

#[tokio::test]
async fn a_wave_that_blogs_call_good_is_cleared_and_stays_so_in_a_gateway_that_starts() {
    let mut gateway = Gateway::new(without_model()).await;
    gateway.wave(1..=30).await;
    for n in [3, 9, 20] {
        assert_eq!(gateway.check(&variant(40 + n)).await.verdict(), Verdict::Hold);
        gateway.report(variant(n), false).await;
    }
    let said = gateway.check(&variant(50)).await;
    assert_eq!((said.verdict(), said.score), (Verdict::Approve, 0.0));

    let mut other = Gateway::starting(without_model()).await;
    other.learning = Learning::new(Arc::clone(&other.campaigns), gateway.decided.clone());
    other.learning.learn().await.expect("a log in memory");
    let said = other.wave(100..=110).await;
    assert_eq!(verdicts(&said), [Verdict::Approve; 11]);
    assert!(!said[10].campaign.is_empty(), "it is known, and it is cleared");
}

#[tokio::test]
async fn a_comment_that_is_checked_again_counts_once() {
    let gateway = Gateway::new(without_model()).await;
    for _ in 0..30 {
        let said = gateway.check(&variant(1)).await;
        assert_eq!((said.verdict(), said.score), (Verdict::Approve, 0.0), "{:?}", said.signals);
    }
    assert_eq!(gateway.campaigns.lock().len(), 1);
    let copy = v1::Comment { id: variant(2).id, ..variant(1) };
    assert!(spoke(&gateway.check(&copy).await, name::REPEATED_TEXT), "another one with its text is a copy");
}

#[tokio::test]
async fn a_test_leaves_no_sample() {
    let gateway = Gateway::new(without_model()).await;
    for n in 1..=30 {
        let said = gateway.check.check(&variant(n), false).await.expect("a verdict");
        assert_eq!(said.verdict(), Verdict::Approve);
    }
    assert!(gateway.campaigns.lock().is_empty());
    let said = gateway.wave(31..=35).await;
    assert_eq!(said[4].verdict(), Verdict::Hold);
    let tried = gateway.check.check(&variant(31), false).await.expect("a verdict");
    assert_eq!(tried.verdict(), Verdict::Hold, "what was checked before is known to a test, too");
}

#[tokio::test]
async fn what_the_filters_have_screened_and_other_sites_have_asked_counts() {
    let gateway = Gateway::new(without_model()).await;
    for n in 1..=2 {
        let screened = v1::Comment { id: format!("0190163d-8694-739b-aea5-{n:012}"), ..variant(n) };
        gateway.campaigns.lock().insert(&Sample::of(&screened).expect("an id"), None);
        gateway.check(&v1::Comment { site: "blog".into(), ..variant(10 + n) }).await;
    }
    let said = gateway.check(&variant(20)).await;
    assert_eq!(said.verdict(), Verdict::Hold);
    let reason = &said.signals[0].reason;
    assert!(reason.starts_with("it is one of 5 near copies") && reason.contains("on 2 sites"), "{reason}");
}

#[tokio::test]
async fn many_comments_from_one_address_are_a_burst() {
    let gateway = Gateway::new(without_model()).await;
    for n in 1..=20 {
        let from_one = v1::Comment { client: variant(1).client, ..comment(n, &n.to_string()) };
        assert_eq!(spoke(&gateway.check(&from_one).await, name::BURST), n == 20, "{n}");
    }
}
