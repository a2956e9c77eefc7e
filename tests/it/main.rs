//! Rejoinder from the outside: the real binary, over HTTP, the log, the database and the mailbox.

mod bad_input;
mod browser;
mod distributed;
mod embedded;
mod harness;
mod operator;
mod publisher;
