//! Which of the database's words may pass later, and which are about the record itself.

use rejoinder_comment_store::StoreError;
use sqlx::Error;

/// SQLite's primary result codes that speak of the record itself: too big (18), a constraint (19), a wrong type (20).
const OF_THE_RECORD: [i64; 3] = [18, 19, 20];

/// What follows from an error. Everything that is not about the record (a lock, a full disk, a missing table) is put right
/// outside, and until then nothing may be lost.
pub(crate) fn store_error(error: Error) -> StoreError {
    match &error {
        Error::Database(database) => {
            let code: i64 = database.code().and_then(|code| code.parse().ok()).unwrap_or_default();
            let message = format!("{} (SQLite code {code})", database.message());
            // The extended code keeps the primary one in its low byte.
            if OF_THE_RECORD.contains(&(code & 0xff)) {
                StoreError::Refused(message)
            } else {
                StoreError::Unavailable(message)
            }
        }
        Error::Encode(_) | Error::Decode(_) | Error::ColumnDecode { .. } | Error::InvalidArgument(_) => {
            StoreError::Refused(error.to_string())
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// A number that does not fit where our own writes put only what fits.
pub(crate) fn out_of_range(column: &str) -> StoreError {
    StoreError::Refused(format!("the column {column} holds a number out of range"))
}
