//! Plants an address and an IP, and looks for them in everything that readers can get.

use rejoinder_comment_store::State;
use rejoinder_proto::v1::{CommentSubmitted, Signal};

use crate::{
    fakes::{comment, id},
    house::{GOOD, House, json},
};

const EMAIL: &str = "canary@private.example";
const IP: &str = "203.0.113.113";

#[tokio::test]
async fn no_answer_holds_an_address_or_an_ip() {
    let house = House::with(rejoinder_gateway::Settings { trusted_proxies: 1, ..Default::default() });
    let mut answers = Vec::new();
    let mut request = json(GOOD.replace("ann@example.org", EMAIL));
    request.headers_mut().insert("x-forwarded-for", IP.parse().expect("a header value"));
    answers.push(house.send(request).await);
    // The canaries did get in.
    let event: CommentSubmitted = house.log.last();
    assert_eq!(event.author.expect("an author").email, EMAIL);
    assert_eq!(event.client.expect("a client").ip, IP);
    answers.push(house.submit(format!(r#"{{"email": "{EMAIL}", "more": "{EMAIL}"}}"#)).await);
    answers.push(house.submit(format!(r#"{{"email": "{EMAIL}" "#)).await);

    for (n, state) in [State::Approved, State::Pending, State::Spam, State::Trash].into_iter().enumerate() {
        let mut stored = comment(n as u128);
        stored.state = state;
        stored.public.thread = "why-swifts-hardly-ever-land".into();
        stored.text = format!("write to {EMAIL}, I am at {IP}");
        let reason = format!("{EMAIL} and {IP} are on the hold list");
        stored.signals = vec![Signal { name: "hold_words".into(), weight: 1.0, reason, at_least: 0 }];
        house.store.add(stored);
        answers.push(house.get(&format!("/v1/comments/{}", id(n as u128))).await);
        answers.push(house.get(&format!("/?submitted={}", id(n as u128))).await);
    }
    for path in [
        "/",
        "/v1/sites/news/comments?thread=why-swifts-hardly-ever-land",
        "/v1/sites/news/recent",
        "/v1/sites/news/counts?thread=a",
        "/metrics",
        "/readyz",
        "/nothing",
    ] {
        answers.push(house.get(path).await);
    }
    for answer in answers {
        let everything = format!("{answer:?}");
        assert!(!everything.contains(EMAIL) && !everything.contains(IP), "{everything}");
    }
}
