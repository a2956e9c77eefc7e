use super::{Durability, SqliteLog, lock};
use crate::{LogError, Record, Transactor};

/// Appends several records in one SQL transaction. The file belongs to this process, so transactors meet in memory.
pub struct SqliteTransactor {
    log: SqliteLog,
    name: String,
    number: u64,
}

impl SqliteTransactor {
    /// From now on those of the name that began before can do nothing.
    pub fn begin(log: SqliteLog, name: &str) -> Self {
        let number = {
            let mut newest = lock(&log.0.transactors);
            let number = newest.entry(name.to_owned()).or_insert(0);
            *number += 1;
            *number
        };
        Self { log, name: name.to_owned(), number }
    }
}

impl Transactor for SqliteTransactor {
    fn append(&mut self, records: Vec<Record>) -> Result<(), LogError> {
        // Held over the append: nobody can begin between the check and the commit.
        let newest = lock(&self.log.0.transactors);
        if newest.get(&self.name) != Some(&self.number) {
            return Err(LogError::Fatal(format!("another has begun as {}", self.name)));
        }
        let appended = self.log.0.append(&records, None, Durability::Disk);
        appended.map(|_| ()).map_err(|error| LogError::Unavailable(error.to_string()))
    }
}
