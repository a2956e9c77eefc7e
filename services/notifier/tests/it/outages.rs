//! Everything that a sender needs, away and back; and the sender itself killed.

use std::sync::atomic::Ordering;

use rejoinder_notifier::{Depth, Settings, Standing};
use rejoinder_pipeline::health::State;

use crate::{
    failing::Failing,
    smtp::{Server, Turn, Wire},
    support::{House, ids, smtp},
};

fn waiting(dependency: &str) -> State {
    State::Waiting { dependency: dependency.into() }
}

#[tokio::test]
async fn a_server_that_is_down_is_waited_for_and_nothing_is_lost() {
    let first = Server::start([]).await;
    let address = first.address;
    first.stop().await;
    // One attempt that counts would fail a mail here.
    let house = House::new(Settings { retry_seconds: Vec::new(), ..smtp(address) });
    let sender = house.send();
    house.hold(&ids(50)).await;
    house.until_state(waiting("smtp")).await;
    assert!(!house.health.is_ready());
    let server = Server::at(address, [], Wire::Plain, None).await;
    server.took(50).await;
    house.until(Depth { sent: 50, ..Depth::default() }).await;
    house.until_state(State::Ready).await;
    sender.stop().await;
    assert_eq!(server.taken().len(), 50);
}

#[tokio::test]
async fn a_server_that_is_back_is_noticed_without_a_mail_to_send() {
    let first = Server::start([]).await;
    let address = first.address;
    first.stop().await;
    let house = House::new(smtp(address));
    let sender = house.send();
    house.hold(&ids(1)).await;
    house.until_state(waiting("smtp")).await;
    house.comments.tell(ids(1)[0], Standing::Decided);
    let server = Server::at(address, [], Wire::Plain, None).await;
    house.until_state(State::Ready).await;
    house.until(Depth { skipped: 1, ..Depth::default() }).await;
    sender.stop().await;
    assert_eq!((server.taken().len(), server.connections()), (0, 1));
}

#[tokio::test]
async fn a_server_that_dies_under_load_gets_every_mail_in_the_end() {
    let first = Server::start([]).await;
    let address = first.address;
    let house = House::new(Settings { retry_seconds: vec![0.0; 3], poll_seconds: 0.01, ..smtp(address) });
    let sender = house.send();
    house.hold(&ids(200)).await;
    first.took(20).await;
    let before = first.stop().await;
    let server = Server::at(address, [], Wire::Plain, None).await;
    house.until(Depth { sent: 200, ..Depth::default() }).await;
    sender.stop().await;
    let mut copies = std::collections::HashMap::<_, usize>::new();
    for mail in before.iter().chain(&server.taken()) {
        *copies.entry(mail.message_id()).or_default() += 1;
    }
    assert_eq!(copies.values().filter(|count| **count > 2).count(), 0, "at most one more copy for one crash");
    assert_eq!(copies.len(), 200);
}

#[tokio::test]
async fn a_server_that_takes_no_mail_from_us_keeps_it_in_the_outbox() {
    let server = Server::start([Turn::RecipientAndClose("250 ok")]).await;
    let house = House::new(smtp(server.address));
    let sender = house.send();
    house.hold(&ids(1)).await;
    // The connection dies before the content: no attempt is counted, and the probe finds the server at work again.
    house.until(Depth { sent: 1, ..Depth::default() }).await;
    sender.stop().await;
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn the_outbox_and_the_store_are_waited_for() {
    let server = Server::start([]).await;
    let outbox = Failing::new();
    let house = House::with(Settings { poll_seconds: 0.01, ..smtp(server.address) }, outbox.clone());
    outbox.away.store(true, Ordering::SeqCst);
    let sender = house.send();
    house.hold(&ids(1)).await;
    house.until_state(waiting("database")).await;
    house.comments.go_away(true);
    outbox.away.store(false, Ordering::SeqCst);
    outbox.settled(1).await;
    house.until_state(waiting("database")).await;
    assert_eq!(server.connections(), 0, "nothing goes out while nobody knows where it stands");
    house.comments.go_away(false);
    house.until(Depth { sent: 1, ..Depth::default() }).await;
    house.until_state(State::Ready).await;
    sender.stop().await;
}

#[tokio::test]
async fn what_was_sent_is_marked_before_anything_else_is_claimed() {
    let server = Server::start([]).await;
    let outbox = Failing::new();
    // The claim runs out while nothing can be marked, so a sender that claimed again would send again.
    let settings = Settings { lease_seconds: 3.0, poll_seconds: 0.01, ..smtp(server.address) };
    let house = House::with(settings, outbox.clone());
    outbox.unmarked.store(true, Ordering::SeqCst);
    let sender = house.send();
    house.hold(&ids(1)).await;
    outbox.settled(4).await;
    house.until_state(waiting("database")).await;
    outbox.unmarked.store(false, Ordering::SeqCst);
    house.until(Depth { sent: 1, ..Depth::default() }).await;
    sender.stop().await;
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn a_sender_killed_before_its_mark_costs_one_more_copy() {
    let server = Server::start([]).await;
    let outbox = Failing::new();
    let settings =
        Settings { lease_seconds: 3.0, poll_seconds: 0.01, retry_seconds: vec![0.0], ..smtp(server.address) };
    let house = House::with(settings, outbox.clone());
    outbox.hangs.store(true, Ordering::SeqCst);
    let sender = house.send();
    house.hold(&ids(1)).await;
    outbox.settled(1).await;
    sender.kill().await;
    outbox.hangs.store(false, Ordering::SeqCst);
    let heir = house.send();
    house.until(Depth { sent: 1, ..Depth::default() }).await;
    heir.stop().await;
    let taken = server.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].data, taken[1].data);
}

#[tokio::test]
async fn two_senders_share_an_outbox() {
    let server = Server::start([]).await;
    let house = House::new(Settings { poll_seconds: 0.01, ..smtp(server.address) });
    house.hold(&ids(200)).await;
    let (one, two) = (house.send(), house.send());
    house.until(Depth { sent: 200, ..Depth::default() }).await;
    one.stop().await;
    two.stop().await;
    assert_eq!(server.taken().len(), 200);
}
