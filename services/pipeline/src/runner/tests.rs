//! The runner against a log in memory.
