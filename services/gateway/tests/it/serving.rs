//! Over a real socket.

use std::time::Duration;

use rejoinder_gateway::serve;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::house::{GOOD, House};

/// Sends all of `request` before reading anything, as simple clients do.
async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("the whole request is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer in UTF-8");
    answer
}

fn post(body: &str) -> String {
    format!(
        "POST /v1/sites/news/comments HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_client_that_sends_too_much_still_sees_why_and_a_stop_ends_it() {
    let house = House::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, house.router.clone(), stop.clone()));

    let answer = exchange(address, &post(GOOD)).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    let answer = exchange(address, &post(&GOOD.replace("Hello", &"x".repeat(2_000_000)))).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let event: rejoinder_proto::v1::CommentSubmitted = house.log.last();
    assert_eq!(event.client.expect("a client").ip, "127.0.0.1");

    stop.cancel();
    let ended = timeout(Duration::from_secs(10), serving).await.expect("it ends");
    ended.expect("no panic").expect("no error");
}
