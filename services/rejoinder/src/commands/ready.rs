use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// How long each step of the question may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer that is read, in bytes: some lines, whoever listens there.
const LONGEST: u64 = 64 << 10;

/// `rejoinder ready`: prints what `/readyz` says, and fails unless it answers 200. For containers in which there is nothing
/// else that could ask.
pub fn run(address: &str) -> Result<()> {
    let answer = ask(address).with_context(|| format!("nobody answers at {address}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    println!("{}", body.trim_end());
    match head.split_ascii_whitespace().nth(1) {
        Some("200") => Ok(()),
        _ => bail!("not ready"),
    }
}

fn ask(address: &str) -> Result<String> {
    let resolved = address.to_socket_addrs()?.next().context("no address has this name")?;
    let mut stream = TcpStream::connect_timeout(&resolved, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // HTTP/1.0, so that the answer comes in one piece and ends with the connection. Asked in one piece too: who answers
    // after the first of several and hangs up would break the pipe under the rest.
    stream.write_all(format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    fn answered(answer: &'static str) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut question = [0; 256];
            let read = stream.read(&mut question).expect("a question");
            assert!(question[..read].starts_with(b"GET /readyz HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).expect("answered");
        });
        let result = run(&address);
        server.join().expect("served");
        result
    }

    #[test]
    fn only_a_200_is_ready() {
        answered("HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{\"gateway\":{\"state\":\"ready\"}}")
            .expect("ready");
        for answer in ["HTTP/1.0 503 Service Unavailable\r\n\r\n200", "HTTP/1.0 2000 OK\r\n\r\n", "", "nonsense"] {
            assert!(answered(answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn nobody_there_is_not_ready() {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let error = run(&free.to_string()).expect_err("nobody listens");
        assert!(format!("{error:#}").contains(&free.to_string()));
    }
}
