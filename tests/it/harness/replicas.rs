//! Workers beside one another, each with a name and a probe page of its own.

use std::{net::TcpListener, process::Stdio};

use super::{Home, Running, client};

/// A worker among others of its kind.
pub struct Replica {
    pub process: Running,
    stage: String,
}

impl Home {
    /// Starts a replica. One that has the name of a replica before it takes up where that one was cut off.
    pub fn replica(&self, stage: &str, name: &str) -> Replica {
        // Free now: whoever takes it in between makes the worker end, and the test fail.
        let probes = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let mut command = self.command(&[stage]);
        command.env("REJOINDER__INSTANCE", name).env("REJOINDER__PROBES__LISTEN", probes.to_string());
        let child = command.stdout(Stdio::null()).spawn().expect("the binary starts");
        Replica {
            process: Running { child: Some(child), address: format!("http://{probes}") },
            stage: stage.to_owned(),
        }
    }
}

impl Replica {
    /// How many records it has committed as consumed; 0 while it does not answer.
    pub async fn consumed(&self) -> u64 {
        let Ok(answer) = client().get(self.process.url("/metrics")).send().await else { return 0 };
        let text = answer.text().await.expect("text");
        let counts =
            text.lines().filter(|line| line.starts_with("rejoinder_consumed_total") && line.contains(&self.stage));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
    }
}
