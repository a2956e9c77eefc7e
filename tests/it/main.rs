//! Rejoinder from the outside: the real binary, over HTTP, the log, the database and the mailbox.

mod akismet;
mod akismet_waves;
mod bad_input;
mod browser;
mod campaigns;
mod config;
mod distributed;
mod embedded;
mod external_check;
mod harness;
mod metrics;
mod operator;
mod order;
mod publisher;
mod rebalance;
mod reload;
mod secure;
mod shown;
mod spam;
mod telemetry;
mod twins;
