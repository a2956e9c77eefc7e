//! Traces, metrics and logs as an OpenTelemetry Collector receives them, and what must never be in any of them.

mod collector;

use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

use rejoinder_pipeline::{Log, kafka::KafkaLog};
use serde_json::{Value, json};

use self::collector::{Collector, Span};
use crate::{
    bad_input::poison,
    distributed::Deployment,
    harness::{CONFIG, Home, action_link, client, comment, path_of, until},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What readers and moderators say of themselves; it may stand in the log, the database and the mails alone.
const CANARIES: [&str; 9] = [
    "Kanarienname",
    "kanarienpost",
    "kanarienseite",
    "kanarientext",
    "203.0.113.77",
    "kanarienagent",
    "kanarienherkunft",
    "kanarienleitung",
    "kanarientitel",
];

fn parent() -> (&'static str, String) {
    ("traceparent", format!("00-{TRACE}-{PARENT}-01"))
}

#[tokio::test]
async fn one_trace_joins_the_post_the_hops_the_row_and_the_mail() {
    let Some(collector) = Collector::start("one_trace_joins_the_post_the_hops_the_row_and_the_mail") else { return };
    let environment = collector.environment("http/protobuf");
    let test = "one_trace_joins_the_post_the_hops_the_row_and_the_mail";
    let rest = "policy.validation.flood_seconds = 0\nlog.format = \"json\"\n";
    let Some(house) = Deployment::start_in(test, rest, environment).await else { return };
    let (name, value) = parent();
    let posted = client().post(house.gateway.url("/v1/sites/news/comments")).header(name, value);
    let posted = posted.json(&comment("Ada", "A first thought.")).send().await.expect("an answer");
    let id = posted.json::<Value>().await.expect("JSON")["id"].as_str().expect("an id").to_owned();
    house.gateway.until_state(&id, "pending").await;
    let spans = async || collector.spans(TRACE);
    // A span is sent when it has ended, and a hop's ends after what is below it.
    for (name, service) in [
        ("send mail", "rejoinder-notifier"),
        ("process comments.screened", "rejoinder-notifier"),
        ("process comments.screened", "rejoinder-comment-store"),
        ("commit comments.screened", "rejoinder-comment-store"),
    ] {
        until(&format!("{name} of {service} has come"), async || {
            spans().await.iter().any(|span| span.name == name && span.service == service)
        })
        .await;
    }

    let spans = spans().await;
    let way = [
        ("POST /v1/sites/{site}/comments", "rejoinder-gateway"),
        ("send comments.submitted", "rejoinder-gateway"),
        ("process comments.submitted", "rejoinder-validator"),
        ("send comments.validated", "rejoinder-validator"),
        ("process comments.validated", "rejoinder-spam-filter"),
        ("send comments.screened", "rejoinder-spam-filter"),
    ];
    let mut above = PARENT.to_owned();
    for (name, service) in way {
        above = below(&spans, &above, name, service).id.clone();
    }
    let verdict =
        below(&spans, &below_any(&spans, "process comments.validated").id, "send comments.screened", way[5].1);
    assert_eq!(verdict.attribute("rejoinder.verdict"), Some("hold"));
    assert_eq!(verdict.attribute("rejoinder.site"), Some("news"));
    let stored = below(&spans, &above, "process comments.screened", "rejoinder-comment-store");
    below(&spans, &stored.id, "save comments", "rejoinder-comment-store");
    below(&spans, &stored.id, "commit comments.screened", "rejoinder-comment-store");
    let told = below(&spans, &above, "process comments.screened", "rejoinder-notifier");
    let mail = below(&spans, &told.id, "send mail", "rejoinder-notifier");
    assert_eq!(mail.attribute("rejoinder.mail.result"), Some("sent"));
    assert_eq!(stored.attribute("messaging.system"), Some("kafka"));
    assert_eq!(stored.attribute("messaging.consumer.group.name"), Some("rejoinder-comment-store"));
    assert_eq!(stored.attribute("messaging.message.id"), Some(id.as_str()));
    assert!(
        stored.attribute("messaging.kafka.offset").is_some()
            && stored.attribute("messaging.destination.partition.id").is_some()
    );

    let batch = stored.links.first().expect("a link to the batch's span");
    let found = || collector.all_spans().into_iter().find(|span| span.id == batch.1);
    until("the batch's span has come", async || found().is_some()).await;
    let batch = found().expect("the batch's span");
    assert_eq!(batch.name, "process comments.screened");
    assert!(batch.links.contains(&(TRACE.to_owned(), above)), "it links to what sent each message: {:?}", batch.links);
}

#[tokio::test]
async fn a_dead_letter_is_logged_under_the_trace_of_its_record() {
    let test = "a_dead_letter_is_logged_under_the_trace_of_its_record";
    let Some(collector) = Collector::start(test) else { return };
    let Some(house) = Deployment::start_in(test, "log.format = \"json\"\n", collector.environment("grpc")).await else {
        return;
    };
    let (_, mut record) = poison().swap_remove(2);
    let (name, value) = parent();
    record.headers.push(name, value);
    let publisher = KafkaLog::new(house.kafka.clone()).expect("settings").publisher().expect("a publisher");
    publisher.append(record).await.expect("appended");
    until("the collector has the line", async || {
        collector.logs().iter().any(|line| line["body"]["stringValue"] == "dead letter" && line["traceId"] == TRACE)
    })
    .await;
    let lines = house.home.log();
    let line = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = line.into_iter().find(|line| line["message"] == "dead letter").expect("the line");
    assert_eq!(line["trace_id"], TRACE, "{line}");
    assert_eq!(line["stage"], "validator");
    assert!(lines.starts_with("{\"timestamp\""), "a line begins with its time");
}

#[tokio::test]
async fn nothing_private_is_in_any_telemetry() {
    let Some(collector) = Collector::start("nothing_private_is_in_any_telemetry") else { return };
    let smtp = gossiping_mail_server();
    let config = format!(
        "log.format = \"json\"\nlog.filter = \"trace\"\nmail.backend = \"smtp\"\nmail.smtp.host = \"127.0.0.1\"\n\
         mail.smtp.port = {smtp}\nmail.smtp.security = \"none\"\n{}\n\
         [sites.news.policy.validation]\nflood_seconds = 0\n[sites.news.policy.screening]\nreject_words = [\"gemein\"]\n",
        CONFIG
            .replace("editor@example.org", "kanarienleitung@example.org")
            .replace("[gateway]", "[gateway]\ntrusted_proxies = 1")
    );
    let home = Home::new(&config).with_environment(collector.environment("grpc"));
    let house = home.gateway(&["run"]);
    let send = async |body: Value| {
        let request = client().post(house.url("/v1/sites/news/comments")).header("x-forwarded-for", "203.0.113.77");
        let request =
            request.header("user-agent", "kanarienagent/1").header("referer", "https://kanarienherkunft.example/a");
        let answer = request.json(&body).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")["id"].as_str().map(str::to_owned)
    };
    let said = |more: &str| {
        json!({"thread": "a", "thread_title": "kanarientitel", "name": "Kanarienname", "email": "a@kanarienpost.example",
               "url": "https://kanarienseite.example", "body": format!("kanarientext {more} https://kanarienseite.example/x")})
    };
    let held = send(said("hier")).await.expect("accepted");
    house.until_state(&held, "pending").await;
    let spam = send(said("gemein")).await.expect("accepted");
    house.until_state(&spam, "pending").await;
    let again = send(said("hier")).await.expect("accepted");
    house.until_state(&again, "rejected").await;
    assert!(send(json!({"thread": "a", "name": "Kanarienname", "email": "kanarienpost", "body": ""})).await.is_none());
    until("a mail has failed", async || home.log().contains("a mail is given up")).await;
    until("the collector knows of the spam", async || {
        let metrics = collector.metrics();
        metrics.contains("rejoinder.verdicts") && metrics.contains("rejoinder.mails") && metrics.contains("\"spam\"")
    })
    .await;
    until("the collector has spans of the row", async || {
        collector.all_spans().iter().filter(|span| span.name == "save comments").count() >= 3
    })
    .await;
    let pages = client().get(house.url("/metrics")).send().await.expect("a page").text().await.expect("text");
    for (what, text) in [("OTLP", collector.everything()), ("the log", home.log()), ("/metrics", pages)] {
        assert!(text.len() > 1000, "{what} is nearly empty, so it proves nothing");
        for canary in CANARIES {
            let at = text.to_lowercase().find(&canary.to_lowercase());
            let around = at.map(|at| text.chars().skip(at.saturating_sub(200)).take(400).collect::<String>());
            assert_eq!(around, None, "{canary} stands in {what}");
        }
    }
}

/// A mail server that knows nobody, and names in its refusal whom it does not know. Gives its port.
fn gossiping_mail_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || -> io::Result<()> {
                let (mut out, lines) = (stream.try_clone()?, BufReader::new(stream).lines());
                out.write_all(b"220 gossip.example\r\n")?;
                for line in lines {
                    let line = line?;
                    let answer = match line.get(..4) {
                        Some("RCPT") => format!("550 5.1.1 {line}: nobody of that name"),
                        _ => "250 gossip.example".to_owned(),
                    };
                    out.write_all(format!("{answer}\r\n").as_bytes())?;
                }
                Ok(())
            });
        }
    });
    port
}

#[tokio::test]
async fn a_decision_is_a_trace_too() {
    let Some(collector) = Collector::start("a_decision_is_a_trace_too") else { return };
    let home = Home::new(CONFIG).with_environment(collector.environment("http/protobuf"));
    let house = home.gateway(&["run"]);
    let id = house.post(&comment("Ada", "Please decide.")).await;
    house.until_state(&id, "pending").await;
    until("the mail comes", async || action_link(&home.mails(), "Please decide.", "approve").is_some()).await;
    let link = action_link(&home.mails(), "Please decide.", "approve").expect("a link");
    let (name, value) = parent();
    let answer = client().post(house.url(&path_of(&link))).header(name, value).send().await.expect("a page");
    assert!(answer.status().is_success());
    house.until_state(&id, "published").await;
    until("the publication has come", async || {
        collector.spans(TRACE).iter().any(|span| span.name == "send comments.published")
    })
    .await;
    let everything = collector.everything();
    assert!(everything.contains("POST /moderate/{token}"), "the route has a span");
    let token = path_of(&link).rsplit('/').next().expect("a token").to_owned();
    assert!(token.len() > 20 && !everything.contains(&token), "and the token stands in none");
}

#[track_caller]
fn below<'a>(spans: &'a [Span], parent: &str, name: &str, service: &str) -> &'a Span {
    let found = spans.iter().find(|span| span.parent == parent && span.name == name && span.service == service);
    found.unwrap_or_else(|| panic!("{name} of {service} is not below {parent} in {spans:#?}"))
}

#[track_caller]
fn below_any<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} is not in {spans:#?}"))
}
