//! Secrets that are planted wherever one can stand, each in a place where it makes something fail: none may come out again.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::{Secured, mail::MailServer, replace};
use crate::harness::{CONFIG, Home, PATIENCE, client, comment, logged::Logged};

/// Stands in every planted secret.
const CANARY: &str = "c4n4ry";

/// Long enough for a key.
const KEY: &str = "c4n4ry-c4n4ry-c4n4ry-c4n4ry-c4n4ry";

/// Everything is logged, by every library.
const LOUD: &str = "log.filter = \"trace\"\n";

fn silent(what: &str, output: &str) {
    let found = output.lines().find(|line| line.contains(CANARY));
    assert!(found.is_none(), "{what}: {}", found.unwrap_or_default());
    let base64 = ["YzRuNHJ5", "M0bjRye", "jNG40cn"];
    let found = output.lines().find(|line| base64.iter().any(|part| line.contains(part)));
    assert!(found.is_none(), "{what}, in base64: {}", found.unwrap_or_default());
}

/// Runs a command to its end, which must be a failure for a reason that names `key`.
fn fails(home: &Home, variables: &[(&str, &str)], arguments: &[&str], key: &str) {
    let mut command = home.command(arguments);
    let output = command.envs(variables.iter().copied()).output().expect("the binary runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains(key), "{key}: {said}");
    silent(key, &said);
}

#[test]
fn a_wrong_configuration_is_named_without_its_secrets() {
    let check = |text: &str, key: &str| fails(&Home::new(text), &[], &["config", "check"], key);
    for (text, key) in [
        ("moderation.keys = \"c4n4ry\"\ndeployment = 7\n", "deployment"),
        ("moderation.keys = { c4n4ry = 1 }\n", "moderation.keys"),
        ("moderation.keys = [{ x = \"c4n4ry\" }]\n", "moderation.keys"),
        ("postgres.url = [\"c4n4ry\"]\n", "postgres.url"),
        ("kafka.properties = \"sasl.password=c4n4ry\"\n", "kafka.properties"),
        ("kafka.properties = [\"c4n4ry\"]\n", "kafka.properties"),
        ("[kafka.properties]\n\"sasl.password\" = [\"c4n4ry\"]\n", "kafka.properties"),
        ("[sites.a]\nakismet_keys = \"c4n4ry c4n4ry\"\n", "sites.a.akismet_keys"),
        ("[sites.a]\nexternal_check = \"c4n4ry\"\n", "sites.a.external_check"),
        ("[sites.a.external_check]\nkey = [\"c4n4ry\"]\n", "sites.a.external_check"),
        ("[mail.smtp]\npassword = \"c4n4ry\"\n", "password"),
        // A quotation mark that is missing.
        ("[postgres]\nurl = \"postgres://ada:c4n4ry@db/comments\n", "line 3"),
        ("postgres.url = postgres://ada:c4n4ry@db/comments\n", "line 2"),
    ] {
        check(text, key);
    }
    let home = Home::new("");
    for (name, value, key) in [
        ("REJOINDER__MODERATION__KEYS", "[\"c4n4ry\"", "REJOINDER__MODERATION__KEYS"),
        ("REJOINDER__KAFKA__PROPERTIES", "sasl.password=c4n4ry", "kafka.properties"),
        ("REJOINDER__KAFKA__PROPERTIES", "{\"sasl.password\": \"c4n4ry\"", "REJOINDER__KAFKA__PROPERTIES"),
        ("REJOINDER__KAFKA__PROPERTIES", "{\"sasl.password\": [\"c4n4ry\"]}", "kafka.properties"),
    ] {
        fails(&home, &[(name, value)], &["config", "check"], key);
    }
}

#[test]
fn the_help_shows_no_secret_of_the_environment() {
    let home = Home::new("");
    let variables = ["REJOINDER__POSTGRES__URL", "REJOINDER__MODERATION__KEYS", "REJOINDER_SMTP_PASSWORD"];
    for arguments in [&["--help"][..], &["notifier", "--help"], &["topics", "create", "--help"], &["config", "check"]] {
        let mut command = home.command(arguments);
        let output = command.envs(variables.map(|name| (name, KEY))).output().expect("the binary runs");
        silent(&arguments.join(" "), &String::from_utf8_lossy(&output.stdout));
        silent(&arguments.join(" "), &String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn a_start_that_fails_shows_no_secret() {
    let Some(secured) = Secured::find("a_start_that_fails_shows_no_secret").await else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        replace(&path, content);
        format!("{path:?}")
    };
    let (secret, address) = (file("secret", "c4n4ry\n"), file("url", "postgres://ada:c4n4ry@localhost:1:2/x\n"));
    let pem = file("pem", "-----BEGIN PRIVATE KEY-----\nc4n4ryc4n4ryc4n4ryc4n4ry\n-----END PRIVATE KEY-----\n");
    let good = format!("url = \"{}\"", secured.database("rejoinder:rejoinder-secret"));
    let kafka = secured.scram("notifier");
    let home = |kafka: &str, postgres: &str, first: &str| {
        secured.home(&secured.kafka, kafka, postgres, &format!("{LOUD}{first}"))
    };
    let ssl = "[kafka.properties]\n\"security.protocol\" = \"SSL\"\n";
    secured.prepare(&[]);
    for (home, key) in [
        (
            home(&kafka, &format!("url = \"{}\"", secured.database("rejoinder:c4n4ry")), ""),
            "password authentication failed",
        ),
        (home(&kafka, "url = \"postgres://ada:c4n4ry@localhost:none/x\"", ""), "postgres"),
        (home(&kafka, &format!("url_file = {address}"), ""), "postgres"),
        (home(&kafka, &format!("{good}\npassword_file = {secret}"), ""), "postgres.password_file"),
        (home(&kafka, &format!("{good}\nurl_file = {address}"), ""), "postgres.url_file"),
        (home(&kafka, &good, &format!("moderation.key_files = [{secret}]\n")), "moderation key number 1"),
        (
            home(&kafka, &good, &format!("mail.dkim.private_key_file = {pem}\nmail.dkim.selector = \"a\"\n")),
            "dkim.private_key_file",
        ),
        (home(&kafka, &good, &format!("mail.backend = \"smtp\"\nmail.smtp.ca_file = {pem}\n")), "ca_file"),
        (home(&format!("{ssl}[kafka.property_files]\n\"ssl.key.pem\" = {pem}\n"), &good, ""), "ssl.key.pem"),
        (home(&format!("{ssl}[kafka.property_files]\n\"ssl.ke\" = {secret}\n"), &good, ""), "ssl.ke"),
        (home(&format!("{ssl}\"sasl.passwort\" = \"c4n4ry\"\n"), &good, ""), "sasl.passwort"),
        (home(&format!("{ssl}\"linger.ms\" = \"c4n4ry\"\n"), &good, ""), "linger.ms"),
    ] {
        let mut process = home.logged("notifier");
        let end = Instant::now() + PATIENCE;
        while process.process.is_running() {
            assert!(Instant::now() < end, "{key}: it does not end:\n{}", process.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let said = process.output();
        assert!(said.contains(key), "{key}: {said}");
        silent(key, &said);
    }
}

#[tokio::test]
async fn a_deployment_in_which_every_login_fails_shows_no_secret() {
    let Some(secured) = Secured::find("a_deployment_in_which_every_login_fails_shows_no_secret").await else { return };
    secured.prepare(&[]);
    let dir = tempfile::tempdir().expect("a folder");
    let password = dir.path().join("password");
    replace(&password, "c4n4ry\n");
    let good = format!("url = \"{}\"", secured.database("rejoinder:rejoinder-secret"));
    let properties = secured.scram_with("validator", "c4n4ry", "ca.pem") + "\"debug\" = \"all\"\n";
    let home = secured.home(&secured.kafka, &properties, &good, LOUD);
    let mut validator = home.logged("validator");
    validator.until_it_says("invalid credentials with SASL mechanism").await;
    let shown = silent_process("kafka", &validator).await;
    assert!(shown.contains("librdkafka"), "its own log is among it");

    // The mail's password is wrong, and so is the external check's key; both speak of every comment.
    let server = MailServer::start(&secured);
    server.send("c4n4ry");
    let site = "akismet_keys = [\"c4n4ryc4n4ry\"]\n[sites.news.external_check]\nurl = \"http://127.0.0.1:9\"\n\
                key = \"c4n4ryc4n4ry\"\nblog = \"https://news.example\"\n";
    let settings = format!("{LOUD}moderation.keys = [\"{KEY}\"]\n{}{CONFIG}{site}", server.settings("ca.pem"));
    let home = Home::new(&settings);
    let mut process = home.logged("run");
    process.until_it_says("listens on").await;
    let id = process.process.post(&comment("Ada", "A thought.")).await;
    process.until_it_says("535 in the Login step").await;
    process.process.until_state(&id, "pending").await;
    let answer =
        client().post(process.process.url("/moderate/1.c4n4ry.c4n4ry.c4n4ry")).send().await.expect("an answer");
    assert!(answer.status().is_client_error());
    let answer = client().post(process.process.url("/1.1/comment-check")).body("api_key=c4n4ryc4n4rx").send().await;
    answer.expect("an answer");
    silent_process("mail", &process).await;
    assert!(!fs::read_to_string(&password).expect("still there").is_empty());
}

async fn silent_process(what: &str, process: &Logged) -> String {
    for path in ["/metrics", "/readyz", "/livez"] {
        let answer = client().get(process.process.url(path)).send().await.expect("an answer");
        silent(&format!("{what}{path}"), &answer.text().await.expect("text"));
    }
    let output = process.output();
    silent(what, &output);
    output
}
