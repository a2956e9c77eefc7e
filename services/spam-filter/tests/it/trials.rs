//! What is on trial says what it would say, and changes nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use rejoinder_pipeline::{Outcome, Position, Received, Stage, Transient};
use rejoinder_proto::{
    Topic,
    v1::{Comment, CommentScreened, CommentValidated, Verdict},
};
use rejoinder_spam_filter::{
    Decisions, Follower, History, Minds, Mode, Policy, Rules, Screening, SpamFilter, Taught, Trials,
    campaign::Campaigns, model::Model,
};

use crate::support::{SITE, author, plain, post, text};

/// A store that knows these authors by name; without, it is away.
struct Books(Option<HashSet<&'static str>>);

#[async_trait]
impl History for Books {
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient> {
        let known = self.0.as_ref().ok_or_else(|| Transient::new("database", "gone"))?;
        Ok(authors.iter().map(|(_, name, _)| known.contains(name.as_str())).collect())
    }
}

fn filter(live: &Policy, trial: Option<Policy>, books: Books) -> SpamFilter {
    let policies = HashMap::from([(SITE.to_owned(), live.clone())]);
    let campaigns = Arc::new(Campaigns::new(&policies));
    let screening = Screening::new(&policies).expect("a policy that can be in force");
    let screening = Screening { trials: trial.map(trials), ..screening };
    SpamFilter::new(Arc::new(screening), Arc::new(books), campaigns)
}

fn trials(policy: Policy) -> Trials {
    Trials::new([(SITE.to_owned(), ("strict".to_owned(), policy))].into()).expect("a policy that can be in force")
}

async fn judge(filter: &mut SpamFilter, comments: &[Comment]) -> Result<Vec<CommentScreened>, Transient> {
    let received = |(offset, comment): (i64, &Comment)| Received {
        event: CommentValidated { comment: Some(comment.clone()) },
        position: Position { topic: Topic::Validated, partition: 0, offset },
        trace: None,
    };
    let batch: Vec<_> = (0..).zip(comments).map(received).collect();
    let outcomes = filter.process(&batch).await?;
    let emitted = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Emit(mut events) => events.pop().expect("one event"),
        Outcome::Reject(reason) => panic!("{reason:?}"),
    });
    Ok(emitted.collect())
}

/// A comment of an author's with this text.
fn by(name: &str, words: &str, n: u8) -> Comment {
    let mut comment = Comment { author: Some(author(name, "a@example.org")), ..text(words) };
    comment.id = format!("0190163d-8694-739b-aea5-0000000000{n:02x}");
    comment
}

#[tokio::test]
async fn a_policy_on_trial_says_what_it_would_say_and_what_is_live_stays_as_it_is() {
    let live = post();
    let trial = Policy { mode: Mode::FirstTime, reject_words: vec!["kazoo".into()], ..live.clone() };
    let comments = [
        by("Known", "The ferry leaves at noon.", 1),
        by("Stranger", "The harbour is closed after that.", 2),
        by("Known", "A kazoo is what I sell.", 3),
        by("Known", "https://a.example https://b.example", 4),
    ];
    let books = || Books(Some(["Known"].into()));
    let alone = judge(&mut filter(&live, None, books()), &comments).await.expect("judged");
    let mut beside = judge(&mut filter(&live, Some(trial.clone()), books()), &comments).await.expect("judged");
    use Verdict::{Approve, Hold, Spam};
    let verdicts: Vec<_> = beside.iter().map(|screened| (screened.verdict(), screened.trials[0].verdict())).collect();
    assert_eq!(verdicts, [(Approve, Approve), (Approve, Hold), (Approve, Spam), (Hold, Hold)]);
    let version = Rules::new(trial).expect("a policy that can be in force").version().to_owned();
    let scores: Vec<_> = beside.iter().map(|screened| screened.trials[0].score).collect();
    for screened in &mut beside {
        let trials = std::mem::take(&mut screened.trials);
        assert_eq!((trials.len(), &trials[0].name, &trials[0].policy_version), (1, &"strict".to_owned(), &version));
        assert_ne!(screened.policy_version, version);
    }
    assert_eq!(beside, alone, "but for the trials, the same");
    assert_eq!((alone[1].score, scores[1]), (0.0, 1.0), "a point for a stranger's first comment");
}

#[tokio::test]
async fn a_store_that_is_away_stops_no_comment_for_the_sake_of_a_trial() {
    let strict = Policy { mode: Mode::FirstTime, ..post() };
    let screened = judge(&mut filter(&post(), Some(strict.clone()), Books(None)), &[plain()]).await.expect("judged");
    assert_eq!((screened[0].verdict(), screened[0].trials.len()), (Verdict::Approve, 0), "nothing is made up");
    assert!(judge(&mut filter(&strict, Some(post()), Books(None)), &[plain()]).await.is_err(), "what is live asks");
}

/// A decision log without a row.
struct Nothing;

#[async_trait]
impl Decisions for Nothing {
    async fn decisions_after(&self, _: i64, _: u32) -> Result<Vec<Taught>, Transient> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_model_on_trial_is_asked_once_it_knows_the_decisions_and_stops_nobody_before() {
    let policies = HashMap::from([(SITE.to_owned(), post())]);
    let minds = Arc::new(Minds::new(Arc::new(Model::shipped().clone())));
    let trials = Some(trials(post()).with_minds(Arc::clone(&minds)));
    let campaigns = Arc::new(Campaigns::new(&policies));
    let screening = Screening::new(&policies).expect("a policy that can be in force");
    let screening = Arc::new(Screening { trials, ..screening });
    let mut filter = SpamFilter::new(screening, Arc::new(Books(None)), campaigns);
    let spam = [text("Check out my channel and subscribe to me please!!! I will subscribe back")];
    let early = judge(&mut filter, &spam).await.expect("judged");
    assert!(early[0].trials.is_empty());
    minds.catch_up(&mut Follower::default(), &Nothing).await.expect("nothing to read");
    let screened = judge(&mut filter, &spam).await.expect("judged");
    let trial = &screened[0].trials[0];
    assert_eq!(
        (&screened[0].model_version, trial.model_version.as_str()),
        (&String::new(), Model::shipped().version())
    );
    assert!(trial.score >= screened[0].score + 5.0, "{} and {}", trial.score, screened[0].score);
}

#[test]
fn a_policy_that_cannot_be_tried_names_its_site() {
    let wrong = Policy { spam_at: 1.0, ..post() };
    let Err(error) = Trials::new([("blog".to_owned(), ("strict".to_owned(), wrong))].into()) else { panic!("tried") };
    assert!(error.to_string().contains("\"blog\"") && error.to_string().contains("spam_at"), "{error}");
}
