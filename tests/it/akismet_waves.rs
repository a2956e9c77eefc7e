//! A wave of near copies that a blog asks about over the Akismet interface.

use rejoinder_pipeline::{Range, Records, sqlite::SqliteView};
use rejoinder_proto::Topic;
use reqwest::{StatusCode, header::HeaderMap};

use crate::{
    campaigns::{members, variant},
    distributed::Deployment,
    harness::{CONFIG, Home, Running, client, until},
};

const KEY: &str = "akismet_keys = [\"0123456789abcdef\"]\n";

/// Publishes what no rule speaks against; the learned model has no say, so that campaigns alone are seen.
pub const POLICY: &str = "policy.validation.flood_seconds = 0\npolicy.screening.mode = \"post\"\n\
                      policy.screening.model_weight_max = 0.0\npolicy.screening.model_relief_max = 0.0\n";

/// What the blog is answered.
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }

    pub fn is_held(&self) -> bool {
        self.body == "false" && self.header("x-akismet-error") == "needs-review" && self.signals().contains(&"campaign")
    }

    fn is_spam(&self) -> bool {
        self.body == "true" && self.signals().contains(&"campaign_decided")
    }

    fn signals(&self) -> Vec<&str> {
        self.header("x-rejoinder-signals").split(", ").collect()
    }
}

/// A call about one of the wave.
async fn call(gateway: &Running, call: &str, n: usize) -> Answer {
    let variant = variant(n);
    let field = |name: &str| variant[name].as_str().expect("text").to_owned();
    let form = [
        ("api_key", "0123456789abcdef".to_owned()),
        ("blog", "https://blog.example/".to_owned()),
        ("user_ip", format!("192.0.2.{}", n % 250)),
        ("permalink", format!("https://blog.example/{}", field("thread"))),
        ("comment_author", field("name")),
        ("comment_author_email", field("email")),
        ("comment_content", field("body")),
    ];
    let url = gateway.url(&format!("/1.1/{call}"));
    let answer = client().post(url).form(&form).send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    Answer { status, headers, body: answer.text().await.expect("text") }
}

/// A check, once the gateway knows what moderators have decided.
pub async fn check(gateway: &Running, n: usize) -> Answer {
    let mut answer = call(gateway, "comment-check", n).await;
    until("the gateway can judge", async || {
        if answer.status != StatusCode::OK {
            answer = call(gateway, "comment-check", n).await;
        }
        answer.status == StatusCode::OK
    })
    .await;
    answer
}

async fn report(gateway: &Running, action: &str, n: usize) {
    assert!(call(gateway, action, n).await.body.starts_with("Thanks"));
}

/// How many records a topic has.
fn records(home: &Home, topic: Topic) -> usize {
    let log = SqliteView::open(&home.data().join("log.sqlite")).expect("a log");
    let mut reader = log.read(topic, &Range::default()).expect("a reader");
    let mut count = 0;
    while let Some(records) = reader.next().expect("records") {
        count += records.len();
    }
    count
}

#[tokio::test]
async fn a_wave_is_held_for_a_blog_and_is_spam_once_it_has_reported_three() {
    let home = Home::new(&format!("{POLICY}{CONFIG}{KEY}"));
    let mut run = home.gateway(&["run"]);
    for n in 0..10 {
        let answer = check(&run, n).await;
        assert_eq!((answer.body.as_str(), answer.is_held()), ("false", n >= 4), "{n}: {:?}", answer.headers);
    }
    let again = check(&run, 0).await;
    assert!(again.is_held(), "the first hears of it when it is checked again");
    for topic in [Topic::Submitted, Topic::Screened, Topic::Moderated] {
        assert_eq!(records(&home, topic), 0, "{topic}: a check leaves nothing in the log");
    }

    for n in [1, 5, 8] {
        assert!(!check(&run, 20 + n).await.is_spam());
        report(&run, "submit-spam", n).await;
    }
    until("the reports count", async || check(&run, 30).await.is_spam()).await;
    let answer = check(&run, 31).await;
    assert!(
        answer.is_spam() && answer.header("x-akismet-pro-tip").is_empty(),
        "moderators see it: {:?}",
        answer.headers
    );

    // The pipeline sees the same wave, and has nothing to screen again.
    run.post(&variant(40)).await;
    until("the same is spam in the pipeline", async || members(&home, "spam") == 1).await;
    assert_eq!(records(&home, Topic::Screened), 1);

    // Checks are forgotten with the process, and what was decided is not.
    assert!(run.terminate().success());
    let run = home.gateway(&["run"]);
    check(&run, 50).await;
    let answer = check(&run, 51).await;
    assert!(answer.is_spam(), "{:?}", answer.headers);
    for n in [50, 51] {
        report(&run, "submit-ham", n).await;
    }
    until("it is disputed", async || check(&run, 52).await.is_held()).await;
    assert_eq!(records(&home, Topic::Screened), 1);
}

#[tokio::test]
async fn a_gateway_by_itself_sees_the_filters_waves_from_when_a_site_has_a_key() {
    let test = "a_gateway_by_itself_sees_the_filters_waves_from_when_a_site_has_a_key";
    let Some(house) = Deployment::start(test, POLICY).await else { return };
    for n in 0..30 {
        house.gateway.post(&variant(n)).await;
    }
    until("the wave is held", async || members(&house.home, "pending") > 10).await;
    assert_eq!(call(&house.gateway, "comment-check", 40).await.status, StatusCode::NOT_FOUND);
    house.home.configure_more(KEY);
    until("there is a key", async || call(&house.gateway, "comment-check", 41).await.status != StatusCode::NOT_FOUND)
        .await;
    until("it has read what was screened", async || check(&house.gateway, 41).await.is_held()).await;

    for n in [41, 42, 43] {
        report(&house.gateway, "submit-spam", n).await;
    }
    until("the reports count", async || check(&house.gateway, 44).await.is_spam()).await;
    // The filter hears of them, too.
    until("what waited follows", async || members(&house.home, "pending") == 0).await;
    assert!(members(&house.home, "spam") > 10);
}
