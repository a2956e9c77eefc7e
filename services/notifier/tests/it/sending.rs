//! A server that answers: taken, later, never, closing.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use rejoinder_notifier::{Depth, Settings, Standing};
use rejoinder_pipeline::health::State;
use tokio::time::timeout;

use crate::{
    smtp::{Server, Turn},
    support::{House, ids, smtp},
};

const SENT: Depth = Depth { pending: 0, sent: 1, failed: 0, skipped: 0 };

#[tokio::test]
async fn every_held_comment_arrives_once() {
    let server = Server::start([]).await;
    let house = House::new(smtp(server.address));
    let sender = house.send();
    house.until_state(State::Ready).await;
    house.hold(&ids(300)).await;
    let started = Instant::now();
    let taken = server.took(300).await;
    println!("300 mails in {:?} over two connections (debug build)", started.elapsed());
    house.until(Depth { sent: 300, ..Depth::default() }).await;
    // The same events again, as after an abort.
    house.hold(&ids(300)).await;
    sender.stop().await;
    assert_eq!(server.taken().len(), 300);
    let distinct: HashSet<_> = taken.iter().map(|mail| mail.message_id()).collect();
    assert_eq!(distinct.len(), 300);
    assert!(taken.iter().all(|mail| mail.recipient == "amin@news.example"));
    assert_eq!(server.connections(), 2, "connections are kept");
    let commands = server.commands();
    assert!(commands.iter().filter(|command| *command == "QUIT").count() == 2, "and closed politely");
    assert!(!house.health.is_ready(), "a stopped part is not ready");
}

#[tokio::test]
async fn later_means_the_same_mail_by_the_schedule() {
    let server = Server::start([Turn::Recipient("450 4.2.0 greylisted"), Turn::Content("451 try later")]).await;
    let house = House::new(Settings { retry_seconds: vec![0.0; 2], ..smtp(server.address) });
    house.hold(&ids(1)).await;
    let sender = house.send();
    server.took(1).await;
    house.until(SENT).await;
    sender.stop().await;
    assert_eq!(server.recipients(), 3);
    assert_eq!(server.connections(), 1, "an answer does not cost the connection");
}

#[tokio::test]
async fn a_schedule_ends() {
    let server = Server::start([Turn::Recipient("450 no"); 3]).await;
    let house = House::new(Settings { retry_seconds: vec![0.0], ..smtp(server.address) });
    house.hold(&ids(1)).await;
    let sender = house.send();
    house.until(Depth { failed: 1, ..Depth::default() }).await;
    sender.stop().await;
    assert_eq!(server.recipients(), 2);
}

#[tokio::test]
async fn never_costs_that_mail_and_no_other() {
    let server = Server::start([Turn::Recipient("550 5.1.1 no such user"), Turn::Content("554 5.7.1 spam")]).await;
    let house = House::new(Settings { retry_seconds: vec![0.0; 5], ..smtp(server.address) });
    let sender = house.send();
    house.hold(&ids(5)).await;
    house.until(Depth { sent: 3, failed: 2, ..Depth::default() }).await;
    sender.stop().await;
    assert_eq!((server.recipients(), server.taken().len()), (5, 3));
}

#[tokio::test]
async fn closing_is_answered_by_another_connection_at_once() {
    let server = Server::start([Turn::RecipientAndClose("421 4.3.2 closing")]).await;
    let house = House::new(smtp(server.address));
    let sender = house.send();
    house.hold(&ids(1)).await;
    server.took(1).await;
    house.until(SENT).await;
    sender.stop().await;
    assert_eq!((server.recipients(), server.connections()), (2, 2));
}

#[tokio::test]
async fn a_connection_that_died_at_rest_costs_nothing() {
    let server = Server::start([Turn::TakeThenClose]).await;
    let house = House::new(smtp(server.address));
    let sender = house.send();
    for number in 0..2 {
        house.hold(&ids(2)[number..=number]).await;
        house.until(Depth { sent: number as u64 + 1, ..Depth::default() }).await;
    }
    sender.stop().await;
    assert_eq!((server.taken().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn a_close_after_the_content_gives_at_most_one_more_copy_of_the_same_mail() {
    let server = Server::start([Turn::TakeAndClose]).await;
    let house = House::new(Settings { retry_seconds: vec![0.0], ..smtp(server.address) });
    let sender = house.send();
    house.hold(&ids(1)).await;
    house.until(SENT).await;
    sender.stop().await;
    let taken = server.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].data, taken[1].data, "a reader's mail program can tell that it is one mail");
}

#[tokio::test]
async fn only_stored_and_undecided_comments_are_mailed() {
    let server = Server::start([]).await;
    let settings = Settings { unstored_wait_seconds: 0.01, ..smtp(server.address) };
    let house = House::new(settings);
    let ids = ids(4);
    for (id, standing) in ids.iter().zip([Standing::Unknown, Standing::Pending, Standing::Decided, Standing::Rejected])
    {
        house.comments.tell(*id, standing);
    }
    let sender = house.send();
    house.hold(&ids).await;
    house.until(Depth { pending: 1, sent: 1, skipped: 2, failed: 0 }).await;
    house.comments.tell(ids[0], Standing::Pending);
    house.until(Depth { sent: 2, skipped: 2, ..Depth::default() }).await;
    sender.stop().await;
    let held: Vec<_> = server.taken().iter().map(|mail| mail.message_id()).collect();
    let expected = [ids[1], ids[0]].map(|id| format!("held.{}@news.example", rejoinder_notifier::row_id(id, "amin")));
    assert_eq!(held, expected);
}

#[tokio::test]
async fn what_is_decided_before_its_mail_goes_out_is_withdrawn() {
    let server = Server::start([Turn::Recipient("450 4.2.0 greylisted")]).await;
    let house = House::new(Settings { retry_seconds: vec![3_600.0], ..smtp(server.address) });
    let ids = ids(3);
    // The store is not asked again for what waits an hour for its next attempt.
    house.hold(&ids[..1]).await;
    let sender = house.send();
    until(|| server.recipients() == 1).await;
    house.hold(&ids[1..2]).await;
    house.until(Depth { pending: 1, sent: 1, ..Depth::default() }).await;
    house.decide(ids[0]).await;
    house.decide(ids[1]).await;
    house.hold(&ids[2..]).await;
    house.until(Depth { sent: 2, skipped: 1, ..Depth::default() }).await;
    sender.stop().await;
    assert_eq!(server.taken().len(), 2, "of what was decided nothing more went out, and what waits did");
}

/// Asks again until it is so.
async fn until(condition: impl Fn() -> bool) {
    let same = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), same).await.expect("it happens within 20 s");
}

#[tokio::test]
async fn a_comment_that_is_never_stored_is_given_up() {
    let server = Server::start([]).await;
    let settings = Settings { unstored_wait_seconds: 0.01, unstored_give_up_seconds: 0.1, ..smtp(server.address) };
    let house = House::new(settings);
    house.comments.tell(ids(1)[0], Standing::Unknown);
    let sender = house.send();
    house.hold(&ids(1)).await;
    house.until(Depth { failed: 1, ..Depth::default() }).await;
    sender.stop().await;
    assert_eq!(server.connections(), 0);
}
