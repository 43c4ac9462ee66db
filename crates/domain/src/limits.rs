//! Limits on the orders of a backtest: the section `account.limits` of a document, and the same in a plan.
//!
//! They are those of the pre-trade checks that mean something for one strategy that trades one instrument at the openings of
//! bars. `gauntlet_backtest::guard` says how each is checked. Never checks an order itself.

use serde::{Deserialize, Serialize};

/// Limits on orders. One that is not set is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrderLimits {
    /// Units of an order.
    pub max_quantity: Option<f64>,
    /// Units of an order times the last close, in the account's currency.
    pub max_notional: Option<f64>,
    /// Units held, long or short.
    pub max_position: Option<f64>,
    /// Units held, long or short, times the last close, in the account's currency.
    pub max_gross: Option<f64>,
    /// The same over the equity: 2 is twice the equity.
    pub max_leverage: Option<f64>,
    /// |fill price / last close − 1|, in basis points.
    pub collar_bps: Option<i64>,
    /// Age of the last close when the order is sent, in milliseconds.
    pub max_quote_age_ms: Option<i64>,
    /// How many orders may follow each other.
    pub submit_rate: Option<SubmitRate>,
    /// Orders of one run. When they are used up the strategy is disabled.
    pub max_repeats: Option<i64>,
}

/// A bucket of tokens, full at the beginning. Each order takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitRate {
    /// Tokens in a full bucket: orders that may be sent at once.
    pub burst: i64,
    /// Event time in which one token comes back, in milliseconds.
    pub interval_ms: i64,
}

/// A limit that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{field} is {value}: give {expected}")]
pub struct BadLimit {
    /// The field as in an experiment.
    pub field: &'static str,
    /// The value as given.
    pub value: f64,
    /// What is allowed.
    pub expected: &'static str,
}

impl OrderLimits {
    /// Whether no limit is set.
    pub fn is_empty(&self) -> bool {
        *self == OrderLimits::default()
    }

    /// Refuses limits that are not above zero, or not finite: with them nothing could ever be traded.
    pub fn validate(&self) -> Result<(), BadLimit> {
        let number = "a number above 0, or leave it out";
        for (field, value) in [
            ("account.limits.max_quantity", self.max_quantity),
            ("account.limits.max_notional", self.max_notional),
            ("account.limits.max_position", self.max_position),
            ("account.limits.max_gross", self.max_gross),
            ("account.limits.max_leverage", self.max_leverage),
        ] {
            if let Some(value) = value.filter(|value| !(*value > 0.0 && value.is_finite())) {
                return Err(BadLimit { field, value, expected: number });
            }
        }
        let rate = self.submit_rate;
        for (field, value) in [
            ("account.limits.collar_bps", self.collar_bps),
            ("account.limits.max_quote_age_ms", self.max_quote_age_ms),
            ("account.limits.submit_rate.burst", rate.map(|rate| rate.burst)),
            ("account.limits.submit_rate.interval_ms", rate.map(|rate| rate.interval_ms)),
            ("account.limits.max_repeats", self.max_repeats),
        ] {
            // Above, milliseconds would be beyond the nanoseconds of event time.
            if let Some(value) = value.filter(|value| !(1..=i64::MAX / 1_000_000).contains(value)) {
                let expected = "a whole number from 1 to 9223372036854, or leave it out";
                return Err(BadLimit { field, value: value as f64, expected });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> OrderLimits {
        serde_json::from_str(text).unwrap()
    }

    fn refusal(text: &str) -> String {
        read(text).validate().unwrap_err().to_string()
    }

    #[test]
    fn each_limit_that_makes_no_sense_is_refused_by_name() {
        for name in ["max_quantity", "max_notional", "max_position", "max_gross", "max_leverage"] {
            for value in ["0", "-1", "-0.5"] {
                let said = refusal(&format!("{{\"{name}\": {value}}}"));
                assert_eq!(
                    said,
                    format!("account.limits.{name} is {value}: give a number above 0, or leave it out")
                );
            }
        }
        let infinite = OrderLimits { max_gross: Some(f64::INFINITY), ..OrderLimits::default() };
        assert!(infinite.validate().is_err());
        for name in ["collar_bps", "max_quote_age_ms", "max_repeats"] {
            for value in ["0", "-3", "9223372036855"] {
                let said = refusal(&format!("{{\"{name}\": {value}}}"));
                assert!(
                    said.starts_with(&format!("account.limits.{name} is {value}: give a whole")),
                    "{said}"
                );
            }
        }
        assert!(
            refusal(r#"{"submit_rate": {"burst": 0, "interval_ms": 5}}"#)
                .starts_with("account.limits.submit_rate.burst is 0")
        );
        assert!(
            refusal(r#"{"submit_rate": {"burst": 1, "interval_ms": 0}}"#)
                .starts_with("account.limits.submit_rate.interval_ms is 0")
        );
    }

    #[test]
    fn what_is_written_reads_back_and_nothing_else_is_read() {
        let limits = read(
            r#"{"max_quantity": 10.5, "max_leverage": 2, "collar_bps": 50, "max_repeats": 3,
                "submit_rate": {"burst": 1, "interval_ms": 60000}}"#,
        );
        assert_eq!(limits.validate(), Ok(()));
        assert_eq!(read(&serde_json::to_string(&limits).unwrap()), limits);
        assert!(!limits.is_empty() && read("{}").is_empty());
        for other in ["max_net", "max_open_orders", "amend_rate", "cancel_rate", "period_collar", "stage"] {
            let error = serde_json::from_str::<OrderLimits>(&format!("{{\"{other}\": 1}}")).unwrap_err();
            assert!(error.to_string().contains(other), "{error}");
        }
    }
}
