//! `rejoinder dev`: everything in one process on SQLite.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{CONFIG, Home, action_link, client, comment, count, path_of, sample, until};

#[tokio::test]
async fn a_strangers_first_comment_is_held_approved_by_mail_and_the_next_passes() {
    let home = Home::new(&format!("{CONFIG}\npolicy.validation.flood_seconds = 0\n"));
    let dev = home.gateway(&["dev"]);
    let first = dev.post(&comment("Ada", "A first thought.")).await;
    dev.until_state(&first, "pending").await;
    assert!(dev.bodies("a").await.is_empty());

    until("the mail stands in the mailbox", async || {
        action_link(&home.mails(), "A first thought.", "approve").is_some()
    })
    .await;
    let link = action_link(&home.mails(), "A first thought.", "approve").expect("a link");
    let link = dev.url(&path_of(&link));
    let page = client().get(&link).send().await.expect("a page");
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.expect("text").contains("A first thought."));
    assert_eq!(dev.state(&first).await, "pending", "a GET never acts");

    for _ in 0..2 {
        let page = client().post(&link).send().await.expect("a page");
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.text().await.expect("text").contains("editor"));
        dev.until_state(&first, "published").await;
    }
    let second = dev.post(&comment("Ada", "A second thought.")).await;
    dev.until_state(&second, "published").await;
    assert_eq!(dev.bodies("a").await, ["<p>A first thought.</p>", "<p>A second thought.</p>"]);
    let recent = dev.get("/v1/sites/news/recent?limit=1").await;
    assert_eq!(recent["comments"][0]["id"], json!(second));
    assert_eq!(home.mails().len(), 1, "the second needed nobody");
}

#[tokio::test]
async fn a_form_works_without_javascript() {
    let home = Home::new(&format!("{CONFIG}\npolicy.screening.mode = \"post\"\n"));
    let dev = home.gateway(&["dev"]);
    let article = client().get(dev.url("/")).send().await.expect("a page").text().await.expect("text");
    for words in
        ["Recent Comments", "Leave a Reply", "Your email address will not be published", "Required fields are marked"]
    {
        assert!(article.contains(words), "no {words:?}");
    }
    let thread =
        article.split("name=\"thread\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a thread");
    let form = [
        ("thread", thread),
        ("name", "Ada"),
        ("email", "ada@example.org"),
        ("body", "From a plain form"),
        ("redirect_to", "/"),
    ];
    let answer = client()
        .post(dev.url("/v1/sites/news/comments"))
        .header("accept", "text/html")
        .form(&form)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let location = answer.headers()["location"].to_str().expect("ASCII").to_owned();
    let page = client().get(dev.url(&location)).send().await.expect("a page").text().await.expect("text");
    assert!(page.matches("From a plain form").count() >= 1 && page.contains("Ada"), "{page}");
}

#[tokio::test]
async fn the_same_file_twice_adds_nothing() {
    let home = Home::new(CONFIG);
    let file = sample().display().to_string();
    let first = home.succeed(&["submit", "--file", &file]);
    let rows = count(&first, "sum");
    assert!(rows >= 40, "{first}");
    assert!(count(&first, "held") > 0, "{first}");
    let second = home.succeed(&["submit", "--file", &file]);
    assert_eq!(first, second);
    let dev = home.gateway(&["dev"]);
    let mails = count(&first, "held") as usize;
    until("every held comment has its mail, and no more", async || home.mails().len() == mails).await;
    drop(dev);
}

#[tokio::test]
async fn a_file_with_bad_rows_says_which() {
    let home = Home::new(CONFIG);
    let rows = "{\"body\":\"good enough\",\"name\":\"A\",\"email\":\"a@example.org\"}\n\n{\"body\":\"\"}\nnot json\n{\"text\":\"x\",\"nope\":1}\n";
    let file = home.file("rows.jsonl", rows).display().to_string();
    let output = home.output(&["submit", "--file", &file]);
    let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    assert_eq!((count(&table, "rejected"), count(&table, "unreadable"), count(&table, "sum")), (1, 2, 4), "{table}");
    assert!(errors.contains("nope") && errors.contains("line=4"), "{errors}");
}

#[tokio::test]
async fn one_idempotency_key_is_one_comment() {
    let home = Home::new(&format!("{CONFIG}\npolicy.screening.mode = \"post\"\n"));
    let dev = home.gateway(&["dev"]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let request = client().post(dev.url("/v1/sites/news/comments")).header("idempotency-key", "k-1");
        let answer = request.json(&comment("Ada", "Once only")).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        ids.push(answer.json::<serde_json::Value>().await.expect("JSON")["id"].clone());
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
    dev.until_state(ids[0].as_str().expect("an id"), "published").await;
    assert_eq!(dev.bodies("a").await.len(), 1);
}

#[tokio::test]
async fn the_same_comment_twice_at_one_instant_is_stored_once() {
    let home = Home::new(&format!("{CONFIG}\npolicy.screening.mode = \"post\"\n"));
    let dev = home.gateway(&["dev"]);
    let same = comment("Ada", "Said twice");
    let (one, two) = tokio::join!(dev.post(&same), dev.post(&same));
    assert_ne!(one, two);
    until("both have ended", async || dev.state(&one).await != "submitted" && dev.state(&two).await != "submitted")
        .await;
    let mut states = [dev.state(&one).await, dev.state(&two).await];
    states.sort();
    assert_eq!(states, ["published", "rejected"]);
    assert_eq!(dev.bodies("a").await.len(), 1);
}

#[tokio::test]
async fn killed_in_mid_load_nothing_is_lost_or_doubled() {
    let home = Home::new(&format!(
        "{CONFIG}\npolicy.screening.mode = \"post\"\npolicy.validation.flood_seconds = 0\npolicy.screening.model_weight_max = 0.0\n"
    ));
    let mut ids = Vec::new();
    for round in 0..3 {
        let mut dev = home.gateway(&["dev"]);
        for number in 0..60 {
            ids.push(dev.post(&comment("Ada", &format!("Comment {round}-{number}"))).await);
        }
        dev.kill();
    }
    let dev = home.gateway(&["dev"]);
    for id in &ids {
        dev.until_state(id, "published").await;
    }
    let bodies = dev.bodies("a").await;
    let expected: Vec<String> =
        (0..3).flat_map(|round| (0..60).map(move |number| format!("<p>Comment {round}-{number}</p>"))).collect();
    assert_eq!(bodies, expected, "all of them, once, in the order in which they were accepted");
}

#[tokio::test]
async fn a_data_folder_belongs_to_one_process() {
    let home = Home::new(CONFIG);
    let mut dev = home.gateway(&["dev"]);
    let second = home.output(&["dev"]);
    assert!(!second.status.success());
    let errors = String::from_utf8_lossy(&second.stderr);
    assert!(errors.contains("in use by another rejoinder process"), "{errors}");
    until("the first goes on", async || {
        client().get(dev.url("/readyz")).send().await.expect("an answer").status() == StatusCode::OK
    })
    .await;
    assert!(dev.terminate().success(), "SIGTERM is a clean end");
    assert!(home.gateway(&["dev"]).terminate().success(), "the folder is free again");
}

#[test]
fn an_unknown_key_is_named() {
    for (config, name) in [
        ("gatevay.x = 1", "gatevay"),
        ("policy.validation.floood = 1", "floood"),
        ("policy.screening.hold_att = 1", "hold_att"),
        ("kafka.broker = \"x\"", "broker"),
    ] {
        let output = Home::new(&format!("{config}\n{CONFIG}")).output(&["config", "check"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(name), "{name} is not named in {errors}");
    }
    assert!(Home::new(CONFIG).output(&["config", "check"]).status.success());
}

/// A variable that is none of ours may be anything.
#[cfg(unix)]
#[test]
fn an_environment_that_is_not_utf8_is_read() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let odd = OsStr::from_bytes(b"\xff");
    let home = Home::new(CONFIG);
    let output = home.command(&["config", "check"]).env("ODD", odd).output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output =
        home.command(&["config", "check"]).env("REJOINDER__DEPLOYMENT", odd).output().expect("the binary runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("deployment"), "{errors}");
}
