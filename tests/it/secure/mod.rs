//! Deployments on services that let nobody in without TLS and a login: `up` in this folder starts them.

mod canaries;
mod kafka;
mod mail;
mod postgres;
mod reload;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::harness::{CONFIG, Home, PATIENCE, logged::Logged, services::skipped};

pub const WORKERS: [&str; 4] = ["validator", "spam-filter", "comment-store", "notifier"];

/// The services' addresses, and the folder with certificates and keys.
pub struct Secured {
    pub folder: PathBuf,
    pub kafka: String,
    pub mtls: String,
    pub postgres: String,
    /// Stands before the names of this test's topics, and is its database's.
    pub name: String,
}

impl Secured {
    /// Finds them, and makes a database; `None` where they are not there, which is said loudly and is a failure under CI.
    pub async fn find(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let variable = |name: &str| env::var(format!("REJOINDER_TEST_SECURE{name}")).ok();
        let (Some(folder), Some(kafka), Some(mtls), Some(postgres)) =
            (variable(""), variable("_KAFKA"), variable("_MTLS"), variable("_POSTGRES"))
        else {
            skipped(test, "REJOINDER_TEST_SECURE is not set; `make test` starts the services");
            return None;
        };
        let name = format!("s{}x{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let secured = Self { folder: folder.into(), kafka, mtls, postgres, name };
        secured.sql("postgres", &format!("create database {}", secured.name)).await;
        Some(secured)
    }

    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The database's address over TLS, for a role with or without a password.
    pub fn database(&self, login: &str) -> String {
        format!(
            "postgres://{login}@{}/{}?sslmode=verify-full&sslrootcert={}",
            self.postgres,
            self.name,
            self.file("ca.pem")
        )
    }

    /// Runs a statement as a super user.
    pub async fn sql(&self, database: &str, statement: &str) {
        let url =
            self.database("rejoinder:rejoinder-secret").replace(&format!("/{}?", self.name), &format!("/{database}?"));
        let mut connection = PgConnection::connect(&url).await.expect("PostgreSQL answers over TLS");
        connection.execute(AssertSqlSafe(statement.to_owned())).await.expect(statement);
    }

    /// Logs in to Kafka with a password.
    pub fn scram(&self, user: &str) -> String {
        self.scram_with(user, &format!("{user}-secret"), "ca.pem")
    }

    pub fn scram_with(&self, user: &str, password: &str, authority: &str) -> String {
        let [protocol, mechanism] = ["\"security.protocol\" = \"SASL_SSL\"", "\"sasl.mechanisms\" = \"SCRAM-SHA-512\""];
        format!(
            "[kafka.properties]\n{protocol}\n{mechanism}\n\"sasl.username\" = \"{user}\"\n\"sasl.password\" = \"{password}\"\n\
             \"ssl.ca.location\" = {:?}\n",
            self.file(authority)
        )
    }

    /// Shows Kafka a certificate.
    pub fn certificate(&self, authority: &Path, certificate: &Path) -> String {
        format!(
            "[kafka.properties]\n\"security.protocol\" = \"SSL\"\n\"ssl.ca.location\" = {authority:?}\n\
             \"ssl.certificate.location\" = {:?}\n\"ssl.key.location\" = {:?}\n",
            certificate.with_extension("pem"),
            certificate.with_extension("key")
        )
    }

    /// The configuration of one process; `kafka` and `postgres` say how it logs in, `first` stands before all sections.
    pub fn home(&self, brokers: &str, kafka: &str, postgres: &str, first: &str) -> Home {
        let key = "moderation.keys = [\"0123456789abcdef0123456789abcdef\"]";
        // CONFIG begins with keys that belong to no section.
        Home::new(&format!(
            "deployment = \"distributed\"\n{key}\n{first}{CONFIG}\n[kafka]\nbrokers = \"{brokers}\"\nprefix = \"{}.\"\n\
             partitions = 3\nreplication_factor = 1\n{kafka}\n[postgres]\n{postgres}\n",
            self.name
        ))
    }

    /// The same with the password of a user of that name, and the database's super user.
    pub fn user(&self, name: &str, first: &str) -> Home {
        let postgres = format!("url = \"{}\"", self.database("rejoinder:rejoinder-secret"));
        self.home(&self.kafka, &self.scram(name), &postgres, first)
    }

    /// Makes topics, grants and tables, as an administrator does.
    pub fn prepare(&self, principals: &[&str]) {
        let admin = self.user("admin", "");
        let principals = principals.iter().flat_map(|principal| ["--principal", principal]);
        let arguments: Vec<&str> = ["topics", "create", "--acls"].into_iter().chain(principals).collect();
        admin.succeed(&arguments);
        admin.succeed(&["migrate"]);
    }

    /// A certificate for a name, by one of the authorities.
    pub fn issue(&self, authority: &str, name: &str, out: &Path) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/secure/issue");
        let status = Command::new(script).arg(&self.folder).args([authority, name]).arg(out).status();
        assert!(status.expect("openssl is there").success());
    }
}

/// Runs one of this folder's Python programs.
pub fn python(program: &str, arguments: &[&str]) -> Output {
    python_command(program).args(arguments).output().expect("python runs")
}

pub fn python_command(program: &str) -> Command {
    let python = env::var("REJOINDER_TEST_PYTHON").expect("tests/run sets REJOINDER_TEST_PYTHON");
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/secure").join(program));
    command
}

/// Replaces a file at once, as mounted secrets are.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) {
    let beside = path.with_extension("new");
    fs::write(&beside, content).expect("the folder can be written");
    fs::rename(&beside, path).expect("replaced");
}

pub async fn until_ready(processes: &[Logged]) {
    let end = Instant::now() + PATIENCE;
    for process in processes {
        while !process.is_ready().await {
            assert!(Instant::now() < end, "it does not become ready:\n{}", process.output());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What every process must still be at the end of a rotation.
pub fn all_run(processes: &mut [Logged]) {
    for process in processes {
        assert!(process.process.is_running(), "it ended:\n{}", process.output());
    }
}
