//! A policy on trial, `rejoinder spam backtest` and `rejoinder spam rescreen`.

use std::process::Output;

use rejoinder_pipeline::Record;
use rejoinder_proto::{Event, Topic, now, v1};
use serde_json::{Value, json};

use super::site::{Kind, Site, id_of};
use crate::{
    harness::{CONFIG, Home, client, comment, until},
    spam::rows,
};

/// Shows whatever no rule speaks against; on trial is a rule against a word.
const TRIAL: &str = "policy.screening.mode = \"post\"\npolicy.screening.model_weight_max = 0.0\n\
                     policy.screening.hold_unknown_language = false\n\
                     policy.trial.name = \"kazoo\"\npolicy.trial.screening.hold_words = [\"kazoo\"]\n";

const SPAM: &str = "A cheap kazoo at half the price, order it on our page.";
const HAM: &str = "He plays the kazoo in this song.";
const OPEN: &str = "Is that a kazoo on the table?";
const PLAIN: &str = "The ferry leaves at noon.";
const LINKS: &str = "A kazoo: https://a.example https://b.example";

fn decision(id: &str, action: v1::Action) -> Record {
    let event = v1::CommentModerated {
        id: id.into(),
        site: "news".into(),
        thread_id: "a".into(),
        action: action.into(),
        moderator: "editor".into(),
        decided_at: Some(now()),
        ..Default::default()
    };
    Record::of(&event, "/test", "00-x")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The changes of a backtest, and its totals.
fn backtest(site: &Site, arguments: &[&str]) -> (Vec<Value>, Value) {
    let mut changes = lines(&site.home().succeed(&[&["spam", "backtest", "--json"], arguments].concat()));
    let totals = changes.pop().expect("totals");
    (changes, totals)
}

/// `rejoinder spam rescreen` by a policy that holds the word.
fn rescreen(site: &Site, more: &[&str]) -> Output {
    let mut command = site.home().command(&[&["spam", "rescreen", "--days", "1"], more].concat());
    command.env("REJOINDER__POLICY__SCREENING__HOLD_WORDS", "[\"kazoo\"]").output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn tries(kind: Kind, test: &str) {
    let Some(mut site) = Site::configured(kind, test, TRIAL).await else { return };
    let mut ids = Vec::new();
    for (name, words) in [("Ada", SPAM), ("Bob", HAM), ("Cyd", OPEN), ("Dan", PLAIN), ("Eve", LINKS)] {
        ids.push(site.start().post(&comment(name, words)).await);
    }
    let [spam, ham, open, plain, links] = &ids[..] else { panic!("{ids:?}") };
    for (id, state) in [(spam, "published"), (ham, "published"), (open, "published"), (plain, "published")] {
        site.start().until_state(id, state).await;
    }
    site.start().until_state(links, "pending").await;
    on_trial(&site, &ids);
    if kind == Kind::Embedded {
        // They are counted a moment after the log has them.
        until("the trial's verdicts are counted", async || {
            let metrics = client().get(site.start().url("/metrics")).send().await.expect("an answer").text().await;
            are_counted(&metrics.expect("text"))
        })
        .await;
    }

    site.stop();
    site.append(vec![decision(spam, v1::Action::Spam), decision(ham, v1::Action::Approve)]).await;
    site.start().until_state(spam, "pending").await;
    until("both are decided", async || {
        let approved = |row: &Value| row["comment"] == *ham && row["kind"] == "ham";
        lines(&site.home().succeed(&["spam", "decisions", "--json"])).iter().any(approved)
    })
    .await;
    tested(&site, &ids);

    // By the command, while the process runs that has the log.
    if kind == Kind::Embedded {
        let refused = rescreen(&site, &[]);
        let errors = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && errors.contains("another rejoinder process"), "{errors}");
    }
    let change = format!("news  {open}  approve -> hold  +5.00 hold_words\n");
    let tried = said(&rescreen(&site, &["--dry-run"]));
    assert!(tried.starts_with(&change), "{tried}");
    let total =
        "news: 5 comments, of which moderators decided about 2, which stay; 1 would change: 1 approve -> hold\n";
    assert!(tried.ends_with(total), "{tried}");
    assert_eq!(site.start().state(open).await, "published", "nothing has happened");
    site.stop();
    let done = said(&rescreen(&site, &[]));
    assert_eq!(done, tried.replace("would change", "change"));
    site.start().until_state(open, "pending").await;
    for (id, state) in [(spam, "pending"), (ham, "published"), (plain, "published"), (links, "pending")] {
        assert_eq!(site.start().state(id).await, state, "{id}");
    }
    let again = said(&rescreen(&site, &["--dry-run", "--site", "news"]));
    assert_eq!(again.lines().count(), 1, "{again}");
    site.until_at_rest().await;
    assert!(site.audit(&[]).0, "the audit holds");
}

/// What the log says of the trial.
fn on_trial(site: &Site, ids: &[String]) {
    let screened: Vec<_> = site.read(Topic::Screened);
    assert_eq!(screened.len(), ids.len());
    for delivered in &screened {
        let record = &delivered.record;
        let event = v1::CommentScreened::decode(Topic::Screened, &record.headers, record.payload.as_deref());
        let event = event.expect("a screening");
        let [trial] = &event.trials[..] else { panic!("{:?}", event.trials) };
        let words = &event.comment.as_ref().expect("a comment").text;
        let wanted = if words == PLAIN { v1::Verdict::Approve } else { v1::Verdict::Hold };
        assert_eq!((trial.name.as_str(), trial.verdict()), ("kazoo", wanted), "{}", id_of(delivered));
        assert_ne!(trial.policy_version, event.policy_version);
        let live = if words == LINKS { v1::Verdict::Hold } else { v1::Verdict::Approve };
        assert_eq!(event.verdict(), live);
    }
}

fn are_counted(metrics: &str) -> bool {
    let verdicts = [("approve", "hold", 3), ("approve", "approve", 1), ("hold", "hold", 1)];
    verdicts.into_iter().all(|(live, verdict, count)| {
        let labels = [
            "site=\"news\"".to_owned(),
            "trial=\"kazoo\"".to_owned(),
            format!("live=\"{live}\""),
            format!("verdict=\"{verdict}\""),
        ];
        metrics.lines().any(|line| {
            line.starts_with("rejoinder_spam_filter_trials_total{")
                && labels.iter().all(|label| line.contains(label))
                && line.ends_with(&format!(" {count}"))
        })
    })
}

fn tested(site: &Site, ids: &[String]) {
    let [spam, ham, open, ..] = ids else { panic!("{ids:?}") };
    let file = site.home().file("kazoo.toml", "hold_words = [\"kazoo\"]\n").display().to_string();
    let (changes, totals) = backtest(site, &["--policy", &file]);
    let known: Vec<_> = changes
        .iter()
        .map(|change| {
            let verdict = |side: &str| change[side]["verdict"].as_str().expect("a verdict");
            let (name, id) = (&change["change"], &change["comment"]);
            (name.as_str().expect("a name"), id.as_str().expect("an id"), verdict("live"), verdict("candidate"))
        })
        .collect();
    let wanted = [
        ("new_catch", spam.as_str(), "approve", "hold"),
        ("new_false_alarm", ham, "approve", "hold"),
        ("stricter", open, "approve", "hold"),
    ];
    assert_eq!(known, wanted);
    assert_eq!(changes[0]["candidate"]["signals"], json!([{"name": "hold_words", "weight": 5.0}]));
    let row = json!({"live": {"approve": 2, "hold": 1, "spam": 0}, "candidate": {"approve": 1, "hold": 2, "spam": 0}});
    assert_eq!(totals["comments"]["undecided"], row);
    assert_eq!(backtest(site, &[]), (changes, totals), "what is on trial is the same");
    let (none, totals) = backtest(site, &["--policy", &file, "--days", "0"]);
    assert!(none.is_empty() && totals["changes"]["new_catch"] == 0, "{none:?} {totals}");

    let table = site.home().succeed(&["spam", "backtest"]);
    assert!(table.contains(&format!("new catch          news  {spam}  approve -> hold  +5.00 hold_words")), "{table}");
    assert!(
        table.ends_with("new catch 1, missed now 0, new false alarm 1, false alarm less 0, stricter 1, milder 0\n")
    );
    for words in [SPAM, HAM, OPEN, "Ada", "Bob", "example.org"] {
        assert!(!table.contains(words), "{table}");
    }

    let rows = site.home().file("rows.jsonl", &rows()).display().to_string();
    let model = site.home().file("kazoo.model", "").display().to_string();
    site.home().succeed(&["spam", "train", "--input", &rows, "--output", &model]);
    // A model of so few rows has no opinion, and the candidate lets that be heard.
    let heard = site.home().file("heard.toml", "hold_unknown_language = true\n").display().to_string();
    let (changes, _) = backtest(site, &["--policy", &heard, "--model", &model]);
    let change = changes.iter().find(|change| change["comment"] == *spam).expect("a change");
    assert_eq!(change["candidate"]["signals"][0]["name"], "learned", "{change}");
    assert_ne!(change["candidate"]["model_version"], change["live"]["model_version"]);
}

#[tokio::test]
async fn what_is_on_trial_is_seen_tested_and_put_in_force_on_sqlite() {
    tries(Kind::Embedded, "what_is_on_trial_is_seen_tested_and_put_in_force_on_sqlite").await;
}

#[tokio::test]
async fn what_is_on_trial_is_seen_tested_and_put_in_force_on_kafka_and_postgres() {
    tries(Kind::Distributed, "what_is_on_trial_is_seen_tested_and_put_in_force_on_kafka_and_postgres").await;
}

#[test]
fn what_cannot_be_tried_is_named() {
    let home = Home::new(CONFIG);
    let broken = home.file("broken.model", "no model").display().to_string();
    let wrong = home.file("wrong.toml", "hold_att = 1").display().to_string();
    let large = home.file("large.toml", "hold_at = 100").display().to_string();
    for (arguments, why) in [
        (&["spam", "backtest"][..], "nothing to compare with"),
        (&["spam", "backtest", "--model", &broken], "rejoinder spam train"),
        (&["spam", "backtest", "--policy", &wrong], "unknown field `hold_att`"),
        (&["spam", "backtest", "--policy", &large], "hold_at (100)"),
        (&["spam", "backtest", "--policy", &large, "--site", "nowhere"], "no site \"nowhere\""),
        (&["spam", "rescreen", "--days", "1", "--site", "nowhere"], "no site \"nowhere\""),
    ] {
        let output = home.output(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && errors.contains(why), "{arguments:?}: {errors}");
    }
    let home = Home::new(&format!("spam_filter.trial_model = {broken:?}\n{CONFIG}"));
    let output = home.output(&["run"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && errors.contains("spam_filter.trial_model: "), "{errors}");
}
