//! Each worker its own process, on a real Kafka and a real PostgreSQL.

use rejoinder_pipeline::{
    Log, Record,
    kafka::{KafkaLog, KafkaSettings},
};

use crate::{
    bad_input::{poison, submitted},
    harness::{
        CONFIG, Home, Running, action_link, client, comment, count, path_of, sample,
        services::{Database, Services},
        until,
    },
};

pub const WORKERS: [&str; 4] = ["validator", "spam-filter", "comment-store", "notifier"];

/// A deployment of its own: topics, a database, the workers and a gateway.
pub struct Deployment {
    pub home: Home,
    pub workers: Vec<Running>,
    pub gateway: Running,
    pub kafka: KafkaSettings,
    pub database: Database,
    /// The database's address.
    pub postgres: String,
    services: Services,
}

impl Deployment {
    pub async fn start(test: &str, rest: &str) -> Option<Self> {
        Self::start_in(test, rest, Vec::new()).await
    }

    /// The same, where every process has these variables.
    pub async fn start_in(test: &str, rest: &str, environment: Vec<(String, String)>) -> Option<Self> {
        let services = Services::find(test)?;
        let (config, name) = services.configuration(&format!("{rest}{CONFIG}")).await;
        let home = Home::new(&config).with_environment(environment);
        home.succeed(&["topics", "create"]);
        home.succeed(&["topics", "check"]);
        home.succeed(&["migrate"]);
        let workers = WORKERS.map(|name| home.worker(name)).into();
        let gateway = home.gateway(&["gateway"]);
        let kafka = KafkaSettings { brokers: services.kafka.clone(), prefix: format!("{name}."), ..Default::default() };
        let (database, postgres) = (Database::of(&services, &name).await, services.address(&name));
        Some(Self { home, workers, gateway, kafka, database, postgres, services })
    }

    /// The address of a new, empty database on the same server.
    pub async fn another_database(&self) -> String {
        self.services.database().await.0
    }
}

#[tokio::test]
async fn the_flow_runs_through_kafka_and_postgres() {
    let Some(house) =
        Deployment::start("the_flow_runs_through_kafka_and_postgres", "policy.validation.flood_seconds = 0\n").await
    else {
        return;
    };
    let first = house.gateway.post(&comment("Ada", "A first thought.")).await;
    house.gateway.until_state(&first, "pending").await;
    let link = || action_link(&house.home.mails(), "A first thought.", "approve");
    until("the mail stands in the mailbox", async || link().is_some()).await;
    let link = house.gateway.url(&path_of(&link().expect("a link")));
    assert!(client().post(&link).send().await.expect("a page").status().is_success());
    house.gateway.until_state(&first, "published").await;
    let second = house.gateway.post(&comment("Ada", "A second thought.")).await;
    house.gateway.until_state(&second, "published").await;
    assert_eq!(house.gateway.bodies("a").await, ["<p>A first thought.</p>", "<p>A second thought.</p>"]);
}

#[tokio::test]
async fn the_same_file_twice_adds_nothing_and_a_killed_worker_loses_nothing() {
    let test = "the_same_file_twice_adds_nothing_and_a_killed_worker_loses_nothing";
    let Some(mut house) = Deployment::start(test, "").await else { return };
    let file = sample().display().to_string();
    let table = house.home.succeed(&["submit", "--file", &file]);
    assert!(count(&table, "sum") >= 40 && count(&table, "held") > 0, "{table}");
    assert_eq!(house.home.succeed(&["submit", "--file", &file]), table);

    let rows: String = (0..2000)
        .map(|n| {
            format!(
                "{{\"body\":\"Row {n}\",\"name\":\"N{n}\",\"email\":\"n{n}@example.org\",\"thread\":\"t{}\"}}\n",
                n % 7
            )
        })
        .collect();
    let rows = house.home.file("rows.jsonl", &rows).display().to_string();
    let submit = house.home.command(&["submit", "--file", &rows]).stdout(std::process::Stdio::piped()).spawn();
    let submit = submit.expect("the binary starts");
    for (index, name) in WORKERS.iter().enumerate() {
        house.workers[index].kill();
        house.workers[index] = house.home.worker(name);
    }
    let output = submit.wait_with_output().expect("it ends");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{table}");
    assert_eq!((count(&table, "sum"), count(&table, "held")), (2000, 2000), "{table}");
    let listed: Vec<String> =
        house.home.succeed(&["dead-letters", "list"]).lines().skip(1).map(str::to_owned).collect();
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test]
async fn poison_on_kafka_is_set_aside_and_the_rest_passes() {
    let Some(house) = Deployment::start("poison_on_kafka_is_set_aside_and_the_rest_passes", "").await else { return };
    let log = KafkaLog::new(house.kafka.clone()).expect("settings");
    let publisher = log.publisher().expect("a publisher");
    let poison = poison();
    for (_, record) in &poison {
        publisher.append(record.clone()).await.expect("appended");
    }
    let good = submitted("still here");
    publisher.append(Record::of(&good, "/test", "00-x")).await.expect("appended");
    house.gateway.until_state(&good.id, "pending").await;
    let list = house.home.succeed(&["dead-letters", "list"]);
    let reasons: Vec<&str> = list.lines().skip(1).map(|line| line.split('\t').nth(9).expect("a reason")).collect();
    let expected: Vec<&str> = poison.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(reasons, expected, "{list}");
}
