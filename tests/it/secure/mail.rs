//! Mail over STARTTLS with a login, to a server that is not ours, and its signature.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{Secured, python, python_command, replace};
use crate::harness::{CONFIG, Home, comment, logged::Logged, until};

/// A server that wants TLS and the password of `desk`.
pub struct MailServer {
    dir: TempDir,
    port: u16,
    child: Child,
}

impl MailServer {
    pub fn start(secured: &Secured) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        replace(&dir.path().join("password"), "smtp-secret");
        replace(&dir.path().join("sent"), "smtp-secret");
        fs::create_dir(dir.path().join("mails")).expect("the folder can be written");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let child = listen(dir.path(), port, &secured.folder.join("smtp"));
        Self { dir, port, child }
    }

    /// Ends it, and starts it on the same port with another certificate.
    pub fn restart(&mut self, certificate: &Path) {
        self.stop();
        self.child = listen(self.dir.path(), self.port, certificate);
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The password that the server wants.
    pub fn want(&self, password: &str) {
        replace(&self.dir.path().join("password"), password);
    }

    /// The password that Rejoinder sends.
    pub fn send(&self, password: &str) {
        replace(&self.dir.path().join("sent"), password);
    }

    /// Settings that reach it; the authority is a file beside the password.
    pub fn settings(&self, authority: impl AsRef<Path>) -> String {
        let authority = match authority.as_ref() {
            name if name.is_relative() => {
                PathBuf::from(std::env::var("REJOINDER_TEST_SECURE").expect("set")).join(name)
            }
            path => path.to_owned(),
        };
        format!(
            "mail.backend = \"smtp\"\nmail.smtp.host = \"localhost\"\nmail.smtp.port = {}\nmail.smtp.username = \"desk\"\n\
             mail.smtp.password_file = {:?}\nmail.smtp.ca_file = {authority:?}\nmail.smtp.idle_seconds = 0\n",
            self.port,
            self.dir.path().join("sent")
        )
    }

    pub fn mail_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path().join("mails")).expect("a folder");
        let files = entries.map(|entry| entry.expect("an entry").path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "eml")).collect()
    }

    /// The words of every mail's text part.
    pub fn mails(&self) -> Vec<String> {
        let text = |path: PathBuf| {
            let bytes = fs::read(path).expect("a mail");
            let mail = mail_parser::MessageParser::default().parse(&bytes).expect("a mail");
            mail.body_text(0).expect("a text part").into_owned()
        };
        self.mail_files().into_iter().map(text).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listen(dir: &Path, port: u16, certificate: &Path) -> Child {
    let mut command = python_command("smtpd.py");
    command.arg(port.to_string()).arg(certificate.with_extension("pem")).arg(certificate.with_extension("key"));
    command.arg(dir.join("password")).arg(dir.join("mails")).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("UTF-8");
    assert_eq!(line, "listens\n");
    child
}

/// The embedded deployment, which sends its mails to the server; `more` stands before all sections.
fn dev(server: &MailServer, authority: &Path, more: &str) -> (Home, Logged) {
    let home = Home::new(&format!("policy.validation.flood_seconds = 0\n{}{more}{CONFIG}", server.settings(authority)));
    let logged = home.logged("run");
    (home, logged)
}

#[tokio::test]
async fn a_wrong_password_is_said_and_the_mail_is_kept_until_it_is_right() {
    let Some(secured) = Secured::find("a_wrong_password_is_said_and_the_mail_is_kept_until_it_is_right").await else {
        return;
    };
    let server = MailServer::start(&secured);
    server.send("opensesame");
    let (_home, mut process) = dev(&server, &secured.folder.join("ca.pem"), "");
    process.until_it_says("listens on").await;
    process.process.post(&comment("Ada", "A first thought.")).await;
    process.until_it_says("dependency=\"smtp\" error=the server answered 535 in the Login step").await;
    assert!(!process.is_ready().await && server.mails().is_empty());
    server.send("smtp-secret");
    until("the mail is there", async || server.mails().len() == 1).await;
    until("it is ready", async || process.is_ready().await).await;

    // Rotated on the server first: what is owed meanwhile waits for the other half.
    server.want("another-secret");
    process.process.post(&comment("Bea", "A second thought.")).await;
    until("it waits", async || !process.is_ready().await).await;
    server.send("another-secret");
    until("the second mail is there", async || server.mails().len() == 2).await;
    assert!(process.process.is_running());
    for secret in ["opensesame", "smtp-secret", "another-secret"] {
        assert!(!process.output().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_new_authority_is_trusted_without_a_restart() {
    let Some(secured) = Secured::find("a_new_authority_is_trusted_without_a_restart").await else { return };
    let mut server = MailServer::start(&secured);
    let dir = tempfile::tempdir().expect("a folder");
    let (authority, other) = (dir.path().join("ca.pem"), dir.path().join("other"));
    replace(&authority, fs::read(secured.file("ca.pem")).expect("read"));
    let (_home, mut process) = dev(&server, &authority, "");
    process.until_it_says("listens on").await;
    process.process.post(&comment("Ada", "A first thought.")).await;
    until("the mail is there", async || server.mails().len() == 1).await;
    secured.issue("other-ca", "smtp", &other);
    server.restart(&other);
    process.process.post(&comment("Bea", "A second thought.")).await;
    process.until_it_says("invalid peer certificate: UnknownIssuer").await;
    replace(&authority, fs::read(secured.file("other-ca.pem")).expect("read"));
    until("the second mail is there", async || server.mails().len() == 2).await;
    assert!(process.process.is_running());
}

#[tokio::test]
async fn mails_are_signed_and_another_library_says_so() {
    let Some(secured) = Secured::find("mails_are_signed_and_another_library_says_so").await else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let key = dir.path().join("dkim.key");
    // As docs/security.md says it.
    let keys = [
        ("rsa", "openssl genrsa 2048", "openssl pkey -pubout -outform DER | openssl base64 -A"),
        (
            "ed25519",
            "openssl genpkey -algorithm ed25519",
            "openssl pkey -pubout -outform DER | tail -c 32 | openssl base64 -A",
        ),
    ];
    let server = MailServer::start(&secured);
    let (kind, make, public) = keys[0];
    replace(&key, shell(make, b""));
    let settings = format!(
        "mail.from = \"desk@mail.news.example\"\nmail.dkim.private_key_file = {key:?}\nmail.dkim.selector = \"s1\"\n\
         mail.dkim.domain = \"news.example\"\n"
    );
    let (_home, mut process) = dev(&server, &secured.folder.join("ca.pem"), &settings);
    process.until_it_says("listens on").await;
    let mut record = format!("v=DKIM1; k={kind}; p={}", text(shell(public, &fs::read(&key).expect("the key"))));
    for (number, body) in
        ["One  thought \u{2014} باران.", "Another.\n\n\n.\n\n  indented   text\t\n"].iter().enumerate()
    {
        let id = process.process.post(&comment(&format!("Reader{number}"), body)).await;
        process.process.until_state(&id, "pending").await;
        until("the mail is there", async || server.mail_files().len() == number + 1).await;
    }
    for mail in server.mail_files() {
        assert_eq!(verify(&mail, &record), "good", "{}", fs::read_to_string(&mail).expect("ASCII"));
        for (from, to) in [("Please moderate", "Please applaud"), ("From: ", "From: eve@evil.example\r\nFrom: ")] {
            let changed =
                fs::read_to_string(&mail).expect("ASCII").replacen(&format!("\n{from}"), &format!("\n{to}"), 1);
            let changed = changed.replacen(from, to, usize::from(!changed.contains(to)));
            let path = dir.path().join("changed.eml");
            fs::write(&path, changed).expect("written");
            assert_eq!(verify(&path, &record), "bad", "{from}");
        }
    }

    // Another key under the same name, while it runs.
    let (kind, make, public) = keys[1];
    replace(&key, shell(make, b""));
    record = format!("v=DKIM1; k={kind}; p={}", text(shell(public, &fs::read(&key).expect("the key"))));
    let known = server.mail_files();
    let mut round = 0;
    until("a mail is signed with the new key", async || {
        round += 1;
        process.process.post(&comment(&format!("Later{round}"), &format!("Thought {round}."))).await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        server.mail_files().iter().any(|mail| !known.contains(mail) && verify(mail, &record) == "good")
    })
    .await;
    assert!(!process.output().contains("PRIVATE KEY"));
}

fn verify(mail: &Path, record: &str) -> String {
    let output = python("verify_dkim.py", &[&mail.display().to_string(), "s1._domainkey.news.example", record]);
    text(output.stdout)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8").trim().to_owned()
}

fn shell(command: &str, input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    child.stdin.take().expect("a pipe").write_all(input).expect("written");
    let mut output = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut output).expect("read");
    assert!(child.wait().expect("it ends").success(), "{command}");
    output
}
