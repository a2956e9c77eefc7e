//! Which of the database's words may pass later, and which are about the record itself.

use rejoinder_comment_store::StoreError;
use sqlx::Error;

/// What follows from an error. Only what speaks of the record itself is refused, and may cost it its place: bad data (class
/// 22), a constraint (23), a row too large for an index (54). Everything else, a missing table or a wrong password
/// included, is put right outside, and until then nothing may be lost.
pub(crate) fn store_error(error: Error) -> StoreError {
    match &error {
        Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            // The message alone: the detail may quote the row.
            let message = format!("{} (SQLSTATE {code})", database.message());
            // 23505: another connection was first; the next try sees its row.
            let of_the_record = matches!(code.get(..2), Some("22" | "23" | "54")) && code != "23505";
            if of_the_record { StoreError::Refused(message) } else { StoreError::Unavailable(message) }
        }
        Error::Encode(_) | Error::Decode(_) | Error::ColumnDecode { .. } | Error::InvalidArgument(_) => {
            StoreError::Refused(error.to_string())
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// Whether trying again at once may help: another connection was first, or two waited for each other.
pub(crate) fn lost_a_race(error: &Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("23505" | "40001" | "40P01"))
}

/// What went wrong in a transaction: the database's own word, which may be a lost race, or what follows from its answer.
pub(crate) enum Failure {
    Database(Error),
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) => store_error(error),
            Failure::Store(error) => error,
        }
    }
}
