use rejoinder_proto::{
    Event, Topic,
    headers::{Headers, name},
    now, trace, v1,
};

use crate::{Delivered, Position, Reason, Record};

/// The dead letter of a record that `stage` could not use, with the headers that operators' tools know from Kafka Connect.
pub fn to_dead_letter(stage: &str, delivered: &Delivered, reason: &Reason, traceparent: &str) -> Record {
    let Delivered { position, appended_at, record } = delivered;
    let letter = v1::DeadLetter {
        id: record.headers.text(name::CE_ID).unwrap_or_default().to_owned(),
        stage: stage.to_owned(),
        topic: position.topic.name().to_owned(),
        partition: position.partition,
        offset: position.offset,
        reason: reason.code.to_owned(),
        message: reason.message.clone(),
        key: record.key.clone().into(),
        headers: record
            .headers
            .iter()
            .map(|(name, value)| v1::Header { name: name.to_owned(), value: value.to_vec().into() })
            .collect(),
        payload: record.payload.clone().map(Into::into),
        appended_at: Some(*appended_at),
        attempt: record.headers.text(name::ATTEMPT).and_then(|attempt| attempt.parse().ok()).unwrap_or(0),
    };
    let mut headers = letter.headers(&format!("/rejoinder/{stage}"), traceparent);
    for (field, value) in [
        ("topic", letter.topic.clone()),
        ("partition", letter.partition.to_string()),
        ("offset", letter.offset.to_string()),
        ("connector.name", "rejoinder".to_owned()),
        ("task.id", "0".to_owned()),
        ("stage", letter.stage.clone()),
        ("class.name", position.topic.message_name().to_owned()),
        ("exception.class.name", letter.reason.clone()),
        ("exception.message", letter.message.clone()),
    ] {
        headers.push(format!("{}{field}", name::CONNECT_ERRORS), value);
    }
    // The letter keeps the record's own key, whatever it was, so that it stays in the thread's order.
    Record { topic: Topic::DeadLetter, key: record.key.clone(), headers, payload: Some(Event::encode(&letter)) }
}

/// The record that a dead letter came from, with its attempt counted, to be appended to its topic again: for the stage that
/// failed alone, since other readers of the topic have had it. `None` when the letter names no topic of ours.
pub fn replayed(letter: &v1::DeadLetter) -> Option<Record> {
    let topic = letter.topic.parse::<Topic>().ok()?;
    let mut headers: Headers = letter
        .headers
        .iter()
        .filter(|header| header.name != name::ATTEMPT && header.name != name::STAGE)
        .map(|header| (&header.name, &header.value))
        .collect();
    headers.push(name::ATTEMPT, letter.attempt.saturating_add(1).to_string());
    headers.push(name::STAGE, letter.stage.clone());
    Some(Record { topic, key: letter.key.to_vec(), headers, payload: letter.payload.as_ref().map(|p| p.to_vec()) })
}

/// Whether a stage is to read a record: every one, but a replayed dead letter of another stage.
pub fn is_for(stage: &str, record: &Record) -> bool {
    record.headers.get(name::STAGE).is_none_or(|only| only == stage.as_bytes())
}

/// The mark that the letter at `position` is settled: `reason` says why it was discarded, and is empty for a replay.
pub fn settled(letter: &v1::DeadLetter, position: Position, settlement: v1::Settlement, reason: &str) -> Record {
    let mark = v1::DeadLetterSettled {
        id: letter.id.clone(),
        partition: position.partition,
        offset: position.offset,
        settlement: settlement.into(),
        reason: reason.to_owned(),
        settled_at: Some(now()),
        key: letter.key.clone(),
    };
    let headers = mark.headers("/rejoinder/dead-letters", &trace::new_traceparent());
    // Under the letter's own key, whatever it was.
    Record { topic: Topic::DeadLetterSettled, key: letter.key.to_vec(), headers, payload: Some(Event::encode(&mark)) }
}

#[cfg(test)]
mod tests {
    use rejoinder_proto::from_millis;

    use super::*;

    #[test]
    fn a_replayed_letter_is_the_record_that_died_with_its_attempt_counted() {
        let record = Record {
            topic: Topic::Validated,
            key: b"news/a".to_vec(),
            headers: Headers::new().with("ce_id", "no id").with("traceparent", "x").with("odd", vec![0xff]),
            payload: Some(vec![0, 1, 2]),
        };
        let delivered = Delivered {
            position: Position { topic: Topic::Validated, partition: 3, offset: 7 },
            appended_at: from_millis(5),
            record: record.clone(),
        };
        let dead = to_dead_letter("spam-filter", &delivered, &Reason::impossible("no such thing"), "00-t");
        assert_eq!(dead.headers.text("__connect.errors.topic"), Some("comments.validated"));
        assert_eq!(dead.headers.text("__connect.errors.offset"), Some("7"));
        assert_eq!(dead.headers.text("__connect.errors.exception.message"), Some("no such thing"));
        let letter = <v1::DeadLetter as Event>::decode(Topic::DeadLetter, &dead.headers, dead.payload.as_deref())
            .expect("a dead letter");
        let again = replayed(&letter).expect("a topic of ours");
        assert_eq!(again.headers.text(name::ATTEMPT), Some("1"));
        assert_eq!((again.topic, &again.key, &again.payload), (record.topic, &record.key, &record.payload));
        assert_eq!(again.headers.get("odd"), Some([0xff].as_slice()));
        assert!(is_for("spam-filter", &again) && !is_for("comment-store", &again), "for the stage that failed alone");
        assert!(is_for("comment-store", &record), "what is no replay is for all");

        let delivered = Delivered { record: again, ..delivered };
        let dead = to_dead_letter("spam-filter", &delivered, &Reason::impossible("still"), "00-t");
        let letter = <v1::DeadLetter as Event>::decode(Topic::DeadLetter, &dead.headers, dead.payload.as_deref())
            .expect("a dead letter");
        let third = replayed(&letter).expect("a topic of ours");
        assert_eq!((letter.attempt, third.headers.text(name::ATTEMPT)), (1, Some("2")));
        assert_eq!(third.headers.len(), 5, "each name once");
    }

    #[test]
    fn an_attempt_that_cannot_be_counted_up_stays() {
        let letter = v1::DeadLetter { topic: "comments.submitted".into(), attempt: i32::MAX, ..Default::default() };
        let again = replayed(&letter).expect("a topic of ours");
        assert_eq!(again.headers.text(name::ATTEMPT), Some("2147483647"));
    }

    #[test]
    fn a_tombstone_stays_one() {
        let delivered = Delivered {
            position: Position { topic: Topic::Submitted, partition: 0, offset: 0 },
            appended_at: from_millis(5),
            record: Record { topic: Topic::Submitted, key: vec![], headers: Headers::new(), payload: None },
        };
        let dead = to_dead_letter("validator", &delivered, &Reason::impossible("tombstone"), "00-t");
        let letter = <v1::DeadLetter as Event>::decode(Topic::DeadLetter, &dead.headers, dead.payload.as_deref());
        assert_eq!(replayed(&letter.expect("a dead letter")).expect("a topic of ours").payload, None);
    }
}
