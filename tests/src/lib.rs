//! Tests across the services live in `it/`.
