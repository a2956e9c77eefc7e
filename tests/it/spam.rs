//! The spam filter's tools, and what a moderator's decision teaches.

use std::{
    fs::{self, File},
    process::Output,
};

use serde_json::{Value, json};

use crate::harness::{CONFIG, Home, action_link, client, comment, path_of, until};

/// Labelled rows of two kinds that differ in their words.
pub fn rows() -> String {
    let row = |n: usize| {
        let (label, text) = match n % 2 {
            0 => ("spam", format!("cheap watches at half the price, order number {n} on our page")),
            _ => ("ham", format!("the second verse is the best one, I have heard it {n} times")),
        };
        json!({"id": n, "text": text, "author": null, "label": label, "extra": [n]}).to_string() + "\n"
    };
    (0..80).map(row).collect()
}

/// Runs a tool that reads standard input.
fn filtered(home: &Home, arguments: &[&str], input: &str) -> Output {
    let input = home.file("input.jsonl", input);
    home.command(arguments).stdin(File::open(input).expect("just written")).output().expect("the binary runs")
}

fn objects(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_model_is_trained_asked_and_measured() {
    let home = Home::new(CONFIG);
    let data = home.file("rows.jsonl", &rows());
    let (data, model, again) = (data.to_string_lossy(), home.file("a.model", ""), home.file("b.model", ""));
    let (model, again) = (model.to_string_lossy(), again.to_string_lossy());
    for output in [&model, &again] {
        home.succeed(&["spam", "train", "--input", &data, "--output", output, "--seed", "3"]);
    }
    assert_eq!(fs::read(&*model).expect("a model"), fs::read(&*again).expect("a model"));

    let scored = objects(&filtered(&home, &["spam", "score", "--model", &model], &rows()));
    assert_eq!(scored.len(), 80);
    for row in &scored {
        let score = row["score"].as_f64().expect("a number");
        assert_eq!(score > 0.5, row["label"] == "spam", "{row}");
        assert!(["approve", "hold", "spam"].contains(&row["verdict"].as_str().expect("a word")), "{row}");
        assert!(row["signals"].is_array() && row["extra"].is_array(), "{row}");
    }

    // The shipped model knows nothing of watches' opposite, and learns.
    let learned = objects(&filtered(
        &home,
        &["spam", "learn"],
        &rows().replace("spam", "HAM").replace("\"ham\"", "\"spam\"").replace("HAM", "ham"),
    ));
    let score = |n: usize| learned[n]["score"].as_f64().expect("a number");
    assert!(score(79) > 0.5 && score(79) > score(1), "{} and {}", score(1), score(79));

    let table = home.succeed(&["spam", "eval", "--model", &model, "--input", &data]);
    assert!(table.lines().any(|line| line.starts_with("rows") && line.contains("1.000")), "{table}");
}

#[test]
fn a_row_that_cannot_be_read_is_named() {
    let home = Home::new(CONFIG);
    let failed = filtered(&home, &["spam", "score"], "{\"text\": \"fine\"}\n{\"txt\": 1}\n");
    let errors = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success() && errors.contains("line 2: text: missing"), "{errors}");
    let broken = home.file("broken.model", "no model");
    let failed = filtered(&home, &["spam", "score", "--model", &broken.to_string_lossy()], "");
    assert!(String::from_utf8_lossy(&failed.stderr).contains("rejoinder spam train"), "{failed:?}");
}

#[tokio::test]
async fn a_verdict_is_explained_and_the_decision_on_it_learned() {
    let home = Home::new(&format!("{CONFIG}\npolicy.screening.mode = \"pre\"\n"));
    let dev = home.gateway(&["dev"]);
    let id = dev.post(&comment("Ada", "The ferry leaves at noon from the old pier")).await;
    dev.until_state(&id, "pending").await;
    let explained = home.succeed(&["spam", "explain", &id]);
    assert!(explained.contains("held for a person") && explained.contains("pre_moderation"), "{explained}");

    let spam = "mark it as spam";
    until("the mail comes", async || action_link(&home.mails(), "ferry", spam).is_some()).await;
    let link = action_link(&home.mails(), "ferry", spam).expect("a link");
    let page = client().post(dev.url(&path_of(&link))).send().await.expect("a page");
    assert!(page.status().is_success(), "{}", page.status());

    let decisions = || -> Vec<Value> {
        let lines = home.succeed(&["spam", "decisions", "--json"]);
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    until("the decision is logged", async || !decisions().is_empty()).await;
    let first = decisions();
    assert_eq!(
        (&first[0]["comment"], &first[0]["kind"], &first[0]["learned"]),
        (&json!(id), &json!("spam"), &json!(true))
    );
}
