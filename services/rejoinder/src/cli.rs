//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rejoinder_proto::Topic;
use uuid::Uuid;

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
    /// The topics of the log
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// Publish a JSON Lines file of comments, wait, and say how they ended
    Submit(SubmitArgs),
    /// Records that a worker could not use
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// `rejoinder topics`
#[derive(Debug, Subcommand)]
pub enum TopicsCommand {
    /// Create the topics that are missing
    Create,
    /// Compare the topics with the configuration; exits with 1 when they differ
    Check,
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

/// `rejoinder dead-letters`
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Print one line per dead letter: where it came from and why it died
    List(DeadLetterFilter),
    /// Append dead letters to their topics again, each with its attempt counted
    Replay(DeadLetterFilter),
}

/// Which dead letters. Without a filter, all of them.
#[derive(Debug, Args)]
pub struct DeadLetterFilter {
    /// Only of this comment
    #[arg(long)]
    pub id: Option<Uuid>,

    /// Only by this stage: validator, spam-filter, comment-store, notifier
    #[arg(long)]
    pub stage: Option<String>,

    /// Only with this reason: tombstone, empty, undecodable, unknown_schema, impossible, panic
    #[arg(long)]
    pub reason: Option<String>,

    /// Only from this topic
    #[arg(long)]
    pub topic: Option<Topic>,
}

/// `rejoinder config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the configuration file with every default and its reason
    Default,
    /// Read the configuration, and say what is wrong with it
    Check,
}
