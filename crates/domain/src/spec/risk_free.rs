//! What money earns without risk, as people write it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::DateText;

/// An annual risk-free rate: one for all bars, or one from each date on until the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RiskFree {
    /// 0.02 is two percent a year.
    Rate(f64),
    /// By the date since which it holds.
    Rates(BTreeMap<DateText, f64>),
}

/// Not an annual rate.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{rate} is not an annual rate between -1 and 1: 0.02 is two percent")]
pub struct NotAnAnnualRate {
    /// The number as given.
    pub rate: f64,
}

/// Checks an annual rate. One of 100 % is a percentage that was taken for a fraction.
pub fn check_annual_rate(rate: f64) -> Result<(), NotAnAnnualRate> {
    if rate.is_finite() && rate.abs() < 1.0 { Ok(()) } else { Err(NotAnAnnualRate { rate }) }
}

const EXPECTED: &str = "an annual rate such as 0.02, or rates by the date since which they hold";

impl<'de> Deserialize<'de> for RiskFree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = RiskFree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_f64<E: Error>(self, rate: f64) -> Result<RiskFree, E> {
                Ok(RiskFree::Rate(rate))
            }
            fn visit_i64<E: Error>(self, rate: i64) -> Result<RiskFree, E> {
                Ok(RiskFree::Rate(rate as f64))
            }
            fn visit_u64<E: Error>(self, rate: u64) -> Result<RiskFree, E> {
                Ok(RiskFree::Rate(rate as f64))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RiskFree, A::Error> {
                let mut rates = BTreeMap::new();
                while let Some((date, rate)) = map.next_entry::<DateText, Option<f64>>()? {
                    let missing = || {
                        A::Error::custom(format!(
                            "has no rate at {}: write one, or leave the date out",
                            date.0
                        ))
                    };
                    if rates.insert(date, rate.ok_or_else(missing)?).is_some() {
                        return Err(A::Error::custom(format!("has two rates at {}: leave one out", date.0)));
                    }
                }
                Ok(RiskFree::Rates(rates))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RiskFree, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rate_or_rates_by_date_read_back_to_themselves() {
        assert_eq!(read("0"), Ok(RiskFree::Rate(0.0)));
        let rates = read(r#"{ "2011-07-01": 0.045, "2009-12-01": 0.02 }"#).unwrap();
        let text = serde_json::to_string(&rates).unwrap();
        assert_eq!(text, r#"{"2009-12-01T00:00:00Z":0.02,"2011-07-01T00:00:00Z":0.045}"#);
        assert_eq!(read(&text), Ok(rates));
    }

    #[test]
    fn a_percentage_is_no_rate() {
        for rate in [-0.99, -0.005, 0.0, 0.02, 0.99] {
            assert_eq!(check_annual_rate(rate), Ok(()));
        }
        for rate in [-1.0, 1.0, 5.0, f64::NAN, f64::INFINITY] {
            let error = check_annual_rate(rate).unwrap_err().to_string();
            assert!(
                error.ends_with("is not an annual rate between -1 and 1: 0.02 is two percent"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_hole_a_second_rate_and_another_kind_are_refused() {
        for (text, said) in [
            (r#"{ "2009-12-01": null }"#, "has no rate at 2009-12-01T00:00:00Z"),
            (
                r#"{ "2009-12-01": 0.02, "2009-12-01T00:00:00Z": 0.03 }"#,
                "has two rates at 2009-12-01T00:00:00Z",
            ),
            (r#"{ "yesterday": 0.02 }"#, "yesterday"),
            (r#""3%""#, EXPECTED),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
