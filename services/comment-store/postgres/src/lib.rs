//! The comment store on PostgreSQL.
