//! `docs/metrics.md` has every metric that the code registers, with its type and its words; and a running deployment shows no
//! series that is not there, and no label.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::harness::{CONFIG, Home, client, comment};

/// Of the process as such: what it is called, and when it started.
const OF_THE_PROCESS: [&str; 2] = ["target_info", "process_start_time_seconds"];

#[derive(Debug, Clone, PartialEq)]
struct Row {
    kind: String,
    /// Written by a person: the code has them at another place than the name.
    labels: String,
    means: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> (String, BTreeMap<String, Row>) {
    let text = fs::read_to_string(root().join("docs/metrics.md")).unwrap_or_default();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, labels, means] = cells.as_slice() else { panic!("four cells: {line}") };
        let row = Row { kind: (*kind).to_owned(), labels: (*labels).to_owned(), means: (*means).to_owned() };
        (name.trim_matches('`').to_owned(), row)
    });
    let rows = rows.collect();
    (text, rows)
}

/// The functions that register a metric, each with the type and unit of what it registers.
fn registrars() -> BTreeMap<String, String> {
    let code = fs::read_to_string(root().join("services/pipeline/src/telemetry.rs")).expect("the code");
    let functions = code.split("\npub fn ").skip(1).filter_map(|function| {
        let (name, rest) = function.split_once("(name: &'static str, description: &'static str) -> ")?;
        let body = rest.split("\n}").next()?;
        let unit = if body.contains("\"s\"") { ", seconds" } else { "" };
        let kind = rest.split('<').next()?.to_lowercase();
        Some((name.to_owned(), format!("{kind}{unit}")))
    });
    functions.collect()
}

/// The text literal at the beginning of `code`, and what follows.
fn literal(code: &str) -> Option<(String, &str)> {
    let inner = code.trim_start().trim_start_matches(',').trim_start().strip_prefix('"')?;
    let end = inner.find('"')?;
    Some((inner[..end].to_owned(), &inner[end + 1..]))
}

/// Every metric that the code registers, by its name in Prometheus.
fn registered() -> BTreeMap<String, (String, String)> {
    let registrars = registrars();
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join("services")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "rs") {
                let code = fs::read_to_string(&entry).expect("the code");
                for (function, kind) in &registrars {
                    for call in code.split(&format!("telemetry::{function}(")).skip(1) {
                        let (name, rest) =
                            literal(call).unwrap_or_else(|| panic!("{entry:?}: a name that is not literal"));
                        let (means, _) = literal(rest).unwrap_or_else(|| panic!("{entry:?}: {name} has no words"));
                        let end = match kind.as_str() {
                            "counter" => "_total",
                            kind if kind.ends_with("seconds") => "_seconds",
                            _ => "",
                        };
                        found.insert(name.replace('.', "_") + end, (kind.clone(), means));
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_metric_of_the_code_is_documented_and_no_other() {
    let (text, mut rows) = page();
    rows.retain(|name, _| !OF_THE_PROCESS.contains(&name.as_str()));
    let expected: BTreeMap<String, Row> = registered()
        .into_iter()
        .map(|(name, (kind, means))| {
            let labels = rows.get(&name).map_or_else(|| "?".to_owned(), |row| row.labels.clone());
            (name, Row { kind, labels, means })
        })
        .collect();
    assert!(expected.len() > 20, "the code registers more than {}", expected.len());
    if env::var_os("REJOINDER_WRITE_DOCS").is_some() {
        let table = expected
            .iter()
            .map(|(name, Row { kind, labels, means })| format!("| `{name}` | {kind} | {labels} | {means} |\n"));
        let head = text.split("| `").next().unwrap_or_default();
        let ours = text
            .lines()
            .filter(|line| OF_THE_PROCESS.iter().any(|name| line.contains(name)))
            .map(|line| format!("{line}\n"));
        fs::write(root().join("docs/metrics.md"), format!("{head}{}", table.chain(ours).collect::<String>()))
            .expect("written");
    }
    assert_eq!(rows, expected, "docs/metrics.md is stale: run this test with REJOINDER_WRITE_DOCS=1");
    for (name, row) in expected {
        assert!(row.labels != "?" && !row.labels.is_empty(), "{name}: name its labels, or write –");
    }
}

/// The names and types of a page of metrics, with the labels that are there.
fn shown(metrics: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let mut shown: BTreeMap<String, (String, BTreeSet<String>)> =
        types.map(|(name, kind)| (name.to_owned(), (kind.to_owned(), BTreeSet::new()))).collect();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else { continue };
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            name.strip_suffix(end).filter(|name| shown.get(*name).is_some_and(|(kind, _)| kind == "histogram"))
        });
        let name = name.unwrap_or(line.split('{').next().unwrap_or_default()).to_owned();
        let labels = rest.rsplit_once("} ").map_or("", |(labels, _)| labels);
        let names = labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned());
        let names = names.filter(|name| !name.starts_with("otel_scope") && name != "le");
        shown.entry(name).or_default().1.extend(names);
    }
    shown
}

#[tokio::test]
async fn a_running_deployment_shows_nothing_that_is_not_documented() {
    let home = Home::new(&format!("{CONFIG}\n[policy.trial.screening]\nhold_at = 4.0\n"));
    let run = home.gateway(&["run"]);
    let held = run.post(&comment("Ada", "A first thought.")).await;
    run.until_state(&held, "pending").await;
    let copy = run.post(&comment("Ada", "A first thought.")).await;
    run.until_state(&copy, "rejected").await;
    run.try_post(&json!({"thread": "a", "body": ""})).await;
    crate::harness::until("a mail is sent", async || {
        run.metric("rejoinder_mails_total", "result=\"sent\"").await > 0.0
    })
    .await;
    let metrics = client().get(run.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
    let (shown, (_, documented)) = (shown(&metrics), page());
    assert!(shown.len() > 10, "{metrics}");
    for (name, (kind, labels)) in shown {
        let row = documented.get(&name).unwrap_or_else(|| panic!("{name} is not in docs/metrics.md"));
        assert!(row.kind.starts_with(&kind), "{name} is a {kind}, and documented as {}", row.kind);
        for label in labels {
            assert!(row.labels.contains(&format!("`{label}`")), "{name}: the label {label} is not documented");
        }
    }
}
