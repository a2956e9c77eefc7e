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
         [sites.news.policy.screening]\nmode = \"post\"\nmodel_weight_max = 0.0\n[sites.news.policy.validation]\nflood_seconds = 0\n"
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

#[tokio::test]
async fn what_was_held_is_published_when_the_other_is_back_also_after_a_restart() {
    let (_other, mut other) = answering("127.0.0.1:0");
    let address = other.address.strip_prefix("http://").expect("an address").to_owned();
    other.kill();
    let home = asking(&format!("http://{address}"));
    let mut dev = home.gateway(&["dev"]);
    let good = dev.post(&comment("Held for nothing.")).await;
    let bad = dev.post(&comment("Held for a kazoo.")).await;
    for id in [&good, &bad] {
        dev.until_state(id, "pending").await;
    }
    until("moderators are asked about both", async || home.mails().len() == 2).await;
    dev.kill();

    let dev = home.gateway(&["dev"]);
    assert_eq!((dev.state(&good).await.as_str(), dev.state(&bad).await.as_str()), ("pending", "pending"));
    let (_other, other) = answering(&address);
    dev.until_state(&good, "published").await;
    let asked = async || other.get(&format!("/1.2/usage-limit?api_key={KEY}")).await["usage"].clone();
    until("both were asked about", async || asked().await == 2).await;
    assert_eq!(dev.bodies("a").await, ["<p>Held for nothing.</p>"]);
    assert_eq!(home.mails().len(), 2, "nobody is mailed again");
}
