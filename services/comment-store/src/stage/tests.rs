use async_trait::async_trait;
use rejoinder_pipeline::Position;
use uuid::Uuid;

use super::*;
use crate::{Cursor, Facts, FactsQuery, Fate, Page, PublicComment, Tally};

/// Refuses the rejections of the site "poison", is away for those of the site "away", and calls everything else a
/// duplicate.
struct Picky;

#[async_trait]
impl Store for Picky {
    async fn save(&self, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
        let answer = |change: &Change| match change {
            Change::Rejected(event) if event.site == "poison" => Err(StoreError::Refused("site holds poison".into())),
            Change::Rejected(event) if event.site == "away" => Err(StoreError::Unavailable("gone".into())),
            Change::Rejected(event) => Ok(Saved::Duplicate(event.clone())),
            Change::Moderated(event) => {
                Ok(Saved::Published(Box::new(v1::CommentPublished { id: event.id.clone(), ..Default::default() })))
            }
            Change::Screened(_) => Ok(Saved::Quiet),
        };
        changes.iter().map(answer).collect()
    }

    async fn thread(&self, _: &str, _: &str, _: Option<&Cursor>, _: u32) -> Result<Page, StoreError> {
        unreachable!("the stage only saves")
    }

    async fn recent(&self, _: &str, _: u32) -> Result<Vec<PublicComment>, StoreError> {
        unreachable!("the stage only saves")
    }

    async fn counts(&self, _: &str, _: &[String]) -> Result<Vec<u64>, StoreError> {
        unreachable!("the stage only saves")
    }

    async fn fates(&self, _: &[Uuid]) -> Result<Vec<Option<Fate>>, StoreError> {
        unreachable!("the stage only saves")
    }

    async fn facts(&self, _: &[FactsQuery]) -> Result<Vec<Facts>, StoreError> {
        unreachable!("the stage only saves")
    }

    async fn previously_approved(&self, _: &[(String, String, String)]) -> Result<Vec<bool>, StoreError> {
        unreachable!("the stage only saves")
    }

    async fn tally(&self, _: &[Uuid]) -> Result<Tally, StoreError> {
        unreachable!("the stage only saves")
    }
}

fn rejected(site: &str) -> v1::CommentRejected {
    v1::CommentRejected { id: Uuid::now_v7().to_string(), site: site.into(), ..Default::default() }
}

fn moderated() -> v1::CommentModerated {
    v1::CommentModerated {
        id: Uuid::now_v7().to_string(),
        site: "news".into(),
        thread_id: "a".into(),
        ..Default::default()
    }
}

fn screened() -> v1::CommentScreened {
    let comment = v1::Comment { id: Uuid::now_v7().to_string(), site: "news".into(), ..Default::default() };
    v1::CommentScreened { comment: Some(comment), ..Default::default() }
}

async fn process(events: impl IntoIterator<Item = Input>) -> Result<Vec<Outcome<Output>>, Transient> {
    let batch: Vec<Received<Input>> = events
        .into_iter()
        .enumerate()
        .map(|(offset, event)| {
            let position = Position { topic: event.topic(), partition: 0, offset: offset as i64 };
            Received { event, position, trace: None }
        })
        .collect();
    CommentStore::new(Arc::new(Picky)).process(&batch).await
}

#[tokio::test]
async fn each_answer_goes_to_its_topic() {
    let (rejection, decision) = (rejected("news"), moderated());
    let inputs =
        [Input::Screened(Box::new(screened())), Input::Rejected(rejection.clone()), Input::Moderated(decision.clone())];
    let outcomes = process(inputs).await.expect("saved");
    let published = v1::CommentPublished { id: decision.id, ..Default::default() };
    assert_eq!(
        outcomes,
        [
            Outcome::Emit(vec![]),
            Outcome::Emit(vec![Output::Rejected(rejection)]),
            Outcome::Emit(vec![Output::Published(Box::new(published))]),
        ]
    );
}

#[tokio::test]
async fn of_a_refused_batch_only_the_guilty_die() {
    let inputs = ["news", "poison", "news", "poison"].map(|site| Input::Rejected(rejected(site)));
    let outcomes = process(inputs).await.expect("answered");
    let dead: Vec<bool> = outcomes.iter().map(|outcome| matches!(outcome, Outcome::Reject(_))).collect();
    assert_eq!(dead, [false, true, false, true]);
    assert_eq!(outcomes[1], Outcome::Reject(Reason::impossible("site holds poison")));
}

#[tokio::test]
async fn what_is_away_is_waited_for() {
    for sites in [["news", "away"], ["poison", "away"]] {
        let error = process(sites.map(|site| Input::Rejected(rejected(site)))).await.expect_err("transient");
        assert_eq!(error.dependency, "database");
    }
}

#[test]
fn every_event_comes_back_from_its_record() {
    let inputs =
        [Input::Screened(Box::new(screened())), Input::Moderated(moderated()), Input::Rejected(rejected("news"))];
    for input in inputs {
        let headers = input.headers("/test", "00-t");
        assert_eq!(Input::decode(input.topic(), &headers, Some(&Event::encode(&input))), Ok(input.clone()));
        assert_eq!(headers.text("ce_id"), Some(input.id()));
        assert!(input.key().starts_with("news/"));
        assert_eq!(input.time(), None);
    }
    let published = v1::CommentPublished { id: Uuid::now_v7().to_string(), site: "news".into(), ..Default::default() };
    for output in [Output::Published(Box::new(published)), Output::Rejected(rejected("news"))] {
        let headers = output.headers("/test", "00-t");
        assert_eq!(Output::decode(output.topic(), &headers, Some(&Event::encode(&output))), Ok(output.clone()));
        assert_eq!(headers.text("ce_id"), Some(output.id()));
    }
}

#[test]
fn other_topics_are_refused() {
    let headers = Headers::new();
    for topic in Topic::ALL {
        let expected = !Input::TOPICS.contains(&topic);
        assert_eq!(Input::decode(topic, &headers, None) == Err(DecodeError::Topic(topic)), expected, "{topic}");
        let expected = !Output::TOPICS.contains(&topic);
        assert_eq!(Output::decode(topic, &headers, None) == Err(DecodeError::Topic(topic)), expected, "{topic}");
    }
}
