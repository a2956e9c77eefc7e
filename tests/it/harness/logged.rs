//! Processes whose every word is kept, so that a test can look for what must stand there, or must not.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::Stdio,
};

use super::{Home, Running, client, until};

/// A worker or a gateway.
pub struct Logged {
    pub process: Running,
    output: PathBuf,
}

impl Home {
    /// Starts a worker or the gateway on a port of its own; all that it prints is kept.
    pub fn logged(&self, name: &str) -> Logged {
        // Free now: whoever takes it in between makes the process end, and the test fail.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let output = self.dir.path().join(format!("{name}.out"));
        let file = File::options().create(true).append(true).open(&output).expect("the folder can be written");
        let mut command = self.command(&[name]);
        command.env("REJOINDER__PROBES__LISTEN", port.to_string()).env("REJOINDER__LISTEN", port.to_string());
        command.stdout(Stdio::from(file.try_clone().expect("a handle"))).stderr(Stdio::from(file));
        let child = command.spawn().expect("the binary starts");
        Logged { process: Running { child: Some(child), address: format!("http://{port}") }, output }
    }
}

impl Logged {
    /// All that it has printed.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).expect("UTF-8")
    }

    /// Whether it says that it can work.
    pub async fn is_ready(&self) -> bool {
        client().get(self.process.url("/readyz")).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Waits until it has printed something; it must be running then.
    pub async fn until_it_says(&mut self, words: &str) {
        let output = self.output.clone();
        let says = async || fs::read_to_string(&output).is_ok_and(|text| text.contains(words));
        until(words, says).await;
        assert!(self.process.is_running(), "it ended:\n{}", self.output());
    }
}
