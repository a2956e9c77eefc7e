//! Starts the real binary, and asks it questions as its users do.

pub mod logged;
pub mod replicas;
pub mod services;
pub mod topics;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take that needs no more than a second or two: a loaded machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One moderator, strangers are held, and no limit on one address: the tests all come from it.
pub const CONFIG: &str = r#"
listen = "127.0.0.1:0"
probes.listen = "127.0.0.1:0"

[gateway]
submit_per_minute = 0

[sites.news]
title = "The Example News"
moderators = [{ name = "editor", email = "editor@example.org" }]
"#;

/// A folder with a configuration file, and processes that use it.
pub struct Home {
    dir: TempDir,
    environment: Vec<(String, String)>,
}

impl Home {
    pub fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let data = dir.path().join("data");
        let config = format!("data_dir = {data:?}\n{config}");
        fs::write(dir.path().join("rejoinder.toml"), config).expect("the folder can be written");
        Self { dir, environment: Vec::new() }
    }

    /// The same, where its processes have these variables, and write what they log to [`Home::log`].
    pub fn with_environment(self, environment: Vec<(String, String)>) -> Self {
        Self { environment, ..self }
    }

    /// What its processes have logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).expect("the folder can be written");
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
        command.arg("--config").arg(self.dir.path().join("rejoinder.toml")).args(arguments).stdin(Stdio::null());
        if !self.environment.is_empty() {
            command.envs(self.environment.iter().cloned());
            let log = fs::File::options().create(true).append(true).open(self.dir.path().join("log"));
            command.stderr(log.expect("the folder can be written"));
        }
        command
    }

    /// Runs a command to its end.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} ended with {}:\n{errors}", output.status);
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Replaces the configuration file by one with another text, as `new` writes it.
    pub fn configure(&self, config: &str) {
        let data = self.data();
        self.file("rejoinder.toml", &format!("data_dir = {data:?}\n{config}"));
    }

    /// Adds lines to the end of the configuration file.
    pub fn configure_more(&self, lines: &str) {
        let path = self.dir.path().join("rejoinder.toml");
        let config = fs::read_to_string(&path).expect("it was written");
        self.file("rejoinder.toml", &format!("{config}{lines}"));
    }

    /// The same as [`Home::gateway`], with its log in a file.
    pub fn logged_gateway(&self, arguments: &[&str]) -> Running {
        let log = fs::File::create(self.dir.path().join("log")).expect("the folder can be written");
        Self::listening(self.command(arguments).stderr(log))
    }

    /// Starts a process with a gateway, and waits until it listens.
    pub fn gateway(&self, arguments: &[&str]) -> Running {
        Self::listening(&mut self.command(arguments))
    }

    fn listening(command: &mut Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = loop {
            let line = lines.next().expect("it says where it listens before it ends").expect("UTF-8");
            if let Some((_, address)) = line.split_once("listens on ") {
                break address.to_owned();
            }
        };
        // Read on, so that the process never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Running { child: Some(child), address }
    }

    /// Starts a worker.
    pub fn worker(&self, name: &str) -> Running {
        let child = self.command(&[name]).stdout(Stdio::null()).spawn().expect("the binary starts");
        Running { child: Some(child), address: String::new() }
    }

    /// The mails in the mailbox folder.
    pub fn mails(&self) -> Vec<String> {
        let Ok(folder) = fs::read_dir(self.data().join("mailbox")) else { return Vec::new() };
        let mails = folder.map(|entry| entry.expect("a folder's entry").path());
        mails
            .filter(|path| path.extension().is_some_and(|e| e == "eml"))
            .filter_map(|p| fs::read_to_string(p).ok())
            .collect()
    }
}

/// A running process; killed when dropped.
pub struct Running {
    child: Option<Child>,
    pub address: String,
}

impl Running {
    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the process can be killed");
            child.wait().expect("the process ends");
        }
    }

    /// Sends a signal: TERM, HUP.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("a running process").id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill runs").success());
    }

    /// SIGTERM, and the way in which it ended.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        let mut child = self.child.take().expect("a running process");
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < until, "still running after SIGTERM");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it has not ended, whoever ended it.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_none()))
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Posts a comment as JSON, and gives its id; it must be accepted.
    pub async fn post(&self, comment: &Value) -> String {
        let answer = self.try_post(comment).await;
        assert_eq!(answer.0, StatusCode::ACCEPTED, "{}", answer.1);
        answer.1["id"].as_str().expect("an id").to_owned()
    }

    /// Posts a comment as JSON, whatever comes of it.
    pub async fn try_post(&self, comment: &Value) -> (StatusCode, Value) {
        let answer = client().post(self.url("/v1/sites/news/comments")).json(comment).send().await.expect("an answer");
        let status = answer.status();
        (status, answer.json().await.expect("JSON"))
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = client().get(self.url(path)).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    /// The value of the first series of a metric that has this label, as `result="taken"`; 0 where there is none.
    pub async fn metric(&self, name: &str, label: &str) -> f64 {
        let text = client().get(self.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
        let series = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once("} "));
        let found = series.into_iter().find(|(labels, _)| labels.split(',').any(|found| found == label));
        found.map_or(0.0, |(_, value)| value.parse().expect("a number"))
    }

    pub async fn state(&self, id: &str) -> String {
        self.get(&format!("/v1/comments/{id}")).await["state"].as_str().expect("a state").to_owned()
    }

    /// Waits until a comment is in a state.
    pub async fn until_state(&self, id: &str, wanted: &str) {
        until(&format!("{id} is {wanted}"), async || self.state(id).await == wanted).await;
    }

    /// The ids of a thread's visible comments, in order, page by page.
    pub async fn thread(&self, thread: &str) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/sites/news/comments?thread={thread}&limit=70{cursor}")).await;
            let comments = page["comments"].as_array().expect("a list");
            ids.extend(comments.iter().map(|comment| comment["id"].as_str().expect("an id").to_owned()));
            let Some(next) = page["next"].as_str() else { return ids };
            cursor = format!("&cursor={next}");
        }
    }

    /// The bodies of a thread's visible comments, in order.
    pub async fn bodies(&self, thread: &str) -> Vec<String> {
        let page = self.get(&format!("/v1/sites/news/comments?thread={thread}&limit=200")).await;
        let comments = page["comments"].as_array().expect("a list");
        comments.iter().map(|comment| comment["html"].as_str().expect("html").to_owned()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Asks again until the answer is yes.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < end, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Follows no redirect.
pub fn client() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client")
}

pub fn comment(name: &str, body: &str) -> Value {
    json!({"thread": "a", "name": name, "email": format!("{}@example.org", name.to_lowercase()), "body": body})
}

/// The link of an action ("approve", "spam", "trash") in the text part of the mail that holds `words`.
pub fn action_link(mails: &[String], words: &str, action: &str) -> Option<String> {
    mails.iter().find_map(|mail| {
        let mail = mail_parser::MessageParser::default().parse(mail.as_bytes())?;
        let text = mail.body_text(0)?.into_owned();
        if !text.contains(words) {
            return None;
        }
        let mut lines = text.lines().skip_while(|line| !line.to_lowercase().starts_with(action));
        lines.find_map(|line| line.find("http").map(|at| line[at..].trim().to_owned()))
    })
}

/// The path of a link, on whichever address the gateway listens this time.
pub fn path_of(link: &str) -> String {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned())
}

/// A number from the table that `rejoinder submit` prints.
pub fn count(table: &str, name: &str) -> u64 {
    let line = table.lines().find(|line| line.trim_start().starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{table}"));
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("no number in {line}"))
}

/// A sample of real comments with an open licence; see its README.
pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/youtube_uci_sample.jsonl")
}
