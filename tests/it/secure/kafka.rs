//! Kafka with logins and ACLs.

use rejoinder_pipeline::{
    Log, Record,
    kafka::{KafkaLog, KafkaSettings},
};
use rejoinder_proto::{Topic, headers::Headers};

use super::{Secured, WORKERS, all_run, mail::MailServer, until_ready};
use crate::{
    akismet_waves::{POLICY, check},
    bad_input::submitted,
    campaigns::variant,
    harness::{Home, comment, logged::Logged, until},
};

/// What of a deployment runs.
struct House {
    workers: Vec<Logged>,
    gateway: Logged,
    _homes: Vec<Home>,
}

impl House {
    async fn start(home: impl Fn(&str) -> Home) -> Self {
        let homes: Vec<Home> = WORKERS.iter().chain(&["gateway"]).map(|name| home(name)).collect();
        let mut workers: Vec<Logged> = homes.iter().zip(WORKERS).map(|(home, name)| home.logged(name)).collect();
        workers.push(homes[WORKERS.len()].logged("gateway"));
        until_ready(&workers[..WORKERS.len()]).await;
        let gateway = workers.pop().expect("the gateway is the last");
        until("the gateway listens", async || gateway.output().contains("listens on")).await;
        Self { workers, gateway, _homes: homes }
    }
}

#[tokio::test]
async fn each_worker_does_its_part_with_its_own_user_and_no_more_than_its_grants() {
    let Some(secured) = Secured::find("each_worker_does_its_part_with_its_own_user").await else { return };
    secured.prepare(&[]);
    let smtp = MailServer::start(&secured);
    let keys = ("REJOINDER__SITES__NEWS__AKISMET_KEYS".to_owned(), "[\"0123456789abcdef\"]".to_owned());
    let settings = format!("{}{POLICY}", smtp.settings("ca.pem")).replace("mode = \"post\"", "mode = \"pre\"");
    let house = House::start(|name| secured.user(name, &settings).with_environment(vec![keys.clone()])).await;
    let id = house.gateway.process.post(&comment("Ada", "A thought that nobody overhears.")).await;
    house.gateway.process.until_state(&id, "pending").await;
    until("the mail is there", async || smtp.mails().iter().any(|mail| mail.contains("nobody overhears"))).await;

    for n in 0..10 {
        house.gateway.process.post(&variant(n)).await;
    }
    until("the gateway reads what is screened", async || check(&house.gateway.process, 40).await.is_held()).await;

    // A user can do what it is for, and nothing else.
    let validator = log(&secured, "validator");
    let publisher = validator.publisher().expect("a publisher");
    let record = |topic| Record { topic, key: b"news/a".to_vec(), payload: Some(vec![1]), headers: Headers::new() };
    let error = publisher.append(record(Topic::Published)).await.expect_err("not granted").to_string();
    assert!(error.contains("TopicAuthorizationFailed"), "{error}");
    let site = log(&secured, "site");
    let event = submitted("from the site itself");
    let publisher = site.publisher().expect("a publisher");
    publisher.append(Record::of(&event, "/test", "00-x")).await.expect("granted");
    house.gateway.process.until_state(&event.id, "pending").await;
    let refused = site.join("rejoinder-validator", "thief", &[Topic::Validated]).map(|mut consumer| {
        let limits = rejoinder_pipeline::BatchLimits {
            records: 1,
            bytes: 1,
            wait: std::time::Duration::from_secs(5),
            linger: std::time::Duration::ZERO,
        };
        consumer.poll(limits).expect_err("not granted").to_string()
    });
    let refused = refused.expect("it asks with the first poll");
    assert!(refused.contains("uthorization"), "{refused}");

    // The operator's tools have a user of their own.
    let operator = secured.user("operator", "");
    let audit = operator.succeed(&["audit"]);
    assert!(audit.contains("stored"), "{audit}");
    operator.succeed(&["topics", "check"]);
    operator.succeed(&["dead-letters", "list"]);
    let denied = operator.output(&["topics", "create", "--acls"]);
    let said = String::from_utf8_lossy(&denied.stderr).into_owned();
    assert!(!denied.status.success() && said.contains("TopicAuthorizationFailed"), "{said}");
    let mut workers = house.workers;
    all_run(&mut workers);
    for process in workers.iter().chain([&house.gateway]) {
        let output = process.output();
        assert!(!output.contains("uthorization"), "a grant is missing:\n{output}");
    }
}

#[tokio::test]
async fn certificates_let_in_as_well_as_passwords() {
    let Some(secured) = Secured::find("certificates_let_in_as_well_as_passwords").await else { return };
    secured.prepare(&[]);
    let postgres = format!("url = \"{}\"", secured.database("rejoinder:rejoinder-secret"));
    let house = House::start(|name| {
        let kafka = secured.certificate(&secured.folder.join("ca.pem"), &secured.folder.join(name));
        secured.home(&secured.mtls, &kafka, &postgres, "")
    })
    .await;
    let id = house.gateway.process.post(&comment("Ada", "Shown by a certificate.")).await;
    house.gateway.process.until_state(&id, "pending").await;
}

#[tokio::test]
async fn whoever_is_not_let_in_says_why_and_waits() {
    let Some(secured) = Secured::find("whoever_is_not_let_in_says_why_and_waits").await else { return };
    secured.prepare(&[]);
    let postgres = format!("url = \"{}\"", secured.database("rejoinder:rejoinder-secret"));
    let cases = [
        (
            secured.scram_with("validator", "opensesame", "ca.pem"),
            "invalid credentials with SASL mechanism SCRAM-SHA-512",
        ),
        (secured.scram_with("validator", "validator-secret", "other-ca.pem"), "certificate verify failed"),
    ];
    for (kafka, reason) in cases {
        let home = secured.home(&secured.kafka, &kafka, &postgres, "");
        let mut worker = home.logged("validator");
        worker
            .until_it_says(&format!("the log is away stage=\"validator\" detail=\"sasl_ssl://{}", secured.kafka))
            .await;
        worker.until_it_says(reason).await;
        let answer = crate::harness::client().get(worker.process.url("/readyz")).send().await.expect("an answer");
        assert_eq!(answer.status(), 503);
        assert!(answer.text().await.expect("text").contains("\"dependency\":\"log\""));
        assert!(!worker.output().contains("opensesame") && !worker.output().contains("validator-secret"));
    }
}

/// The log as a user sees it.
fn log(secured: &Secured, user: &str) -> KafkaLog {
    let properties = [
        ("security.protocol", "SASL_SSL".to_owned()),
        ("sasl.mechanisms", "SCRAM-SHA-512".to_owned()),
        ("sasl.username", user.to_owned()),
        ("sasl.password", format!("{user}-secret")),
        ("ssl.ca.location", secured.file("ca.pem")),
    ];
    let settings = KafkaSettings {
        brokers: secured.kafka.clone(),
        prefix: format!("{}.", secured.name),
        properties: properties.map(|(key, value)| (key.to_owned(), value)).into(),
        ..KafkaSettings::default()
    };
    KafkaLog::new(settings).expect("settings")
}
