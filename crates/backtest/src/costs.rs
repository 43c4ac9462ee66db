//! What trading costs, and at which price an order fills.

use serde::{Deserialize, Serialize};

use crate::error::BacktestError;

/// Costs of an experiment. The caller turns a latency in time into whole bars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Commission on the notional of every fill, in basis points.
    #[serde(default)]
    pub commission_bps: f64,
    /// Bid-ask spread around the bar's prices, which are mids.
    #[serde(default)]
    pub spread: Spread,
    /// How much worse than the quote an order fills, in basis points of the price.
    #[serde(default)]
    pub slippage_bps: f64,
    /// Bars that an order comes later than the next opening.
    #[serde(default)]
    pub latency_bars: u32,
}

/// Where the bid-ask spread comes from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// The spread that each bar quotes.
    #[default]
    Quoted,
    /// So many times the spread that each bar quotes.
    QuotedTimes(f64),
    /// A constant share of the price, in basis points.
    FixedBps(f64),
    /// None.
    None,
}

/// At which prices orders fill at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quote {
    /// Price of a buy.
    pub(crate) buy: f64,
    /// Price of a sale.
    pub(crate) sell: f64,
    /// Commission per unit of notional.
    pub(crate) commission: f64,
}

impl Costs {
    /// No costs at all.
    pub const FREE: Costs =
        Costs { commission_bps: 0.0, spread: Spread::None, slippage_bps: 0.0, latency_bars: 0 };

    /// Refuses negative, infinite and undefined costs, and those that would take more than the whole price.
    pub fn validate(&self) -> Result<(), BacktestError> {
        let fixed = if let Spread::FixedBps(bps) = self.spread { bps } else { 0.0 };
        if let Spread::QuotedTimes(value) = self.spread
            && !(0.0..f64::INFINITY).contains(&value)
        {
            let (field, expected) = ("costs.spread.quoted_times", "a number from 0");
            return Err(BacktestError::BadSetting { field, value, expected });
        }
        let fields = [
            ("costs.commission_bps", self.commission_bps),
            ("costs.slippage_bps", self.slippage_bps),
            ("costs.spread.fixed_bps", fixed),
        ];
        match fields.into_iter().find(|(_, bps)| !(0.0..10_000.0).contains(bps)) {
            Some((field, value)) => Err(BacktestError::BadSetting {
                field,
                value,
                expected: "basis points from 0 to below 10000",
            }),
            None => Ok(()),
        }
    }

    /// At which prices orders fill when the mid is `mid` and the quoted spread `quoted`.
    #[inline]
    pub(crate) fn quote(&self, mid: f64, quoted: f64) -> Quote {
        Quote {
            buy: self.buy_price(mid, quoted),
            sell: self.sell_price(mid, quoted),
            commission: self.commission(),
        }
    }

    /// Price at which a buy fills when the mid is `mid` and the quoted spread `quoted`.
    pub fn buy_price(&self, mid: f64, quoted: f64) -> f64 {
        (mid + self.half_spread(mid, quoted)) * (1.0 + self.slippage_bps / 1e4)
    }

    /// Price at which a sale fills; never below zero.
    pub fn sell_price(&self, mid: f64, quoted: f64) -> f64 {
        ((mid - self.half_spread(mid, quoted)) * (1.0 - self.slippage_bps / 1e4)).max(0.0)
    }

    /// Commission per unit of notional.
    pub fn commission(&self) -> f64 {
        self.commission_bps / 1e4
    }

    fn half_spread(&self, mid: f64, quoted: f64) -> f64 {
        match self.spread {
            Spread::Quoted => quoted * 0.5,
            Spread::QuotedTimes(multiple) => quoted * 0.5 * multiple,
            Spread::FixedBps(bps) => mid * (bps / 2e4),
            Spread::None => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buyer_pays_half_the_spread_and_then_slippage() {
        let costs = Costs { slippage_bps: 10.0, spread: Spread::Quoted, ..Costs::FREE };
        assert_eq!(costs.buy_price(100.0, 0.5), 100.25 * 1.001);
        assert_eq!(costs.sell_price(100.0, 0.5), 99.75 * 0.999);
        let fixed = Costs { spread: Spread::FixedBps(20.0), ..costs };
        assert_eq!(fixed.buy_price(100.0, 0.5), 100.1 * 1.001);
        assert_eq!(Costs::FREE.sell_price(100.0, 0.5), 100.0);
        let twice = Costs { spread: Spread::QuotedTimes(2.0), ..costs };
        assert_eq!(twice.buy_price(100.0, 0.5), 100.5 * 1.001);
    }

    #[test]
    fn the_written_form_is_that_of_an_experiment() {
        let costs: Costs =
            serde_json::from_str(r#"{"commission_bps": 0.5, "spread": "quoted", "slippage_bps": 0.2}"#)
                .unwrap();
        assert_eq!(
            costs,
            Costs { commission_bps: 0.5, spread: Spread::Quoted, slippage_bps: 0.2, latency_bars: 0 }
        );
        let fixed: Costs = serde_json::from_str(r#"{"spread": {"fixed_bps": 2}}"#).unwrap();
        assert_eq!(fixed.spread, Spread::FixedBps(2.0));
        assert!(serde_json::from_str::<Costs>(r#"{"comission_bps": 1}"#).is_err());
    }

    #[test]
    fn negative_costs_are_refused_by_name() {
        let error = Costs { slippage_bps: -1.0, ..Costs::FREE }.validate().unwrap_err();
        assert!(error.to_string().starts_with("costs.slippage_bps is -1"), "{error}");
        assert!(Costs { commission_bps: f64::NAN, ..Costs::FREE }.validate().is_err());
        let error = Costs { spread: Spread::QuotedTimes(-1.0), ..Costs::FREE }.validate().unwrap_err();
        assert_eq!(error.to_string(), "costs.spread.quoted_times is -1: give a number from 0");
    }
}
