//! One module per subcommand that is not a worker.

pub mod audit;
pub mod checksum;
pub mod config;
pub mod dead_letters;
pub mod migrate;
pub mod ready;
pub mod replay;
pub mod spam;
pub mod submit;
pub mod topics;
