//! Which bars: the aggregation rule and its size, written `time:1m`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::NANOS_PER_SECOND;

/// How ticks become bars. Time bars from one second to one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarSpec {
    /// A bar per interval of event time.
    Time {
        /// Length of the interval in seconds, 1 to 86,400.
        seconds: u32,
    },
}

/// Why a text is not a bar spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a bar spec: write time:N with a unit s, m, h or d, from time:1s to time:1d")]
pub struct ParseBarSpecError {
    /// The text as given.
    pub text: String,
}

impl BarSpec {
    /// Length of a time bar in nanoseconds.
    pub fn nanos(self) -> i64 {
        match self {
            BarSpec::Time { seconds } => i64::from(seconds) * NANOS_PER_SECOND,
        }
    }
}

impl fmt::Display for BarSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BarSpec::Time { seconds: 86_400 } => f.write_str("time:1d"),
            BarSpec::Time { seconds } if seconds % 3600 == 0 => write!(f, "time:{}h", seconds / 3600),
            BarSpec::Time { seconds } if seconds % 60 == 0 => write!(f, "time:{}m", seconds / 60),
            BarSpec::Time { seconds } => write!(f, "time:{seconds}s"),
        }
    }
}

impl FromStr for BarSpec {
    type Err = ParseBarSpecError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseBarSpecError { text: text.to_owned() };
        let size = text.strip_prefix("time:").ok_or_else(bad)?;
        let unit = size.chars().last().ok_or_else(bad)?;
        let count: u32 = size[..size.len() - unit.len_utf8()].parse().map_err(|_| bad())?;
        let unit_seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(bad()),
        };
        match count.checked_mul(unit_seconds) {
            Some(seconds @ 1..=86_400) => Ok(BarSpec::Time { seconds }),
            _ => Err(bad()),
        }
    }
}

impl Serialize for BarSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BarSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_read_back_in_their_shortest_form() {
        for (text, canonical) in [
            ("time:60s", "time:1m"),
            ("time:24h", "time:1d"),
            ("time:90s", "time:90s"),
            ("time:4h", "time:4h"),
        ] {
            assert_eq!(text.parse::<BarSpec>().unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn sizes_out_of_range_are_refused_with_the_fix() {
        for text in ["time:0s", "time:2d", "tick:1000", "time:m", "time:", "1m", "time:1é"] {
            let error = text.parse::<BarSpec>().unwrap_err();
            assert!(error.to_string().contains("from time:1s to time:1d"), "{error}");
        }
    }
}
