use chrono::{DateTime, Utc};
use pbjson_types::Timestamp;

/// The present moment, to the microsecond (what PostgreSQL keeps).
pub fn now() -> Timestamp {
    let now = Utc::now();
    Timestamp { seconds: now.timestamp(), nanos: (now.timestamp_subsec_micros() * 1000) as i32 }
}

/// Milliseconds since 1970 of a timestamp; 0 when it is absent, saturating where it is absurd.
pub fn millis(time: Option<&Timestamp>) -> i64 {
    time.map_or(0, |t| t.seconds.saturating_mul(1000).saturating_add(i64::from(t.nanos) / 1_000_000))
}

/// The timestamp of milliseconds since 1970.
pub fn from_millis(millis: i64) -> Timestamp {
    let time = DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH);
    Timestamp { seconds: time.timestamp(), nanos: time.timestamp_subsec_nanos() as i32 }
}
