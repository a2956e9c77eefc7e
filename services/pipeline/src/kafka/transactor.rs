use std::time::{Duration, Instant};

use super::{
    settings::KafkaSettings,
    transactions::{Failure, Transactions},
};
use crate::{LogError, Record, Transactor};

/// How long to wait until what the one before left is decided: well above the time that a transaction may live.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the transactional ids of tools begin with; a hyphen and the tool's name follow.
pub const TOOLS: &str = "rejoinder-tool";

/// Transactions from outside of any group. The transactional id is the name, so Kafka itself fences the one before.
pub struct KafkaTransactor(Transactions);

impl KafkaTransactor {
    pub fn begin(settings: &KafkaSettings, name: &str) -> Result<Self, LogError> {
        let mut transactions = Transactions::new(settings, TOOLS, name)?;
        let until = Instant::now() + PATIENCE;
        loop {
            match transactions.prepare() {
                Ok(()) => return Ok(Self(transactions)),
                Err(LogError::Unavailable(_)) if Instant::now() < until => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Transactor for KafkaTransactor {
    fn append(&mut self, records: Vec<Record>) -> Result<(), LogError> {
        self.0.append(records).map_err(|failure| match failure {
            Failure::Aborted(error) => error,
            Failure::Unknown(reason) => {
                LogError::Unavailable(format!("it is not known whether the transaction committed: {reason}"))
            }
            Failure::Fatal(reason) => LogError::Fatal(reason),
        })
    }
}
