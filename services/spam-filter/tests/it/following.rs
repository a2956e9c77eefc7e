//! What waits follows the moderators.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use rejoinder_pipeline::{Position, Publisher, Received, Record, Stage, Transient, Unavailable};
use rejoinder_proto::{
    Event, Topic,
    v1::{CommentScreened, CommentValidated, Verdict},
};
use rejoinder_spam_filter::{
    Decisions, History, Lesson, Policy, Rules, Screening, Taught,
    campaign::{Campaigns, Following, Members, Sample, Stands, without_campaign},
    signals::name,
};
use uuid::Uuid;

use crate::{
    support::{SITE, post},
    wave::{Site, id, spoke, spun},
};

/// A store and a log in one, which everything is told of at once.
#[derive(Default)]
struct World {
    screened: Mutex<BTreeMap<Uuid, CommentScreened>>,
    decisions: Mutex<Vec<Taught>>,
    appended: Mutex<Vec<CommentScreened>>,
    /// How many comments were looked up.
    looked_up: Mutex<usize>,
    away: Mutex<bool>,
}

#[async_trait]
impl Decisions for World {
    async fn decisions_after(&self, seq: i64, limit: u32) -> Result<Vec<Taught>, Transient> {
        let decisions = self.decisions.lock().expect("not poisoned");
        Ok(decisions.iter().filter(|row| row.seq > seq).take(limit as usize).cloned().collect())
    }
}

#[async_trait]
impl Members for World {
    async fn undecided(&self, _: &str, _: Uuid, members: &[(Uuid, i64)]) -> Result<Vec<CommentScreened>, Transient> {
        *self.looked_up.lock().expect("not poisoned") += members.len();
        let screened = self.screened.lock().expect("not poisoned");
        Ok(members.iter().filter_map(|(id, _)| screened.get(id)).cloned().collect())
    }
}

#[async_trait]
impl History for World {
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient> {
        Ok(vec![false; authors.len()])
    }
}

#[async_trait]
impl Publisher for World {
    async fn append(&self, record: Record) -> Result<Position, Unavailable> {
        if *self.away.lock().expect("not poisoned") {
            return Err(Unavailable::Log("gone".into()));
        }
        let event = CommentScreened::decode(record.topic, &record.headers, record.payload.as_deref());
        let event = event.expect("a second screening");
        let id = Uuid::parse_str(&event.comment.as_ref().expect("a comment").id).expect("an id");
        self.screened.lock().expect("not poisoned").insert(id, event.clone());
        self.appended.lock().expect("not poisoned").push(event);
        Ok(Position { topic: Topic::Screened, partition: 0, offset: 0 })
    }
}

impl World {
    fn taught(&self, n: u64, lesson: Lesson) {
        let mut decisions = self.decisions.lock().expect("not poisoned");
        let seq = decisions.len() as i64 + 1;
        let moderator = "editor".to_owned();
        let (site, id) = (SITE.to_owned(), id(n).to_string());
        decisions.push(Taught { seq, site, id, lesson, moderator, decided_at: seq });
    }

    fn spam(&self, n: u64) {
        self.taught(n, Lesson::Spam(Box::new(spun(n))));
    }
}

/// A wave of sixty that the filter has seen; all that is held waits in the store.
async fn wave() -> (Site, Arc<World>, Following) {
    let mut site = Site::new(post());
    let world = Arc::new(World::default());
    for screened in site.screen((0..60).map(spun)).await {
        let id = Uuid::parse_str(&screened.comment.as_ref().expect("a comment").id).expect("an id");
        site.campaigns.lock().hear(id, screened.revision, Stands::of(&screened));
        world.screened.lock().expect("not poisoned").insert(id, screened);
    }
    let following = following(&site, &world);
    (site, world, following)
}

fn following(site: &Site, world: &Arc<World>) -> Following {
    let policies = HashMap::from([(SITE.to_owned(), post())]);
    let campaigns = Arc::clone(&site.campaigns);
    let (decisions, members, history) = (world.clone(), world.clone(), world.clone());
    let screening = Arc::new(Screening::new(&policies).expect("a good policy"));
    Following::new(screening, campaigns, decisions, members, history, world.clone())
}

fn spam(world: &World) -> usize {
    let screened = world.screened.lock().expect("not poisoned");
    screened.values().filter(|screened| screened.verdict() == Verdict::Spam).count()
}

fn held(world: &World) -> Vec<Uuid> {
    let screened = world.screened.lock().expect("not poisoned");
    let held =
        screened.iter().filter(|(_, screened)| screened.verdict() == Verdict::Hold && !screened.campaign.is_empty());
    held.map(|(id, _)| *id).collect()
}

#[tokio::test]
async fn after_three_decisions_all_that_waits_is_screened_again_as_spam_once() {
    let (site, world, mut following) = wave().await;
    let waits = held(&world);
    assert!(waits.len() >= 15, "{}", waits.len());
    let first = world.screened.lock().unwrap().clone();
    let decided: Vec<u64> = (0..60).filter(|n| waits.contains(&id(*n))).take(3).collect();
    for n in &decided[..2] {
        world.spam(*n);
    }
    assert_eq!(following.round().await.expect("nothing is away"), 0, "two are not enough");
    world.spam(decided[2]);
    *world.away.lock().unwrap() = true;
    assert_eq!(following.round().await.expect("the store is there"), 0);
    *world.away.lock().unwrap() = false;
    assert_eq!(following.round().await.expect("nothing is away"), waits.len() - 3, "what was decided is left alone");
    assert_eq!(following.round().await.expect("nothing is away"), 0, "once");

    let rules = Rules::new(post()).expect("a good policy");
    for second in world.appended.lock().unwrap().iter() {
        let id = Uuid::parse_str(&second.comment.as_ref().expect("a comment").id).expect("an id");
        let before = &first[&id];
        assert!(!decided.iter().any(|n| self::id(*n) == id));
        assert_eq!((second.verdict(), second.revision), (Verdict::Spam, 1));
        assert_eq!(second.signals[0].name, name::CAMPAIGN_DECIDED);
        assert_eq!(second.campaign, before.campaign);
        assert_eq!(second.comment, before.comment);
        let without = without_campaign(second.clone(), None, &rules);
        let others = before.signals.iter().filter(|signal| signal.name != name::CAMPAIGN);
        assert_eq!(without.signals, others.cloned().collect::<Vec<_>>(), "as it was without the campaign");
        assert_eq!(without.revision, 2);
    }
    let again =
        without_campaign(world.appended.lock().unwrap()[0].clone(), None, &Rules::new(Policy::default()).unwrap());
    assert!(again.verdict() >= Verdict::Hold && again.signals.iter().any(|s| s.name == name::FIRST_TIME_AUTHOR));
    drop(site);
}

#[tokio::test]
async fn what_no_log_told_of_is_not_looked_for_in_the_store() {
    let (site, world, mut following) = wave().await;
    let waits = held(&world).len();
    // A blog has asked about these, and keeps them itself.
    for n in 100..200 {
        site.campaigns.lock().insert(&Sample::of(&spun(n)).expect("an id"), None);
    }
    (100..103).for_each(|n| world.spam(n));
    assert_eq!(following.round().await.expect("nothing is away"), waits, "what waits follows decisions about them");
    assert_eq!(*world.looked_up.lock().unwrap(), waits, "the others are not asked for");
    assert_eq!(following.round().await.expect("nothing is away"), 0);
    assert_eq!(*world.looked_up.lock().unwrap(), waits);
}

#[tokio::test]
async fn a_ham_stops_it_and_what_is_withdrawn_does_not_come_back() {
    let (mut site, world, mut following) = wave().await;
    let waits = held(&world);
    let decided: Vec<u64> = (0..60).filter(|n| waits.contains(&id(*n))).take(4).collect();
    decided[..3].iter().for_each(|n| world.spam(*n));
    world.taught(decided[3], Lesson::Ham(Box::new(spun(decided[3]))));
    assert_eq!(following.round().await.expect("nothing is away"), 0);
    let next = &site.screen([spun(100)]).await[0];
    assert_eq!(spoke(next, name::CAMPAIGN_DECIDED), None);

    world.taught(decided[3], Lesson::Trash);
    assert!(following.round().await.expect("nothing is away") > 0, "the last word about it says nothing about spam");
    let next = &site.screen([spun(101)]).await[0];
    assert!(spoke(next, name::CAMPAIGN_DECIDED).is_some());

    let followed = spam(&world);
    decided[..3].iter().for_each(|n| world.taught(*n, Lesson::Withdrawn));
    let back = following.round().await.expect("nothing is away");
    assert!(back > 0 && spam(&world) == followed - back, "what had followed comes back");
    let next = &site.screen([spun(102)]).await[0];
    assert_eq!((spoke(next, name::CAMPAIGN), spoke(next, name::CAMPAIGN_DECIDED)), (None, None));

    // A process that starts knows the same from the same log.
    let mut other = Site::with(post(), Campaigns::awaiting_decisions);
    let position = Position { topic: Topic::Validated, partition: 0, offset: 0 };
    let event = CommentValidated { comment: Some(spun(103)) };
    let too_early = other.filter.process(&[Received { event, position, trace: None }]).await;
    assert_eq!(too_early.expect_err("nothing is known yet").dependency, "decision log");
    let mut following = self::following(&other, &world);
    following.round().await.expect("nothing is away");
    let next = other.screen((0..20).map(spun)).await;
    assert!(next.iter().all(|screened| spoke(screened, name::CAMPAIGN).is_none()), "it is cleared there, too");
    assert!(next.iter().any(|screened| !screened.campaign.is_empty()));
}
