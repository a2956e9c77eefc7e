//! The notifier's outbox on SQLite.
