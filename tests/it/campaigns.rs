//! A wave of variants of one advertisement, from the first comment until an operator takes it back.

use serde_json::{Value, json};

use crate::{
    distributed::Deployment,
    harness::{CONFIG, Home, Running, action_link, client, path_of, until},
};

/// Publishes what no rule speaks against; the learned model has no say, so that campaigns alone are seen.
fn home() -> Home {
    let policy = "[sites.news.policy.screening]\nmode = \"post\"\nmodel_weight_max = 0.0\nmodel_relief_max = 0.0\n[sites.news.policy.validation]\nflood_seconds = 0\n";
    Home::new(&format!("{CONFIG}\n{policy}"))
}

/// One of many ways to say the same.
pub fn variant(n: usize) -> Value {
    let pick = |salt: usize, of: &[&'static str]| of[(n * 7 + n / 3 * salt + salt) % of.len()];
    let body = format!(
        "{} my cousin {} found a gardener who makes every lawn green in {} weeks. We paid only {} and even the neighbours {} \
         for the number {} Ask for the green book at the {} office #{n}#",
        pick(1, &["Honestly,", "Believe me,", "Well,", "You know,"]),
        pick(2, &["Dana", "Olena", "Petra", "Maribel", "Yuki", "Femi"]),
        n % 9 + 2,
        n * 37 % 900 + 10,
        pick(3, &["asked", "ask", "call"]),
        pick(5, &["🌱", "!!!", "🙏", "."]),
        pick(4, &["garden", "green", "town"]),
    );
    json!({"thread": format!("page-{}", n % 40), "name": format!("Reader {n}"), "email": format!("r{n}@example.org"), "body": body})
}

const HONEST: [&str; 5] = [
    "Thank you!",
    "My cousin lives in that town, and the harbour is worth a visit in any weather.",
    "A green lawn is a desert for bees; let the clover grow and see who comes.",
    "Who took the photograph at the top? It would look good on a poster.",
    "Could you write about the night trains next?",
];

/// The campaigns, as the command lists them.
fn campaigns(home: &Home) -> Vec<Value> {
    let lines = home.succeed(&["spam", "campaigns", "--json"]);
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The only one's name.
fn name(home: &Home) -> String {
    let campaigns = campaigns(home);
    assert_eq!(campaigns.len(), 1, "{campaigns:?}");
    campaigns[0]["campaign"].as_str().expect("a name").to_owned()
}

/// How many members of campaigns are stored in a state.
pub fn members(home: &Home, state: &str) -> u64 {
    campaigns(home).iter().map(|campaign| campaign["states"][state].as_u64().expect("a number")).sum()
}

async fn is_settled(dev: &Running, ids: &[String]) -> bool {
    for id in ids {
        if dev.state(id).await == "submitted" {
            return false;
        }
    }
    true
}

/// How the mail names the action.
const SPAM: &str = "mark it as spam";

/// A moderator calls a comment spam, by the link of a mail.
async fn call_spam(home: &Home, dev: &Running, words: &str) {
    until("the mail comes", async || action_link(&home.mails(), words, SPAM).is_some()).await;
    let link = action_link(&home.mails(), words, SPAM).expect("a link");
    let page = client().post(dev.url(&path_of(&link))).send().await.expect("a page");
    assert!(page.status().is_success(), "{}", page.status());
}

/// Moderators call three members spam that wait.
async fn call_three_spam(home: &Home, gateway: &Running, wave: &[String]) {
    let mut decided = 0;
    for (n, id) in wave.iter().enumerate().skip(30) {
        if decided < 3 && gateway.state(id).await == "pending" {
            call_spam(home, gateway, &format!("#{n}#")).await;
            decided += 1;
            if decided < 3 {
                until("it is stored", async || members(home, "spam") == decided).await;
            }
        }
    }
    assert_eq!(decided, 3);
}

#[tokio::test]
async fn a_wave_is_held_follows_three_decisions_and_comes_back_when_it_is_undone() {
    let home = home();
    let mut dev = home.gateway(&["dev"]);
    let (mut wave, mut honest) = (Vec::new(), Vec::new());
    for n in 0..120 {
        wave.push(dev.post(&variant(n)).await);
        if n % 24 == 0 {
            let body = HONEST[n / 24];
            let name = format!("Honest {n}");
            let comment = json!({"thread": "talk", "name": name, "email": format!("h{n}@example.org"), "body": body});
            honest.push(dev.post(&comment).await);
        }
    }
    until("all are stored", async || is_settled(&dev, &wave).await && is_settled(&dev, &honest).await).await;
    let held = members(&home, "pending");
    assert!(held >= 100, "{held} of 120 are held");
    for id in &honest {
        assert_eq!(dev.state(id).await, "published");
    }

    call_three_spam(&home, &dev, &wave).await;
    until("what waits follows", async || members(&home, "pending") == 0).await;
    assert!(members(&home, "spam") >= held, "{:?}", campaigns(&home));
    let before = members(&home, "spam");
    let mut late = Vec::new();
    for n in 200..220 {
        late.push(dev.post(&variant(n)).await);
    }
    until("what comes is spam at once", async || members(&home, "spam") == before + 20).await;
    for id in &honest {
        assert_eq!(dev.state(id).await, "published", "nobody else is touched");
    }
    let mails = home.mails().len();
    let name = name(&home);

    assert!(dev.terminate().success());
    let said = home.succeed(&["spam", "undo", &name, "--reason", "a real gardener"]);
    assert!(said.contains("3 decisions are taken back"), "{said}");
    let mut dev = home.gateway(&["dev"]);
    until("all but what moderators decided is shown", async || members(&home, "spam") == 3).await;
    assert_eq!(members(&home, "pending"), 0);
    for id in &late {
        dev.until_state(id, "published").await;
    }
    let next = dev.post(&variant(300)).await;
    dev.until_state(&next, "published").await;
    assert_eq!(home.mails().len(), mails, "no moderator was asked again");

    // It stays so in a process that starts.
    assert!(dev.terminate().success());
    let dev = home.gateway(&["dev"]);
    let next = dev.post(&variant(301)).await;
    dev.until_state(&next, "published").await;
    let unknown = home.output(&["spam", "undo", "0190163d-8694-739b-aea5-966c26f8ad91", "--reason", "x"]);
    assert!(!unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("no stored comment"));
}

#[tokio::test]
async fn two_filters_see_one_wave_and_follow_the_same_decisions() {
    let policy = "policy.validation.flood_seconds = 0\npolicy.screening.mode = \"post\"\n\
                  policy.screening.model_weight_max = 0.0\npolicy.screening.model_relief_max = 0.0\n";
    let test = "two_filters_see_one_wave_and_follow_the_same_decisions";
    let Some(house) = Deployment::start(test, policy).await else { return };
    let (home, gateway) = (&house.home, &house.gateway);
    let second = home.replica("spam-filter", "second");
    // A few comments on every page, until both filters have their partitions.
    let mut n = 1_000;
    until("both filters work", async || {
        for page in 0..40 {
            let comment = json!({"thread": format!("page-{page}"), "name": "A", "email": "a@example.org", "body": format!("{n}")});
            gateway.post(&comment).await;
            n += 1;
        }
        second.consumed().await > 0
    })
    .await;
    let mut wave = Vec::new();
    for n in 0..100 {
        wave.push(gateway.post(&variant(n)).await);
    }
    until("all are stored", async || is_settled(gateway, &wave).await).await;
    let held = members(home, "pending");
    assert!(held >= 75, "{held} of 100 are held: {:?}", campaigns(home));
    call_three_spam(home, gateway, &wave).await;
    until("what waits follows", async || members(home, "pending") == 0).await;
    let before = members(home, "spam");
    for n in 200..240 {
        gateway.post(&variant(n)).await;
    }
    until("what comes is spam on both", async || members(home, "spam") == before + 40).await;

    let names: Vec<String> =
        campaigns(home).iter().map(|campaign| campaign["campaign"].as_str().expect("a name").to_owned()).collect();
    let said = home.succeed(&["spam", "undo", &names[0], "--reason", "a real gardener"]);
    assert!(said.contains("3 decisions are taken back"), "{said}");
    until("all but what moderators decided is shown", async || members(home, "spam") == 3).await;
}
