//! The notifier's outbox on PostgreSQL.
