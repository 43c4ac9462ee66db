//! Periods in a year: as stated, or counted from dates that cover a year.

use gauntlet_domain::Timestamp;

use crate::refusal::Refusal;

const NANOS_PER_DAY: f64 = 86_400.0 * 1e9;
const DAYS_PER_YEAR: f64 = 365.25;
/// The shortest time in which periods of a year can be counted: seasons, weekends and holidays once each.
const DAYS_COUNTED: f64 = 365.0;
/// Trading days of a year, the number where nothing says another.
const DEFAULT: f64 = 252.0;
/// A count this near the default, as a share, is the default: years have between 250 and 254 trading days.
const NEAR: f64 = 0.05;

/// Periods in a year, and how that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Year {
    /// None where less than a year of dates does not say, and nobody stated it.
    pub periods: Option<f64>,
    /// Where they come from, or why they are not known.
    pub origin: String,
}

impl Year {
    /// Why what is annual is undefined; none where it is not.
    pub fn why_undefined(&self) -> Option<String> {
        self.periods.is_none().then(|| format!("periods in a year are {}", self.origin))
    }
}

/// Refuses a number of periods that no year has.
pub fn check_stated(stated: Option<f64>) -> Result<(), Refusal> {
    match stated {
        Some(periods) if !(periods.is_finite() && periods > 0.0) => {
            Err(Refusal::BadInput(format!("--periods-per-year {periods} is not positive: give such as 252")))
        }
        _ => Ok(()),
    }
}

/// What was stated, else what the dates say, else the default.
pub fn year(stated: Option<f64>, times: Option<&[Timestamp]>) -> Year {
    if let Some(periods) = stated {
        return Year { periods: Some(periods), origin: "stated by --periods-per-year".into() };
    }
    let Some(times) = times else {
        return Year {
            periods: Some(DEFAULT),
            origin: "the default of 252 trading days: the series has no dates".into(),
        };
    };
    let intervals = times.len().saturating_sub(1) as f64;
    let elapsed = match (times.first(), times.last()) {
        (Some(first), Some(last)) => (last.0 as f64 - first.0 as f64) / NANOS_PER_DAY,
        _ => 0.0,
    };
    if elapsed <= 0.0 {
        return unknown("the dates cover no time");
    }
    let counted = intervals / elapsed * DAYS_PER_YEAR;
    if (counted / DEFAULT - 1.0).abs() <= NEAR {
        let origin = format!("252 trading days: the dates say {counted:.1}, which is within 5 percent of it");
        return Year { periods: Some(DEFAULT), origin };
    }
    // The first row stands for a period too, which ends at its date.
    if elapsed * (intervals + 1.0) / intervals < DAYS_COUNTED {
        return unknown(&format!("the dates cover {elapsed:.0} days, less than a year"));
    }
    let origin = format!("counted: {intervals} rows after the first in {elapsed:.0} days");
    Year { periods: Some(counted), origin }
}

fn unknown(why: &str) -> Year {
    Year { periods: None, origin: format!("not known: {why}: state --periods-per-year") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(days: f64, rows: usize) -> Vec<Timestamp> {
        (0..rows).map(|row| Timestamp((row as f64 * days * NANOS_PER_DAY) as i64)).collect()
    }

    fn counted(days: f64, rows: usize) -> Option<f64> {
        year(None, Some(&every(days, rows))).periods
    }

    #[test]
    fn what_is_stated_wins() {
        assert_eq!(year(Some(12.0), Some(&every(1.0, 900))).periods, Some(12.0));
        assert_eq!(year(None, None).periods, Some(DEFAULT));
    }

    #[test]
    fn a_year_of_dates_is_counted() {
        assert_eq!(counted(1.0, 365), Some(365.25));
        assert_eq!(counted(1.0 / 24.0, 24 * 366).map(f64::round), Some(8766.0));
        assert_eq!(counted(365.25 / 12.0, 13).map(f64::round), Some(12.0));
        assert_eq!(counted(365.25, 2), Some(1.0));
    }

    #[test]
    fn trading_days_keep_their_round_number() {
        assert_eq!(counted(365.25 / 253.0, 800), Some(DEFAULT));
        assert_eq!(counted(365.25 / 252.0, 60), Some(DEFAULT));
        assert_eq!(counted(365.25 / 260.0, 800), Some(DEFAULT));
        assert_ne!(counted(365.25 / 270.0, 800), Some(DEFAULT));
    }

    #[test]
    fn less_than_a_year_of_dates_does_not_say() {
        for (days, rows) in [(1.0, 90), (1.0 / 24.0, 2000), (30.0, 11), (1.0, 1), (1.0, 0)] {
            let year = year(None, Some(&every(days, rows)));
            assert_eq!(year.periods, None, "{days} {rows}");
            assert!(year.origin.contains("state --periods-per-year"), "{}", year.origin);
        }
    }
}
