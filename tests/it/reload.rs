//! Sites and policies change while everything runs.

use std::{collections::HashSet, fs, os::unix::fs::symlink};

use rejoinder_pipeline::{Range, Records, sqlite::SqliteView};
use rejoinder_proto::{Event, Topic, v1::CommentScreened};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{CONFIG, Home, Running, client, until};

/// Everything is published at once, but for what `rules` say.
fn config(rules: &str) -> String {
    format!("{CONFIG}\n[policy.validation]\nflood_seconds = 0\n[policy.screening]\nmode = \"post\"\n{rules}")
}

fn comment(body: &str) -> Value {
    json!({"thread": "a", "name": "Mira", "email": "mira@example.org", "body": body})
}

async fn until_reloads(running: &Running, result: &str, times: f64) {
    let label = format!("result=\"{result}\"");
    let reloads = async || running.metric("rejoinder_config_reloads_total", &label).await;
    until(&format!("{times} reloads were {result}"), async || reloads().await == times).await;
}

/// The versions of the policies that have judged.
fn versions(home: &Home) -> HashSet<String> {
    let log = SqliteView::open(&home.data().join("log.sqlite")).expect("a log");
    let mut reader = log.read(Topic::Screened, &Range::default()).expect("a reader");
    let mut versions = HashSet::new();
    while let Some(records) = reader.next().expect("records") {
        versions.extend(records.into_iter().map(|delivered| {
            let record = delivered.record;
            let event = CommentScreened::decode(record.topic, &record.headers, record.payload.as_deref());
            event.expect("a screening").policy_version
        }));
    }
    versions
}

#[tokio::test]
async fn a_new_policy_is_in_force_without_a_restart_and_a_wrong_one_never() {
    let home = Home::new(&config(""));
    let run = home.logged_gateway(&["run"]);
    let first = run.post(&comment("A kazoo for everybody.")).await;
    run.until_state(&first, "published").await;

    home.configure(&config("hold_words = [\"kazoo\"]"));
    until_reloads(&run, "taken", 1.0).await;
    let second = run.post(&comment("Another kazoo for everybody.")).await;
    run.until_state(&second, "pending").await;
    assert_eq!(versions(&home).len(), 2, "a verdict names the policy that it goes by");

    for (wrong, named) in [
        ("hold_words = []\nhold_at = -1", "hold_at is -1"),
        ("hold_words = []\nhold_att = 1", "unknown field `hold_att`"),
        ("hold_words = [", "at line"),
    ] {
        home.configure(&config(wrong));
        until(named, async || home.log().contains(named)).await;
    }
    until_reloads(&run, "refused", 3.0).await;
    let log = home.log();
    assert!(log.contains("policy.screening") && log.contains("what was in force stays in force"), "{log}");
    let third = run.post(&comment("A third kazoo for everybody.")).await;
    run.until_state(&third, "pending").await;

    home.configure(&config("").replace("submit_per_minute = 0", "submit_per_minute = 7"));
    until_reloads(&run, "taken", 2.0).await;
    let fourth = run.post(&comment("The last kazoo of today.")).await;
    run.until_state(&fourth, "published").await;
    until("the restart is asked for", async || home.log().contains("settings=\"gateway.submit_per_minute\"")).await;

    run.signal("HUP");
    until_reloads(&run, "taken", 3.0).await;
}

/// Every service goes by the new sites, also when the file is a link that is turned, as in a mounted ConfigMap.
#[tokio::test]
async fn sites_come_and_change_while_everything_runs() {
    let home = Home::new(&config("hold_words = [\"kazoo\"]"));
    let file = home.file("rejoinder.toml", "");
    let folder = file.parent().expect("a folder");
    let version = |name: &str, text: &str| {
        fs::create_dir(folder.join(name)).expect("a folder");
        let text = format!("data_dir = {:?}\n{text}", home.data());
        fs::write(folder.join(name).join("rejoinder.toml"), text).expect("written");
        let turned = folder.join("turned");
        symlink(name, &turned).expect("a link");
        fs::rename(&turned, folder.join("..data")).expect("turned");
    };
    let old = config("hold_words = [\"kazoo\"]");
    version("old", &old);
    fs::remove_file(&file).expect("removed");
    symlink("..data/rejoinder.toml", &file).expect("a link");

    let run = home.logged_gateway(&["run"]);
    let at_blog = run.url("/v1/sites/blog/comments");
    let check = || {
        client()
            .post(run.url("/1.1/comment-check"))
            .form(&[
                ("api_key", "0123456789abcdef"),
                ("blog", "https://blog.example/"),
                ("user_ip", "192.0.2.1"),
                ("comment_content", "A kazoo."),
            ])
            .send()
    };
    let preflight = || {
        let request = client().request(reqwest::Method::OPTIONS, &at_blog).header("origin", "https://blog.example");
        request.header("access-control-request-method", "POST").send()
    };
    assert_eq!(client().post(&at_blog).json(&comment("Hello.")).send().await.expect("an answer").status(), 404);
    assert_eq!(check().await.expect("an answer").status(), StatusCode::NOT_FOUND);

    let blog = "\n[sites.blog]\norigins = [\"https://blog.example\"]\nakismet_keys = [\"0123456789abcdef\"]\n\
                moderators = [{ name = \"sara\", email = \"sara@example.org\" }]\n";
    version("new", &format!("{old}{blog}"));
    until_reloads(&run, "taken", 1.0).await;
    let answer = client().post(&at_blog).json(&comment("A kazoo at the blog.")).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    until("the new moderator is asked", async || home.mails().iter().any(|mail| mail.contains("sara@example.org")))
        .await;
    let allowed = preflight().await.expect("an answer");
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://blog.example");
    until("the filter knows the decisions", async || check().await.expect("an answer").status() == 200).await;
    let judged = check().await.expect("an answer");
    assert_eq!(judged.headers()["x-akismet-error"], "needs-review", "the new site's own words are looked for");
}
