//! Limits as people write them. A limit that is not set is not checked, and [`unset`] lists it.
//!
//! An instrument or a strategy that the limits do not name may not trade at all. So `instruments: { XAUUSD.OANDA: {} }` permits
//! gold without any limit of its own, which [`unset`] says.

use std::collections::BTreeMap;

use gauntlet_domain::{InstrumentId, ModelId, Quantity};
use serde::{Deserialize, Serialize};

use crate::error::PretradeError;
use crate::money::Money;

/// All limits of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Of all orders together.
    pub account: AccountLimits,
    /// By instrument. One that is not here may not be traded.
    pub instruments: BTreeMap<InstrumentId, InstrumentLimits>,
    /// By strategy. One that is not here may not trade.
    pub strategies: BTreeMap<ModelId, StrategyLimits>,
}

/// Limits of all orders together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountLimits {
    /// New orders.
    pub submit_rate: Option<Rate>,
    /// Amendments.
    pub amend_rate: Option<Rate>,
    /// Cancels. While trading is halted the first cancel of each order is free.
    pub cancel_rate: Option<Rate>,
    /// Orders that are open at the same time.
    pub max_open_orders: Option<i64>,
    /// Sum over instruments of |position| times reference, in the account's currency.
    pub max_gross: Option<Money>,
    /// |Sum over instruments of position times reference|, in the account's currency.
    pub max_net: Option<Money>,
    /// Gross exposure over equity, in basis points: 20,000 is twice the equity.
    pub max_leverage_bps: Option<i64>,
}

/// Limits of one instrument. Quantities are in units of the scale of its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstrumentLimits {
    /// Age of the last valid quote, in nanoseconds.
    pub max_quote_age_nanos: Option<i64>,
    /// Quantity of an order.
    pub max_quantity: Option<Quantity>,
    /// Quantity of an order times the reference, not times its own price, in the account's currency.
    pub max_notional: Option<Money>,
    /// |price / reference − 1| of an order, in basis points.
    pub collar_bps: Option<i64>,
    /// The same against every reference of the last minutes.
    pub period_collar: Option<PeriodCollar>,
    /// |Position| of the account.
    pub max_position: Option<Quantity>,
}

/// Limits of one strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StrategyLimits {
    /// Automatic orders since a person last enabled the strategy. When they are used up it is disabled.
    pub max_repeats: Option<i64>,
    /// Its capital and how much of it may be at work.
    pub stage: Option<Stage>,
}

/// A bucket of tokens. Each message takes one; it begins full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tokens in a full bucket: messages that may be sent at once.
    pub burst: i64,
    /// Event time in which one token comes back, in nanoseconds: 100,000,000 is ten messages a second.
    pub interval_nanos: i64,
}

/// A collar against all references of some minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodCollar {
    /// |price / reference − 1| against the lowest and the highest reference, in basis points.
    pub bps: i64,
    /// Whole minutes of event time before the one that is running, 1 to 60.
    pub minutes: i64,
}

impl PeriodCollar {
    /// Minutes of references that a state keeps.
    pub const MAX_MINUTES: i64 = 60;
}

/// A step of the ramp to the whole capital.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Capital of the strategy, in the account's currency.
    pub capital: Money,
    /// Share of it that the strategy's gross exposure may reach, in basis points: 100 is 1 %.
    pub step_bps: i64,
}

impl Limits {
    /// Refuses limits that are negative, rates that never let a message pass, shares beyond the whole. That a number is
    /// neither NaN nor infinite follows from its type: all are integers or decimal text.
    pub fn validate(&self) -> Result<(), PretradeError> {
        self.account.validate()?;
        for (id, limits) in &self.instruments {
            limits.validate(&format!("instruments.{id}"))?;
        }
        self.strategies.iter().try_for_each(|(id, limits)| limits.validate(&format!("strategies.{id}")))
    }
}

impl AccountLimits {
    fn validate(&self) -> Result<(), PretradeError> {
        let rates = [
            ("submit_rate", self.submit_rate),
            ("amend_rate", self.amend_rate),
            ("cancel_rate", self.cancel_rate),
        ];
        for (name, rate) in rates {
            let Some(Rate { burst, interval_nanos }) = rate else { continue };
            at_least(1, Some(burst), || format!("account.{name}.burst"))?;
            at_least(1, Some(interval_nanos), || format!("account.{name}.interval_nanos"))?;
        }
        at_least(0, self.max_open_orders, || "account.max_open_orders".to_owned())?;
        no_debt(self.max_gross, || "account.max_gross".to_owned())?;
        no_debt(self.max_net, || "account.max_net".to_owned())?;
        at_least(0, self.max_leverage_bps, || "account.max_leverage_bps".to_owned())
    }

    /// Each limit, and whether it is set.
    fn rows(&self) -> [(&'static str, bool); 7] {
        [
            ("submit_rate", self.submit_rate.is_some()),
            ("amend_rate", self.amend_rate.is_some()),
            ("cancel_rate", self.cancel_rate.is_some()),
            ("max_open_orders", self.max_open_orders.is_some()),
            ("max_gross", self.max_gross.is_some()),
            ("max_net", self.max_net.is_some()),
            ("max_leverage_bps", self.max_leverage_bps.is_some()),
        ]
    }
}

impl InstrumentLimits {
    fn validate(&self, path: &str) -> Result<(), PretradeError> {
        at_least(0, self.max_quote_age_nanos, || format!("{path}.max_quote_age_nanos"))?;
        at_least(0, self.max_quantity.map(|quantity| quantity.0), || format!("{path}.max_quantity"))?;
        no_debt(self.max_notional, || format!("{path}.max_notional"))?;
        at_least(0, self.collar_bps, || format!("{path}.collar_bps"))?;
        if let Some(PeriodCollar { bps, minutes }) = self.period_collar {
            at_least(0, Some(bps), || format!("{path}.period_collar.bps"))?;
            let expected = "whole minutes from 1 to 60";
            within(1..=PeriodCollar::MAX_MINUTES, minutes, expected, || {
                format!("{path}.period_collar.minutes")
            })?;
        }
        at_least(0, self.max_position.map(|quantity| quantity.0), || format!("{path}.max_position"))
    }

    /// Each limit, and whether it is set.
    fn rows(&self) -> [(&'static str, bool); 6] {
        [
            ("max_quote_age_nanos", self.max_quote_age_nanos.is_some()),
            ("max_quantity", self.max_quantity.is_some()),
            ("max_notional", self.max_notional.is_some()),
            ("collar_bps", self.collar_bps.is_some()),
            ("period_collar", self.period_collar.is_some()),
            ("max_position", self.max_position.is_some()),
        ]
    }
}

impl StrategyLimits {
    fn validate(&self, path: &str) -> Result<(), PretradeError> {
        at_least(0, self.max_repeats, || format!("{path}.max_repeats"))?;
        let Some(Stage { capital, step_bps }) = self.stage else { return Ok(()) };
        no_debt(Some(capital), || format!("{path}.stage.capital"))?;
        let expected = "basis points of the capital from 1 to 10000";
        within(1..=10_000, step_bps, expected, || format!("{path}.stage.step_bps"))
    }

    /// Each limit, and whether it is set.
    fn rows(&self) -> [(&'static str, bool); 2] {
        [("max_repeats", self.max_repeats.is_some()), ("stage", self.stage.is_some())]
    }
}

/// The limits that are not set, and so not checked, by their place: `account.max_gross`,
/// `instruments.XAUUSD.OANDA.max_quantity`. Nobody is to believe in a check that is not there.
pub fn unset(limits: &Limits) -> Vec<String> {
    let mut places = Vec::new();
    let mut list = |path: String, rows: &[(&'static str, bool)]| {
        let missing = rows.iter().filter(|(_, is_set)| !is_set);
        places.extend(missing.map(|(name, _)| format!("{path}.{name}")));
    };
    list("account".to_owned(), &limits.account.rows());
    limits.instruments.iter().for_each(|(id, of)| list(format!("instruments.{id}"), &of.rows()));
    limits.strategies.iter().for_each(|(id, of)| list(format!("strategies.{id}"), &of.rows()));
    places
}

fn at_least(least: i64, value: Option<i64>, field: impl Fn() -> String) -> Result<(), PretradeError> {
    let expected = if least == 0 { "0 or more, or leave it out" } else { "1 or more, or leave the rate out" };
    value.map_or(Ok(()), |value| within(least..=i64::MAX, value, expected, field))
}

fn within(
    range: std::ops::RangeInclusive<i64>,
    value: i64,
    expected: &'static str,
    field: impl Fn() -> String,
) -> Result<(), PretradeError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(PretradeError::BadLimit { field: field(), value: value.to_string(), expected })
}

fn no_debt(amount: Option<Money>, field: impl Fn() -> String) -> Result<(), PretradeError> {
    match amount.filter(|amount| amount.0 < 0) {
        None => Ok(()),
        Some(amount) => Err(PretradeError::BadLimit {
            field: field(),
            value: amount.to_string(),
            expected: "0 or more, or leave it out",
        }),
    }
}
