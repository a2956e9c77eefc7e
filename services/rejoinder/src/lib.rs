//! The one binary: a worker per subcommand, dev for all of them, and the operator's tools.
