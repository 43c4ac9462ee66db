//! Event time: nanoseconds since 1970-01-01T00:00:00Z as one integer.
//!
//! Never reads a clock; whoever shows wall time to a person reads it elsewhere and passes it in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Nanoseconds in one second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A point in event time, in nanoseconds since the Unix epoch, UTC (Avro `timestamp-nanos`).
/// Covers the years 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a time: write a date (2014-05-01) or RFC 3339 (2014-05-01T12:30:00Z)")]
pub struct ParseTimestampError {
    /// The text as given.
    pub text: String,
}

impl Timestamp {
    /// The earliest time that can be written.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest time that can be written.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// The time `nanos` later; saturates at the ends of the range.
    pub fn plus_nanos(self, nanos: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(nanos))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SECOND)
    }

    /// Midnight UTC of the given civil date, or `None` when there is no such day in range.
    pub fn from_date(year: i16, month: i8, day: i8) -> Option<Timestamp> {
        let date = jiff::civil::Date::new(year, month, day).ok()?;
        let days = date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days();
        i64::from(days).checked_mul(86_400 * NANOS_PER_SECOND).map(Timestamp)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with the needed digits: no fraction when it is zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339, or a bare date or date and time, which are UTC.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseTimestampError { text: text.to_owned() };
        let nanos = if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            instant.as_nanosecond()
        } else {
            let civil = text.parse::<jiff::civil::DateTime>().map_err(|_| bad())?;
            jiff::tz::TimeZone::UTC.to_timestamp(civil).map_err(|_| bad())?.as_nanosecond()
        };
        i64::try_from(nanos).map(Timestamp).map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_date_is_midnight_utc() {
        assert_eq!("2014-05-01".parse::<Timestamp>().unwrap(), Timestamp::from_date(2014, 5, 1).unwrap());
    }

    #[test]
    fn text_and_back_keeps_every_digit() {
        for text in ["2014-05-04T22:00:13.0668Z", "1970-01-01T00:00:00Z", "2006-03-20T00:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_offset_is_honoured() {
        let east: Timestamp = "2024-10-21T10:00:00+01:00".parse().unwrap();
        assert_eq!(east.to_string(), "2024-10-21T09:00:00Z");
    }

    #[test]
    fn what_is_not_a_time_is_named() {
        let error = "yesterday".parse::<Timestamp>().unwrap_err();
        assert!(error.to_string().contains("'yesterday' is not a time"), "{error}");
    }
}
