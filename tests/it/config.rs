//! The configuration's commands.

use serde_json::Value;

use crate::harness::{CONFIG, Home};

#[test]
fn a_check_names_everything_that_is_wrong_by_key_and_also_what_the_files_hold() {
    let home = Home::new(CONFIG);
    assert_eq!(home.succeed(&["config", "check"]), "the configuration is good\n");
    let other = home.file("other.toml", "[sites.a]\n");
    let other = other.to_str().expect("UTF-8");
    assert_eq!(home.succeed(&["config", "check", other]), "the configuration is good\n");

    let model = home.file("broken.rjmodel", "no model");
    let wrong = format!(
        "listen = \"here\"\nlog.filter = \"a=b=c\"\n[spam_filter]\nmodel = {model:?}\n[mail]\nbackend = \"smtp\"\n\
         [mail.smtp]\nusername = \"a\"\npassword_file = \"/nowhere/password\"\n[sites.a]\n"
    );
    let file = home.file("wrong.toml", &wrong);
    let file = file.to_str().expect("UTF-8");
    let complaints = |arguments: &[&str]| {
        let output = home.output(arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let said = complaints(&["config", "check", file]);
    for key in ["listen is \"here\"; write", "log.filter", "spam_filter.model", "smtp.password_file"] {
        assert!(said.contains(key), "no {key} in\n{said}");
    }
    let said = complaints(&["config", "check", "--no-files", file]);
    assert!(said.contains("listen") && !said.contains("spam_filter.model"), "{said}");

    let distributed = home.file("distributed.toml", "deployment = \"distributed\"\nkafka.brokers = \"\"\n[sites.a]\n");
    let said = complaints(&["config", "check", distributed.to_str().expect("UTF-8")]);
    for key in ["kafka.brokers is empty", "postgres.url is empty; set it to"] {
        assert!(said.contains(key), "no {key} in\n{said}");
    }
}

#[test]
fn what_is_in_force_is_shown_with_its_source_and_the_schema_is_json() {
    let home = Home::new(&format!("{CONFIG}akismet_keys = [\"canarycanary\"]\n"));
    let output = home.command(&["config", "show"]).env("REJOINDER__LOG__FORMAT", "json").output().expect("it runs");
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    for line in
        ["format = \"json\" # environment", "title = \"The Example News\" # file", "retention_days = 30 # default"]
    {
        assert!(shown.lines().any(|shown| shown == line), "no {line} in\n{shown}");
    }
    assert!(!shown.contains("canary"), "{shown}");
    let schema: Value = serde_json::from_str(&home.succeed(&["config", "schema"])).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["properties"]["kafka"]["properties"]["partitions"]["default"], 12);
}
