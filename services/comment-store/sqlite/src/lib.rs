//! The comment store on SQLite.
