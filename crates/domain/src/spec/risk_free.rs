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
