//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rejoinder_pipeline::Range;
use rejoinder_proto::Topic;
use uuid::Uuid;

use self::{
    spam::SpamCommand,
    values::{Moment, Place},
};

pub mod spam;
pub mod values;

/// Turns a flood of reader comments into a clean, live conversation.
#[derive(Debug, Parser)]
#[command(name = "rejoinder", version, about, long_about = None, propagate_version = true)]
pub struct Cli {
    /// Configuration file (TOML). Without one, every value has its documented default: see `rejoinder config default`.
    #[arg(long, short, global = true, env = "REJOINDER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything in one process on SQLite, with a sample article at / and a mailbox at /mailbox
    Dev,
    /// Everything in one process on SQLite, for a small site: no sample article, no mailbox page
    Run,
    /// The validator worker: comments.submitted to comments.validated or comments.rejected
    Validator,
    /// The spam filter worker: comments.validated to comments.screened
    SpamFilter,
    /// The store worker: screened and moderated comments to the database, and to comments.published
    CommentStore,
    /// The notifier worker: held comments to moderators' mail
    Notifier,
    /// The HTTP gateway: submit, read, moderate
    Gateway,
    /// Bring the database's tables up to date
    Migrate,
    /// Ask a worker's or the gateway's /readyz; exits with 1 when it is not ready
    Ready {
        /// Where it serves its probes
        #[arg(default_value = "127.0.0.1:9090", value_name = "HOST:PORT")]
        address: String,
    },
    /// The topics of the log
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// Publish a JSON Lines file of comments, wait, and say how they ended
    Submit(SubmitArgs),
    /// Records that a worker could not use
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Prove that nothing was lost and nothing was done twice; exits with 1 and names what it cannot account for
    Audit(AuditArgs),
    /// Rebuild the comment store from the log, into an empty database; publishes nothing and moves no offset
    Replay(ReplayArgs),
    /// Print a checksum over all rows and decisions of the comment store
    Checksum(ChecksumArgs),
    /// The spam filter's model: train it, ask it, measure it
    #[command(subcommand)]
    Spam(SpamCommand),
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// `rejoinder topics`
#[derive(Debug, Subcommand)]
pub enum TopicsCommand {
    /// Create the topics that are missing
    Create(CreateArgs),
    /// Compare the topics with the configuration; exits with 1 when they differ
    Check,
}

/// `rejoinder topics create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Grant every worker, the gateway, a publishing site and the operator's tools the least that they need, and print it;
    /// for a super user, or one who may alter the cluster
    #[arg(long)]
    pub acls: bool,

    /// The user of one of them: validator, spam-filter, comment-store, notifier, gateway, site or operator; User:NAME by
    /// default
    #[arg(long, value_name = "NAME=PRINCIPAL", requires = "acls", value_parser = values::pair)]
    pub principal: Vec<(String, String)>,
}

/// `rejoinder submit`
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// A file of JSON objects, one a line: the API's fields (thread, parent, name, email, url, body), or {id, text,
    /// author, date} as spam corpora have them. The same file twice is the same events.
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,

    /// The site of rows that name none; the only one configured is the default
    #[arg(long)]
    pub site: Option<String>,

    /// The thread of rows that name none; the file's name is the default
    #[arg(long)]
    pub thread: Option<String>,

    /// Give up when nothing has changed for this many seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub patience: u64,
}

/// `rejoinder audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Only what was submitted at this time or later: 2026-01-31T12:00:00Z, or a day in UTC
    #[arg(long, value_name = "TIME", conflicts_with = "partition")]
    pub from: Option<Moment>,

    /// Only what was submitted before this time
    #[arg(long, value_name = "TIME", conflicts_with = "partition")]
    pub to: Option<Moment>,

    /// Only this partition of comments.submitted
    #[arg(long)]
    pub partition: Option<i32>,

    /// Only from this offset on
    #[arg(long, value_name = "OFFSET", requires = "partition")]
    pub first: Option<i64>,

    /// Only up to this offset, without it
    #[arg(long, value_name = "OFFSET", requires = "partition")]
    pub end: Option<i64>,

    /// Print JSON Lines: one object per finding, and the totals last
    #[arg(long)]
    pub json: bool,
}

/// `rejoinder replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Only records that were appended at this time or later: 2026-01-31T12:00:00Z, or a day in UTC
    #[arg(long, value_name = "TIME")]
    pub from: Option<Moment>,

    /// Only records that were appended before this time
    #[arg(long, value_name = "TIME")]
    pub to: Option<Moment>,

    /// Another database than the configured one: postgres://... or the path of a SQLite file
    #[arg(long, value_name = "DATABASE")]
    pub database: Option<String>,
}

/// `rejoinder checksum`
#[derive(Debug, Args)]
pub struct ChecksumArgs {
    /// Another database than the configured one: postgres://... or the path of a SQLite file
    #[arg(long, value_name = "DATABASE")]
    pub database: Option<String>,
}

/// `rejoinder dead-letters`
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Print one line per open dead letter: where it stands, where it came from, and why it died
    List {
        /// Which.
        #[command(flatten)]
        filter: DeadLetterFilter,
        /// Only that died of this: tombstone, empty, undecodable, unknown_schema, impossible, panic
        #[arg(long)]
        reason: Option<String>,
        /// Those too that were replayed or discarded
        #[arg(long)]
        all: bool,
    },
    /// Print all of one dead letter, the comment's text included
    Show {
        /// Its first column in the list
        #[arg(value_name = "PARTITION:OFFSET")]
        letter: Place,
    },
    /// Append dead letters to their topics again, each once and with its attempt counted, for the stage that failed
    Replay {
        /// One letter, by its first column in the list; without it, all that the filter lets through
        #[arg(value_name = "PARTITION:OFFSET")]
        letter: Option<Place>,
        /// Which.
        #[command(flatten)]
        filter: DeadLetterFilter,
        /// Only that died of this: tombstone, empty, undecodable, unknown_schema, impossible, panic
        #[arg(long)]
        reason: Option<String>,
    },
    /// Settle dead letters that are to stay dead
    Discard {
        /// One letter, by its first column in the list; without it, all that the filter lets through
        #[arg(value_name = "PARTITION:OFFSET")]
        letter: Option<Place>,
        /// Which.
        #[command(flatten)]
        filter: DeadLetterFilter,
        /// Only that died of this: tombstone, empty, undecodable, unknown_schema, impossible, panic
        #[arg(long, value_name = "REASON")]
        died_of: Option<String>,
        /// Why they are to stay dead; kept with the mark
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Which dead letters. Without a filter, all of them.
#[derive(Debug, Default, PartialEq, Args)]
pub struct DeadLetterFilter {
    /// Only with this reason; its flag is not called alike everywhere.
    #[arg(skip)]
    pub cause: Option<String>,

    /// Only of this comment
    #[arg(long)]
    pub id: Option<Uuid>,

    /// Only by this stage: validator, spam-filter, comment-store, notifier
    #[arg(long)]
    pub stage: Option<String>,

    /// Only from this topic
    #[arg(long)]
    pub topic: Option<Topic>,

    /// Only that died at this time or later: 2026-01-31T12:00:00Z, or a day in UTC
    #[arg(long, value_name = "TIME")]
    pub from: Option<Moment>,

    /// Only that died before this time
    #[arg(long, value_name = "TIME")]
    pub to: Option<Moment>,
}

impl AuditArgs {
    /// The part of comments.submitted.
    pub fn range(&self) -> Range {
        Range { partition: self.partition, first: self.first, end: self.end, ..times(self.from, self.to) }
    }
}

/// A range of times.
pub fn times(from: Option<Moment>, to: Option<Moment>) -> Range {
    Range { from: from.map(Into::into), to: to.map(Into::into), ..Range::default() }
}

/// `rejoinder config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the configuration file with every default and its reason
    Default,
    /// Say everything that is wrong with a configuration and with the files that it names; exits with 1
    Check(CheckArgs),
    /// Print the JSON Schema of the configuration file, for editors
    Schema,
    /// Print what is in force, each value with its source, secrets hidden
    Show,
    /// Print docs/configuration.md
    #[command(hide = true)]
    Reference,
}

/// `rejoinder config check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// In place of --config
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Do not open the files that it names, which may be on another machine
    #[arg(long)]
    pub no_files: bool,
}
