//! Another house's filter as one more signal: the real binary asks the real binary.

use serde_json::json;

use crate::harness::{CONFIG, Home, Running, until};

const KEY: &str = "0123456789abcdef";

/// A house that answers the Akismet interface on this address, and knows one word.
fn answering(listen: &str) -> (Home, Running) {
    let config = CONFIG.replace("127.0.0.1:0\"\nprobes", &format!("{listen}\"\nprobes"));
    let config = format!("{config}\nakismet_keys = [{KEY:?}]\npolicy.screening.reject_words = [\"kazoo\"]\n");
    let home = Home::new(&config);
    let running = home.gateway(&["dev"]);
    (home, running)
}

/// A house that asks it. By itself it publishes everything.
fn asking(url: &str) -> Home {
    Home::new(&format!(
        "{CONFIG}\n[sites.news.external_check]\nurl = {url:?}\nkey = {KEY:?}\nblog = \"https://news.example/\"\n\
         timeout_ms = 5000\nbreaker_failures = 2\nbreaker_seconds = 1\nrecheck_seconds = 1\n\
         [sites.news.policy.screening]\nmode = \"post\"\n[sites.news.policy.validation]\nflood_seconds = 0\n"
    ))
}

fn comment(body: &str) -> serde_json::Value {
    json!({"thread": "a", "name": "Mira", "email": "mira@example.org", "body": body})
}

#[tokio::test]
async fn the_others_word_counts_and_its_silence_holds() {
    let (_other, mut other) = answering("127.0.0.1:0");
    let home = asking(&other.address);
    let dev = home.gateway(&["dev"]);
    let good = dev.post(&comment("A good word.")).await;
    dev.until_state(&good, "published").await;
    let bad = dev.post(&comment("A kazoo is what I sell.")).await;
    dev.until_state(&bad, "pending").await;
    assert!(home.mails().is_empty(), "spam is no moderator's business: {:?}", home.mails());
    assert!(other.get(&format!("/1.2/usage-limit?api_key={KEY}")).await["usage"].as_u64() >= Some(2));

    other.kill();
    let unchecked = dev.post(&comment("Nobody has checked this.")).await;
    until("a moderator is asked", async || !home.mails().is_empty()).await;
    let mails = home.mails();
    assert!(mails.len() == 1 && mails[0].contains("Nobody has checked this"), "{mails:?}");
    assert!(mails[0].contains("external check could not be"), "{}", mails[0]);
    assert_eq!(dev.state(&unchecked).await, "pending");
    assert_eq!(dev.bodies("a").await, ["<p>A good word.</p>"]);
}
