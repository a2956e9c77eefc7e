//! `docs/asyncapi.yaml`: the topics as AsyncAPI has them, made of the code: the table of topics, what each stage reads and
//! writes, the headers' names, and the schemas. The test holds the page against it, and writes it when it is told to.

use std::{collections::BTreeSet, fmt::Write};

use rejoinder_comment_store::CommentStore;
use rejoinder_notifier::Notifier;
use rejoinder_pipeline::Stage;
use rejoinder_proto::{Event, Topic, headers::name, trace};
use rejoinder_spam_filter::SpamFilter;
use rejoinder_validator::Validator;

const SCHEMAS: [&str; 3] = [
    include_str!("../../../proto/rejoinder/v1/comment.proto"),
    include_str!("../../../proto/rejoinder/v1/events.proto"),
    include_str!("../../../proto/rejoinder/v1/moderation.proto"),
];

const HEAD: &str = "\
# Made of the code by a test of services/rejoinder (REJOINDER_WRITE_DOCS=1 writes it); tests/asyncapi validates it.
asyncapi: 3.0.0
info:
  title: Rejoinder's topics
  version: '1'
  description: |
    One message per topic, as CloudEvents in binary mode. The record's key is site/thread, so that a thread keeps its order. Payloads are Protobuf or its
    proto3 JSON mapping; the header content-type says which. On comments.screened they are Protobuf, since the spam filters follow each other there without
    reading headers. Read with isolation.level=read_committed. kafka.prefix stands before every topic.
  license:
    name: MIT OR Apache-2.0
defaultContentType: application/protobuf
servers:
  kafka:
    host: 127.0.0.1:19092
    protocol: kafka
    description: As `make up` starts it; kafka.brokers in the configuration.
";

/// Who sends to a topic, or receives from it.
struct Operation {
    who: &'static str,
    action: &'static str,
    topic: Topic,
}

fn operations() -> Vec<Operation> {
    fn stage<S: Stage>(follows: &[Topic]) -> Vec<Operation> {
        let operation = |action, topic: &Topic| Operation { who: S::NAME, action, topic: *topic };
        let receives = S::In::TOPICS.iter().chain(follows).map(|topic| operation("receive", topic));
        let sends = S::Out::TOPICS.iter().chain(&[Topic::DeadLetter]).map(|topic| operation("send", topic));
        receives.chain(sends).collect()
    }
    let others = [
        ("gateway", "send", &[Topic::Submitted, Topic::Moderated][..]),
        ("site", "send", &[Topic::Submitted]),
        ("site", "receive", &[Topic::Published, Topic::Rejected]),
        ("operator", "receive", &[Topic::DeadLetter, Topic::DeadLetterSettled]),
        ("operator", "send", &[Topic::Moderated, Topic::DeadLetterSettled]),
    ];
    let others = others
        .into_iter()
        .flat_map(|(who, action, topics)| topics.iter().map(move |topic| Operation { who, action, topic: *topic }));
    // For campaigns the filter also follows what all filters have screened.
    let stages = [stage::<Validator>(&[]), stage::<SpamFilter>(&[Topic::Screened]), stage::<CommentStore>(&[])];
    stages.into_iter().flatten().chain(stage::<Notifier>(&[])).chain(others).collect()
}

/// The message's name without its package.
fn message(topic: Topic) -> &'static str {
    topic.message_name().rsplit('.').next().unwrap_or_default()
}

/// The topic's name without what all of them begin with.
fn short(topic: Topic) -> &'static str {
    topic.name().trim_start_matches("comments.")
}

/// The top-level messages and enums of the schemas: name, comment and all of the text.
fn blocks() -> Vec<(&'static str, String, String)> {
    let mut blocks = Vec::new();
    for schema in SCHEMAS {
        let (mut comment, mut lines) = (String::new(), schema.lines());
        while let Some(line) = lines.next() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["message" | "enum", name, "{", rest @ ..] => {
                    let mut text = format!("{line}\n");
                    while rest.is_empty() && !text.ends_with("\n}\n") {
                        let _ = writeln!(text, "{}", lines.next().expect("an end"));
                    }
                    blocks.push((*name, std::mem::take(&mut comment), text));
                }
                ["//", ..] => {
                    let _ = writeln!(comment, "{}", line.trim_start_matches("//").trim());
                }
                _ => comment.clear(),
            }
        }
    }
    blocks
}

/// A message's schema with all that it refers to.
fn schema(root: &str) -> String {
    let blocks = blocks();
    let (mut wanted, mut open) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(name) = open.pop() {
        if !wanted.insert(name.clone()) {
            continue;
        }
        let (_, _, text) = blocks.iter().find(|(known, _, _)| *known == name).expect("a message of ours");
        let words = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let words = words.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()));
        open.extend(words.filter(|word| blocks.iter().any(|(known, _, _)| known == word)).map(str::to_owned));
    }
    let mut text = String::from("syntax = \"proto3\";\npackage rejoinder.v1;\n");
    text += "import \"google/protobuf/timestamp.proto\";\n";
    for (_, comment, block) in blocks.iter().filter(|(name, _, _)| wanted.contains(*name)) {
        text.push('\n');
        for line in comment.lines() {
            let _ = writeln!(text, "// {line}");
        }
        text.push_str(block);
    }
    text
}

/// A block of text under a key, in YAML.
fn literal(page: &mut String, indent: usize, key: &str, text: &str) {
    let _ = writeln!(page, "{:indent$}{key}: |", "");
    for line in text.lines() {
        match line {
            "" => page.push('\n'),
            line => drop(writeln!(page, "{:1$}{line}", "", indent + 2)),
        }
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let out = &mut page;
    let about = |topic: Topic| {
        let (_, comment, _) = blocks().into_iter().find(|(name, _, _)| *name == message(topic)).expect("a message");
        comment.trim_start_matches(topic.name()).trim_start_matches(':').trim().to_owned()
    };
    *out += "channels:\n";
    for topic in Topic::ALL {
        let _ = write!(out, "  {}:\n    address: {topic}\n", short(topic));
        literal(out, 4, "description", &about(topic));
        let _ = write!(
            out,
            "    servers:\n      - $ref: '#/servers/kafka'\n    messages:\n      {0}:\n        $ref: '#/components/messages/{0}'\n",
            message(topic)
        );
    }
    *out += "operations:\n";
    for Operation { who, action, topic } in operations() {
        let (short, message) = (short(topic), message(topic));
        let _ = write!(out, "  {who}.{action}.{short}:\n    action: {action}\n    title: {who}\n");
        let _ = write!(out, "    channel:\n      $ref: '#/channels/{short}'\n");
        let _ = write!(out, "    messages:\n      - $ref: '#/channels/{short}/messages/{message}'\n");
        if action == "receive" && !["site", "operator"].contains(&who) && operations().iter().any(|o| o.who == who) {
            let _ = write!(
                out,
                "    bindings:\n      kafka:\n        groupId:\n          type: string\n          const: rejoinder-{who}\n"
            );
        }
    }
    *out += "components:\n  messages:\n";
    for topic in Topic::ALL {
        let (name, full) = (message(topic), topic.message_name());
        let headers = if topic == Topic::DeadLetter { "DeadLetterHeaders" } else { "Headers" };
        let _ = write!(
            out,
            "    {name}:\n      name: {full}\n      title: {name}\n      contentType: application/protobuf\n"
        );
        let _ = write!(out, "      headers:\n        $ref: '#/components/schemas/{headers}'\n");
        *out += "      bindings:\n        kafka:\n          key:\n            type: string\n            description: site/thread\n";
        *out += "      payload:\n        schemaFormat: application/vnd.google.protobuf;version=3\n";
        literal(out, 8, "schema", &schema(name));
    }
    let header = |out: &mut String, name: &str, rule: &str, text: &str| {
        let _ = write!(out, "        {name}:\n          type: string\n          description: {text}\n{rule}");
    };
    *out += "  schemas:\n    Headers:\n      type: object\n      description: CloudEvents in binary mode, and W3C Trace Context.\n      properties:\n";
    header(
        out,
        name::CONTENT_TYPE,
        "          enum: [application/protobuf, application/json]\n",
        "How the payload is written; Protobuf where it is absent.",
    );
    header(out, name::CE_SPECVERSION, "          const: '1.0'\n", "CloudEvents' version.");
    header(out, name::CE_ID, "          format: uuid\n", "The comment's id, a UUIDv7.");
    header(out, name::CE_SOURCE, "", "Who wrote the event.");
    header(out, name::CE_TYPE, "", "The message's full name.");
    header(out, name::CE_TIME, "          format: date-time\n", "When it happened.");
    header(out, name::CE_DATASCHEMA, "", "The schema of a Protobuf payload.");
    header(out, trace::TRACEPARENT, "", "The place in the comment's trace.");
    header(out, name::ATTEMPT, "", "How often a dead letter has been replayed; on replayed records alone.");
    header(out, name::STAGE, "", "The one stage that a replayed dead letter is meant for; others pass it over.");
    let _ = write!(
        out,
        "    DeadLetterHeaders:\n      allOf:\n        - $ref: '#/components/schemas/Headers'\n        - type: object\n          description: Kafka Connect's names for where it died, and of what.\n          patternProperties:\n            '^{}':\n              type: string\n",
        name::CONNECT_ERRORS.replace('.', "\\.")
    );
    page
}

#[test]
fn the_page_is_up_to_date() {
    let (page, path) = (page(), concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/asyncapi.yaml"));
    if std::env::var_os("REJOINDER_WRITE_DOCS").is_some() {
        std::fs::write(path, &page).expect("written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/asyncapi.yaml is stale: run this test with REJOINDER_WRITE_DOCS=1");
}
