//! What every log promises, tried on each of them: the SQLite file always, Apache Kafka when the environment variable
//! `REJOINDER_TEST_KAFKA` says where one is (`127.0.0.1:19092` after `make up`).

mod broker;
mod fixture;
mod groups;
mod kafka_only;
mod looking;
mod records;
mod runner_ahead;
mod runner_load;
mod runner_trouble;
mod transactions;
mod worker;
