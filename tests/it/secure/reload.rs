//! Passwords and certificates that change under a running deployment.

use std::fs;

use super::{Secured, WORKERS, all_run, python, replace, until_ready};
use crate::harness::{comment, logged::Logged, until};

/// Every role's user is the same, so that one password serves all.
const PRINCIPALS: [&str; 5] = [
    "validator=User:rotated",
    "spam-filter=User:rotated",
    "comment-store=User:rotated",
    "notifier=User:rotated",
    "gateway=User:rotated",
];

#[tokio::test]
async fn passwords_change_on_the_servers_and_in_the_files_and_comments_flow_on() {
    let test = "passwords_change_on_the_servers_and_in_the_files_and_comments_flow_on";
    let Some(secured) = Secured::find(test).await else { return };
    secured.prepare(&PRINCIPALS);
    secured.sql("postgres", "alter role rotated password 'rotated-secret'").await;
    set_kafka_password(&secured, "rotated-secret");
    let dir = tempfile::tempdir().expect("a folder");
    let (kafka, postgres) = (dir.path().join("kafka"), dir.path().join("postgres"));
    replace(&kafka, "rotated-secret\n");
    replace(&postgres, "rotated-secret\n");
    let properties = secured.scram("rotated").replace("\"sasl.password\" = \"rotated-secret\"\n", "");
    let properties = format!("{properties}[kafka.property_files]\n\"sasl.password\" = {kafka:?}\n");
    let database = format!("url = \"{}\"\npassword_file = {postgres:?}", secured.database("rotated"));
    let home = secured.home(&secured.kafka, &properties, &database, "policy.validation.flood_seconds = 0\n");
    let mut workers: Vec<Logged> = WORKERS.map(|name| home.logged(name)).into();
    until_ready(&workers).await;
    let mut gateway = home.logged("gateway");
    gateway.until_it_says("listens on").await;
    let id = gateway.process.post(&comment("Ada", "Before.")).await;
    gateway.process.until_state(&id, "pending").await;

    // PostgreSQL: the old connections are cut, so that every worker must log in again.
    secured.sql("postgres", "alter role rotated password 'after-secret'").await;
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rotated'";
    secured.sql("postgres", cut).await;
    let id = gateway.process.post(&comment("Bea", "While the database's password is the old one.")).await;
    until("the validator, which asks for history, waits", async || !workers[0].is_ready().await).await;
    replace(&postgres, "after-secret\n");
    for process in workers.iter_mut().chain([&mut gateway]) {
        process.until_it_says("a secret has changed and was read again what=\"postgres\"").await;
    }
    gateway.process.until_state(&id, "pending").await;

    // Kafka: a login lasts ten seconds there, so the old one is refused soon.
    set_kafka_password(&secured, "after-secret");
    for worker in &workers {
        until("the old password is refused", async || !worker.is_ready().await).await;
    }
    replace(&kafka, "after-secret\n");
    until_ready(&workers).await;
    let mut number = 0;
    until("the gateway publishes again", async || {
        number += 1;
        let (status, _) = gateway.process.try_post(&comment("Cai", &format!("Once more, {number}."))).await;
        status.is_success()
    })
    .await;
    let id = gateway.process.post(&comment("Dee", "With Kafka's new password.")).await;
    gateway.process.until_state(&id, "pending").await;
    all_run(&mut workers);
    assert!(gateway.process.is_running());
    for process in workers.iter().chain([&gateway]) {
        let output = process.output();
        assert!(!output.contains("rotated-secret") && !output.contains("after-secret"), "{output}");
    }
}

#[tokio::test]
async fn a_certificate_and_an_authority_are_replaced_while_a_worker_runs() {
    let Some(secured) = Secured::find("a_certificate_and_an_authority_are_replaced_while_a_worker_runs").await else {
        return;
    };
    secured.prepare(&[]);
    let dir = tempfile::tempdir().expect("a folder");
    let (authority, certificate) = (dir.path().join("ca.pem"), dir.path().join("validator"));
    let copy = |from: &str, to: &std::path::Path| replace(to, fs::read(secured.file(from)).expect("a file"));
    copy("other-ca.pem", &authority);
    secured.issue("other-ca", "validator", &certificate);
    let postgres = format!("url = \"{}\"", secured.database("rejoinder:rejoinder-secret"));
    let home = secured.home(&secured.mtls, &secured.certificate(&authority, &certificate), &postgres, "");
    let mut worker = home.logged("validator");
    worker.until_it_says("certificate verify failed").await;
    copy("ca.pem", &authority);
    worker.until_it_says("starting over with new kafka clients").await;
    // Now the broker does not know who signed ours.
    worker.until_it_says("alert").await;
    assert!(!worker.is_ready().await);
    secured.issue("ca", "validator", &certificate);
    until("it is let in", async || worker.is_ready().await).await;

    // Half of a pair is of no use, and changes nothing.
    fs::write(certificate.with_extension("key"), "no key").expect("written");
    worker.until_it_says("a file of the settings has changed to what cannot be used").await;
    assert!(worker.is_ready().await);
    secured.issue("ca", "validator", &certificate);
    let renewed = || worker.output().matches("starting over with new kafka clients").count();
    let before = renewed();
    until("it has begun anew", async || renewed() > before).await;
    let home = secured.user("gateway", "");
    let gateway = home.logged("gateway");
    until("the gateway listens", async || gateway.output().contains("listens on")).await;
    gateway.process.post(&comment("Ada", "To a renewed worker.")).await;
    until("it has consumed the comment", async || consumed(&worker).await).await;
    assert!(worker.process.is_running());
}

fn set_kafka_password(secured: &Secured, password: &str) {
    let authority = secured.file("ca.pem");
    let changed = python("scram.py", &[&secured.kafka, &authority, "admin-secret", "rotated", password]);
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
}

/// Whether a worker has committed a record.
async fn consumed(worker: &Logged) -> bool {
    let Ok(answer) = crate::harness::client().get(worker.process.url("/metrics")).send().await else { return false };
    let metrics = answer.text().await.expect("text");
    metrics.lines().any(|line| line.starts_with("rejoinder_consumed_total") && !line.ends_with(" 0"))
}
