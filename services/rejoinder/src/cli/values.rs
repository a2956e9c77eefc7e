//! Values of arguments, and what to write instead of a wrong one.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use rejoinder_proto::Timestamp;

/// A point in time: RFC 3339, or a day, which begins at midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(DateTime<Utc>);

/// Where a record stands in its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// A name and what it stands for.
pub fn pair(text: &str) -> Result<(String, String), ValueError> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(ValueError::Pair),
    }
}

/// What to write instead.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// Not a time.
    #[error("is no time; write 2026-01-31T12:00:00Z, or a day as 2026-01-31")]
    Moment,
    /// Not a pair.
    #[error("is no pair; write the name and the principal, as validator=User:validator")]
    Pair,
    /// Not a place.
    #[error("is no place; write the partition and the offset, as 0:17")]
    Place,
}

impl FromStr for Moment {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Ok(day) = text.parse::<NaiveDate>() {
            return Ok(Self(day.and_time(NaiveTime::MIN).and_utc()));
        }
        DateTime::parse_from_rfc3339(text).map(|time| Self(time.to_utc())).map_err(|_| ValueError::Moment)
    }
}

impl From<Moment> for Timestamp {
    fn from(Moment(time): Moment) -> Self {
        Timestamp { seconds: time.timestamp(), nanos: time.timestamp_subsec_nanos().min(999_999_999) as i32 }
    }
}

impl FromStr for Place {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (partition, offset) = text.split_once(':').ok_or(ValueError::Place)?;
        match (partition.parse(), offset.parse()) {
            (Ok(partition @ 0..), Ok(offset @ 0..)) => Ok(Self { partition, offset }),
            _ => Err(ValueError::Place),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use rejoinder_proto::millis;

    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        let at = |text: &str| text.parse::<Moment>().map(|moment| millis(Some(&moment.into())));
        assert_eq!(at("1970-01-02").expect("a day"), 86_400_000);
        assert_eq!(at("1970-01-01T01:00:00.250+01:00").expect("a time"), 250);
        for wrong in ["", "yesterday", "1970-13-01", "1970-01-01T00:00:00"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn places_come_back_as_they_are_shown() {
        let place = Place { partition: 3, offset: 9_000_000_000 };
        assert_eq!(place.to_string().parse::<Place>().expect("a place"), place);
        for wrong in ["", "3", "3:", ":3", "-1:0", "0:-1", "a:b", "1:2:3"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
