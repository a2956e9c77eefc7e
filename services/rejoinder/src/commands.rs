//! One module per subcommand that is not a worker.

pub mod dead_letters;
pub mod migrate;
pub mod submit;
pub mod topics;
