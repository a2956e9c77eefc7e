//! Times as the databases keep them: to the microsecond.

use chrono::{DateTime, Timelike, Utc};
use rejoinder_proto::Timestamp;

/// The time of a message, cut to the microsecond; `None` when it is absent or outside of the calendar.
pub(crate) fn from_message(time: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    let time = time?;
    let nanos = u32::try_from(time.nanos).ok()?;
    DateTime::from_timestamp(time.seconds, nanos / 1000 * 1000)
}

/// A time as messages carry it.
pub(crate) fn to_message(time: DateTime<Utc>) -> Timestamp {
    // A leap second is written as 1,000,000,000 nanoseconds and more; a message may not hold that.
    Timestamp { seconds: time.timestamp(), nanos: time.nanosecond().min(999_999_999) as i32 }
}
