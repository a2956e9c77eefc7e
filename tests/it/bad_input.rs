//! What is not a comment: over HTTP it gets a clear answer, on the log it gets a rejection or a dead letter, and nothing
//! else is held up by it.

use rejoinder_pipeline::{Log, Record, sqlite::SqliteLog};
use rejoinder_proto::{Event, Topic, from_millis, headers::Headers, v1};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{CONFIG, Home, PATIENCE, Running, client, comment, until};

pub fn submitted(body: &str) -> v1::CommentSubmitted {
    v1::CommentSubmitted {
        id: Uuid::now_v7().to_string(),
        site: "news".into(),
        thread: Some(v1::Thread { id: "a".into(), ..Default::default() }),
        author: Some(v1::Author { name: "Ada".into(), email: "ada@example.org".into(), ..Default::default() }),
        body: body.into(),
        submitted_at: Some(from_millis(1_700_000_000_000)),
        ..Default::default()
    }
}

pub fn raw(headers: Headers, payload: Option<Vec<u8>>) -> Record {
    Record { topic: Topic::Submitted, key: b"news/a".to_vec(), headers, payload }
}

/// Every kind of record that is no event, with the reason that its dead letter gives.
pub fn poison() -> Vec<(&'static str, Record)> {
    let bytes = Event::encode(&submitted("cut off"));
    let id = || Headers::new().with("ce_id", Uuid::now_v7().to_string());
    let json = || id().with("content-type", "application/json");
    vec![
        ("tombstone", raw(id(), None)),
        ("empty", raw(id(), Some(vec![]))),
        ("undecodable", raw(id(), Some(bytes[..bytes.len() - 5].to_vec()))),
        ("undecodable", raw(json(), Some(b"{\"site\":\"news\",".to_vec()))),
        ("undecodable", raw(json(), Some(b"{\"nope\":1}".to_vec()))),
        ("undecodable", raw(id().with("content-type", "text/xml"), Some(bytes.clone()))),
        ("undecodable", raw(json(), Some(b"{\"body\":\"\xff\xfe\"}".to_vec()))),
        ("unknown_schema", raw(id().with("ce_type", "shop.v1.OrderPlaced"), Some(bytes.clone()))),
        ("impossible", raw(Headers::new().with("ce_id", "7"), Some(bytes))),
    ]
}

#[tokio::test]
async fn poison_on_the_log_is_set_aside_and_the_rest_passes() {
    let home = Home::new(CONFIG);
    std::fs::create_dir_all(home.data()).expect("a folder");
    let poison = poison();
    let good = submitted("still here");
    {
        let log = SqliteLog::open(&home.data().join("log.sqlite"), 4).expect("a log");
        let publisher = log.publisher().expect("a publisher");
        for (_, record) in &poison {
            publisher.append(record.clone()).await.expect("appended");
        }
        publisher.append(Record::of(&good, "/test", "00-x")).await.expect("appended");
    }
    let mut dev = home.gateway(&["dev"]);
    dev.until_state(&good.id, "pending").await;
    assert!(dev.terminate().success());

    let list = home.succeed(&["dead-letters", "list"]);
    let reasons: Vec<&str> = list.lines().skip(1).map(|line| line.split('\t').nth(9).expect("a reason")).collect();
    let expected: Vec<&str> = poison.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(reasons, expected, "{list}");
    assert!(!list.contains("cut off"), "a dead letter's line holds no text");

    let replayed = home.succeed(&["dead-letters", "replay", "--reason", "tombstone"]);
    assert!(replayed.starts_with("1 dead letters replayed"), "{replayed}");
    let dev = home.gateway(&["dev"]);
    until("the validator has read on", async || {
        let metrics = client().get(dev.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
        metrics.lines().any(|line| {
            line.starts_with("rejoinder_dead_letters") && line.contains("validator") && line.ends_with(" 1")
        })
    })
    .await;
    drop(dev);
    let list = home.succeed(&["dead-letters", "list", "--all", "--reason", "tombstone"]);
    let attempts: Vec<&str> = list.lines().skip(1).map(|line| line.split('\t').nth(8).expect("an attempt")).collect();
    assert_eq!(attempts, ["0", "1"], "{list}");
}

#[tokio::test]
async fn a_flood_of_poison_stops_the_process_with_a_clear_word() {
    let home = Home::new(&format!("{CONFIG}\n[pipeline.breaker]\nin_a_row = 20\n"));
    std::fs::create_dir_all(home.data()).expect("a folder");
    {
        let log = SqliteLog::open(&home.data().join("log.sqlite"), 1).expect("a log");
        let publisher = log.publisher().expect("a publisher");
        for _ in 0..30 {
            publisher.append(raw(Headers::new(), Some(b"{".to_vec()))).await.expect("appended");
        }
    }
    let output = home.output(&["dev"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("unusable records in a row") && errors.contains("pipeline.breaker"), "{errors}");
    let list = home.succeed(&["dead-letters", "list"]);
    assert!(list.lines().count() <= 1 + 20, "the batch that tripped it was not committed: {list}");
}

#[tokio::test]
async fn a_start_that_fails_half_way_ends_the_process() {
    let home = Home::new(CONFIG);
    std::fs::create_dir_all(home.data().join("outbox.sqlite")).expect("a folder where a file should be");
    let mut dev = tokio::process::Command::from(home.command(&["dev"]));
    let ended = tokio::time::timeout(PATIENCE, dev.kill_on_drop(true).output()).await;
    let output = ended.expect("the process ends").expect("its output");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("unable to open database file"), "{errors}");
}

async fn post(dev: &Running, content_type: &str, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
    let request = client().post(dev.url("/v1/sites/news/comments")).header("content-type", content_type).body(body);
    let answer = request.send().await.expect("an answer");
    let (status, kind) = (answer.status(), answer.headers()["content-type"].to_str().expect("ASCII").to_owned());
    assert_eq!(kind, "application/problem+json");
    (status, answer.json().await.expect("JSON"))
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().expect("errors").iter().map(|e| e["field"].as_str().expect("a field")).collect()
}

#[tokio::test]
async fn bad_requests_get_a_problem_that_names_the_field() {
    let home = Home::new(CONFIG);
    let dev = home.gateway(&["dev"]);
    assert_eq!(post(&dev, "application/json", "{\"thread\":").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post(&dev, "application/json", vec![b'{', 0xff, b'}']).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post(&dev, "text/plain", "hello").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post(&dev, "application/json", vec![b' '; 2 << 20]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, problem) = post(&dev, "application/json", "{}").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let named = fields(&problem);
    assert!(["thread", "name", "email", "body"].iter().all(|field| named.contains(field)), "{problem}");
    let (status, problem) = dev.try_post(&comment(&"x".repeat(300), "hello")).await;
    assert_eq!((status, fields(&problem).contains(&"name")), (StatusCode::UNPROCESSABLE_ENTITY, true), "{problem}");
    let unknown = client().post(dev.url("/v1/sites/nope/comments")).json(&comment("Ada", "x")).send().await;
    assert_eq!(unknown.expect("an answer").status(), StatusCode::NOT_FOUND);
    let forged = client().get(dev.url("/moderate/1.AAAA.AAAA.AAAA")).send().await.expect("an answer").status();
    assert!(forged.is_client_error(), "{forged}");
}

#[tokio::test]
async fn what_only_the_pipeline_can_know_reads_as_rejected_with_its_field() {
    let home = Home::new(&format!(
        "{CONFIG}\npolicy.screening.mode = \"post\"\npolicy.validation.closed_threads = [\"old\"]\n"
    ));
    let dev = home.gateway(&["dev"]);
    let mut orphan = comment("Ada", "An answer to nobody");
    // From June 2024: it would have come long ago.
    orphan["parent"] = json!("0190163d-8694-739b-aea5-966c26f8ad91");
    let first = dev.post(&comment("Bob", "First")).await;
    dev.until_state(&first, "published").await;
    let mut elsewhere = comment("Cyd", "An answer from another page");
    elsewhere["parent"] = json!(first);
    elsewhere["thread"] = json!("b");
    let fast = comment("Bob", "Too fast for the flood rule");
    for (comment, field) in [(orphan, "parent"), (elsewhere, "parent"), (fast, "body")] {
        let id = dev.post(&comment).await;
        dev.until_state(&id, "rejected").await;
        let fate = dev.get(&format!("/v1/comments/{id}")).await;
        assert_eq!(fields(&fate), [field], "{fate}");
    }
    let mut closed = comment("Dan", "Too late");
    closed["thread"] = json!("old");
    let (status, problem) = dev.try_post(&closed).await;
    assert_eq!((status, fields(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["thread"]), "{problem}");
}
