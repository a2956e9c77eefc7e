//! The order within a thread, from the publisher to the reader.

use rejoinder_pipeline::{Log, kafka::KafkaLog, sqlite::SqliteLog};
use rejoinder_proto::v1;

use crate::{
    distributed::Deployment,
    harness::{
        CONFIG, Home, Running,
        topics::{answer, append, append_all, drawn, said},
    },
};

/// Whatever a filter makes of such texts, they are published.
const REST: &str = "policy.screening.mode = \"post\"\npolicy.validation.flood_seconds = 0\n\
                    policy.screening.model_weight_max = 0.0\n";

/// How many comments hang together.
const FAMILY: usize = 10;

/// Publishes a lively thread of one millisecond, in which some answers come before the comments that they answer, and
/// gives it in the order in which it was taken.
async fn publish(log: &dyn Log) -> Vec<v1::CommentSubmitted> {
    let publisher = log.publisher().expect("a publisher");
    let mut events: Vec<v1::CommentSubmitted> = Vec::new();
    for number in 0..400 {
        let event = match number % FAMILY {
            0 => said("a", number),
            place => answer(&events[number - place + place / 2], number),
        };
        events.push(event);
    }
    // Here everyone comes before whom they answer, some with answers of their own below them already.
    events.chunks_mut(FAMILY).step_by(3).for_each(<[_]>::reverse);
    let half = events.len() / 2;
    let mut places = append_all(&*publisher, &events[..half]).await;
    for event in &events[half..] {
        places.push(append(&*publisher, event).await);
    }
    let mut taken: Vec<_> = places.into_iter().zip(events).collect();
    taken.sort_by_key(|(position, _)| (position.partition, position.offset));
    taken.into_iter().map(|(_, event)| event).collect()
}

async fn comes_back_in_order(gateway: &Running, events: &[v1::CommentSubmitted]) {
    for event in events {
        gateway.until_state(&event.id, "published").await;
    }
    assert_eq!(gateway.thread("a").await, drawn(events));
}

#[tokio::test]
async fn a_threads_order_is_the_order_in_which_it_was_published_embedded() {
    let home = Home::new(&format!("{REST}{CONFIG}"));
    std::fs::create_dir_all(home.data()).expect("a folder");
    let events = {
        let log = SqliteLog::open(&home.data().join("log.sqlite"), 4).expect("a log");
        publish(&log).await
    };
    let dev = home.gateway(&["dev"]);
    comes_back_in_order(&dev, &events).await;
}

#[tokio::test]
async fn a_threads_order_is_the_order_in_which_it_was_published_distributed() {
    let test = "a_threads_order_is_the_order_in_which_it_was_published_distributed";
    let Some(house) = Deployment::start(test, REST).await else { return };
    let log = KafkaLog::new(house.kafka.clone()).expect("settings");
    let events = publish(&log).await;
    comes_back_in_order(&house.gateway, &events).await;
}
