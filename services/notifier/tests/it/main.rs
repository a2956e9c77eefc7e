//! The notifier from outside: events in, mails out, with everything between them failing.

mod client;
mod failing;
mod mailbox;
mod outages;
mod samples;
mod sending;
mod smtp;
mod support;
