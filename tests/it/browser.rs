//! The sample article and the mailbox in Chromium, with JavaScript and without.

use std::{
    env, fs,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{CONFIG, Home, Running, services::skipped, until};

struct Browser {
    driver: Child,
    client: Client,
    _profile: TempDir,
}

impl Browser {
    async fn start(test: &str, javascript: bool) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let Ok(driver) = driver else {
            skipped(test, "chromedriver is not installed");
            return None;
        };
        let profile = tempfile::tempdir().expect("a temporary folder");
        let capabilities = json!({
            "goog:chromeOptions": {
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                    "--disable-component-update", "--disable-sync", "--window-size=1280,1600",
                    format!("--user-data-dir={}", profile.path().display()),
                ],
                "prefs": { "profile.managed_default_content_settings.javascript": if javascript { 1 } else { 2 } },
            }
        });
        let mut client = None;
        until("chromedriver answers", async || {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            builder.capabilities(capabilities.as_object().expect("an object").clone());
            client = builder.connect(&format!("http://127.0.0.1:{port}")).await.ok();
            client.is_some()
        })
        .await;
        Some(Self { driver, client: client.expect("connected"), _profile: profile })
    }

    /// The text of an element. The page may be loaded anew between finding and reading it: then it is found again.
    async fn text(&self, selector: &str) -> String {
        let mut text = None;
        until(&format!("{selector} can be read"), async || {
            if let Ok(element) = self.client.find(Locator::Css(selector)).await {
                text = element.text().await.ok();
            }
            text.is_some()
        })
        .await;
        text.expect("it was read")
    }

    async fn reply(&self, dev: &Running, name: &str, body: &str) {
        self.client.goto(&dev.url("/")).await.expect("the article opens");
        for (field, value) in [("body", body), ("name", name), ("email", &format!("{name}@example.org"))] {
            let input = self.client.find(Locator::Css(&format!("#respond [name={field}]"))).await.expect(field);
            input.send_keys(value).await.expect("typed");
        }
        let button = self.client.find(Locator::Css("#respond [type=submit]")).await.expect("a button");
        button.click().await.expect("clicked");
    }

    /// Keeps a picture when REJOINDER_SCREENSHOTS names a folder.
    async fn picture(&self, name: &str) {
        if let Ok(folder) = env::var("REJOINDER_SCREENSHOTS") {
            let picture = self.client.screenshot().await.expect("a picture");
            fs::write(PathBuf::from(folder).join(format!("{name}.png")), picture).expect("written");
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver leaves its Chromium behind when it is killed alone: end the whole group.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.driver.id())]).status();
        let _ = self.driver.wait();
    }
}

async fn a_reader_and_a_moderator(test: &str, javascript: bool) {
    let Some(browser) = Browser::start(test, javascript).await else { return };
    // The model is off: what it says of a text made of links is not what is looked at here.
    let screening = "policy.screening.mode = \"post\"\npolicy.screening.model_weight_max = 0.0";
    let home = Home::new(&format!("{CONFIG}\n{screening}\npolicy.validation.flood_seconds = 0\n"));
    let dev = home.gateway(&["dev"]);

    browser.reply(&dev, "Ada", "A plain reply from a browser.").await;
    until("the reply stands under the article", async || {
        browser.text("#comments").await.contains("A plain reply from a browser.")
    })
    .await;
    let recent = browser.text("[aria-labelledby=recent-title]").await;
    assert!(recent.contains("Ada on "), "{recent}");
    assert!(!browser.client.source().await.expect("source").contains("Ada@example.org"), "an address is shown");
    browser.picture(&format!("{test}-published")).await;

    let links = "Three links: https://a.example https://b.example https://c.example";
    browser.reply(&dev, "Bob", links).await;
    until("it awaits moderation", async || browser.text("body").await.contains("awaiting moderation")).await;
    assert!(!browser.text("#comments").await.contains("Three links"));
    browser.picture(&format!("{test}-held")).await;

    let mail = async || {
        browser.client.goto(&dev.url("/mailbox")).await.expect("the mailbox opens");
        browser.client.find(Locator::Css("a[href^='/mailbox/']")).await.ok()
    };
    let mut found = None;
    until("the mail stands in the mailbox", async || {
        found = mail().await;
        found.is_some()
    })
    .await;
    browser.picture(&format!("{test}-mailbox")).await;
    found.expect("a mail").click().await.expect("clicked");
    browser.client.wait().for_element(Locator::Css("main")).await.expect("the mail opens");
    browser.picture(&format!("{test}-mail")).await;
    let raw = home.mails().pop().expect("a mail");
    let link = crate::harness::action_link(&[raw], "Three links", "approve").expect("an approve link");
    browser.client.goto(&dev.url(&crate::harness::path_of(&link))).await.expect("the page opens");
    assert!(browser.text("body").await.contains("Three links"));
    browser.picture(&format!("{test}-moderate")).await;
    browser.client.find(Locator::Css("form [type=submit]")).await.expect("a button").click().await.expect("clicked");
    // Going on before the answer is there would be undone by it.
    until("the decision is confirmed", async || {
        browser.client.find(Locator::Css("form [type=submit]")).await.is_err()
            && browser.client.find(Locator::Css("main h1")).await.is_ok()
    })
    .await;
    until("it appears under the article", async || {
        browser.client.goto(&dev.url("/")).await.expect("the article opens");
        browser.text("#comments").await.contains("Three links")
    })
    .await;
    browser.client.clone().close().await.expect("closed");
}

#[tokio::test]
async fn in_chromium_with_javascript() {
    a_reader_and_a_moderator("in_chromium_with_javascript", true).await;
}

#[tokio::test]
async fn in_chromium_without_javascript() {
    a_reader_and_a_moderator("in_chromium_without_javascript", false).await;
}
