//! Capital, and how much of it a trade takes.

use gauntlet_domain::OrderLimits;
use gauntlet_domain::limits::BadLimit;
use serde::{Deserialize, Serialize};

use crate::error::BacktestError;

/// The account that a backtest trades.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Equity at the start, in the account's currency.
    pub capital: f64,
    /// Size of a trade.
    #[serde(default)]
    pub sizing: Sizing,
    /// Whether a short signal sells short; otherwise it means flat.
    #[serde(default)]
    pub allow_short: bool,
    /// Share of a position's value that the equity must not fall to: there the position is liquidated. 0 is when
    /// nothing is left.
    #[serde(default)]
    pub maintenance_margin: f64,
    /// Limits that orders must pass before they are sent; `None` checks nothing.
    #[serde(default)]
    pub limits: Option<OrderLimits>,
}

/// Size of a trade, decided once at its entry.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sizing {
    /// This percentage of equity, commission included.
    Percent(f64),
    /// This many units, whatever they cost.
    FixedQuantity(f64),
    /// Units worth this much at the fill price.
    FixedNotional(f64),
    /// As many units as lose this percentage of equity at the stop, but no more than all equity buys. A signal
    /// without a stop opens nothing.
    RiskPercentAtStop(f64),
}

impl Default for Sizing {
    fn default() -> Sizing {
        Sizing::Percent(100.0)
    }
}

impl Account {
    /// Refuses capital and sizes that are not positive and finite, percentages above 100, margins that no equity
    /// covers, and limits that let nothing pass.
    pub fn validate(&self) -> Result<(), BacktestError> {
        let (field, size, limit, expected) = match self.sizing {
            Sizing::Percent(size) => ("account.sizing.percent", size, 100.0, "more than 0, at most 100"),
            Sizing::RiskPercentAtStop(size) => {
                ("account.sizing.risk_percent_at_stop", size, 100.0, "more than 0, at most 100")
            }
            Sizing::FixedQuantity(size) => {
                ("account.sizing.fixed_quantity", size, f64::MAX, "a positive number")
            }
            Sizing::FixedNotional(size) => {
                ("account.sizing.fixed_notional", size, f64::MAX, "a positive number")
            }
        };
        if !(self.capital > 0.0 && self.capital.is_finite()) {
            let (field, expected) = ("account.capital", "a positive number");
            return Err(BacktestError::BadSetting { field, value: self.capital, expected });
        }
        if !(size > 0.0 && size <= limit) {
            return Err(BacktestError::BadSetting { field, value: size, expected });
        }
        if !(0.0..1.0).contains(&self.maintenance_margin) {
            let (field, expected) = ("account.maintenance_margin", "a share from 0 to below 1");
            return Err(BacktestError::BadSetting { field, value: self.maintenance_margin, expected });
        }
        let refuse =
            |BadLimit { field, value, expected }| BacktestError::BadSetting { field, value, expected };
        self.limits.map_or(Ok(()), |limits| limits.validate().map_err(refuse))
    }

    /// Units to trade at `price`, or `None` when nothing can be opened: no equity, no price, no stop to size by.
    /// `commission` is per unit of notional.
    #[inline]
    pub fn quantity(
        &self,
        equity: f64,
        price: f64,
        commission: f64,
        stop_distance: Option<f64>,
    ) -> Option<f64> {
        let unit = price * (1.0 + commission);
        let quantity = match self.sizing {
            Sizing::Percent(percent) => equity * (percent / 100.0) / unit,
            Sizing::FixedQuantity(quantity) => quantity,
            Sizing::FixedNotional(notional) => notional / price,
            Sizing::RiskPercentAtStop(percent) => {
                (equity * (percent / 100.0) / stop_distance?).min(equity / unit)
            }
        };
        // The last comparison refuses infinity; `is_finite` would look at the bits, which takes longer.
        (price > 0.0 && equity > 0.0 && quantity > 0.0 && quantity <= f64::MAX).then_some(quantity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(sizing: Sizing) -> Account {
        Account { capital: 1000.0, sizing, allow_short: false, maintenance_margin: 0.0, limits: None }
    }

    #[test]
    fn each_rule_by_hand() {
        assert_eq!(account(Sizing::Percent(50.0)).quantity(1000.0, 10.0, 0.25, None), Some(40.0));
        assert_eq!(account(Sizing::FixedQuantity(3.0)).quantity(1000.0, 10.0, 0.0, None), Some(3.0));
        assert_eq!(account(Sizing::FixedNotional(500.0)).quantity(1000.0, 10.0, 0.0, None), Some(50.0));
        let risk = account(Sizing::RiskPercentAtStop(1.0));
        assert_eq!(risk.quantity(1000.0, 10.0, 0.0, Some(2.0)), Some(5.0));
        assert_eq!(risk.quantity(1000.0, 10.0, 0.0, Some(0.01)), Some(100.0), "no leverage");
        assert_eq!(risk.quantity(1000.0, 10.0, 0.0, None), None);
    }

    #[test]
    fn nothing_opens_without_equity_or_price() {
        for (equity, price) in [(0.0, 10.0), (-5.0, 10.0), (100.0, 0.0), (100.0, -1.0), (f64::NAN, 1.0)] {
            assert_eq!(account(Sizing::Percent(95.0)).quantity(equity, price, 0.0, None), None);
        }
    }

    #[test]
    fn the_written_form_is_that_of_an_experiment() {
        let read: Account = serde_json::from_str(r#"{"capital": 1000, "sizing": {"percent": 95}}"#).unwrap();
        assert_eq!(read, account(Sizing::Percent(95.0)));
        let error = account(Sizing::Percent(195.0)).validate().unwrap_err();
        assert_eq!(error.to_string(), "account.sizing.percent is 195: give more than 0, at most 100");
        let nothing = OrderLimits { max_position: Some(0.0), ..OrderLimits::default() };
        let limited = Account { limits: Some(nothing), ..account(Sizing::Percent(95.0)) };
        let error = limited.validate().unwrap_err().to_string();
        assert_eq!(error, "account.limits.max_position is 0: give a number above 0, or leave it out");
    }
}
