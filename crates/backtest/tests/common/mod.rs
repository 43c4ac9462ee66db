//! Bars and settings for the tests.

#![allow(dead_code, reason = "each test file uses its part")]

use gauntlet_backtest::{
    Account, BarRow, Bars, Costs, ParamKind, ParamSpec, ParamValue, Params, Sizing, Spread, StrategySpec,
    strategy,
};
use proptest::prelude::*;

pub const MINUTE: i64 = 60_000_000_000;

/// A thousand in capital, all of it in every trade.
pub const ALL_IN: Account = Account {
    capital: 1000.0,
    sizing: Sizing::Percent(100.0),
    allow_short: true,
    maintenance_margin: 0.0,
    limits: None,
};

pub fn bar(index: usize, open: f64, high: f64, low: f64, close: f64) -> BarRow {
    let open_time = index as i64 * MINUTE;
    BarRow {
        open_time,
        close_time: open_time + MINUTE,
        open,
        high,
        low,
        close,
        open_spread: 0.0,
        close_spread: 0.0,
        volume: 1.0,
    }
}

/// Bars from (open, high, low, close).
pub fn bars(prices: &[(f64, f64, f64, f64)]) -> Bars {
    let row = |(index, price): (usize, &(f64, f64, f64, f64))| bar(index, price.0, price.1, price.2, price.3);
    prices.iter().enumerate().map(row).collect()
}

/// Random walks with flat stretches, gaps between bars, and sometimes a price of zero.
pub fn walks(longest: usize) -> impl Strategy<Value = Bars> {
    let move_ = prop_oneof![2 => Just(0.0), 6 => -3.0..3.0_f64, 1 => -60.0..60.0_f64];
    let row = (move_, -0.5..0.5_f64, 0.0..1.0_f64, 0.0..1.0_f64, 0.0..0.2_f64, 0.0..9.0_f64);
    prop::collection::vec(row, 0..longest).prop_map(|rows| {
        let mut last = 40.0_f64;
        let mut make = |(index, (step, gap, up, down, spread, volume))| {
            let open = if step == 0.0 { last } else { f64::max(last + gap, 0.0) };
            let close = f64::max(open + step, 0.0);
            last = close;
            let (high, low) = if step == 0.0 {
                (open, open)
            } else {
                (open.max(close) + up, f64::max(open.min(close) - down, 0.0))
            };
            BarRow {
                open_spread: spread,
                close_spread: spread / 2.0,
                volume,
                ..bar(index, open, high, low, close)
            }
        };
        rows.into_iter().enumerate().map(&mut make).collect()
    })
}

pub fn params(values: &[(&str, ParamValue)]) -> Params {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// Any strategy of the table with short windows and numbers around their defaults, with and without a stop.
pub fn strategies() -> impl Strategy<Value = StrategySpec> {
    let rows = prop::sample::select(strategy::DEFINITIONS.to_vec());
    let numbers = prop::collection::vec(0.0..1.0_f64, 12);
    let stop = prop_oneof![Just(0.0), 0.1..4.0_f64];
    (rows, numbers, stop, 1..8_i64).prop_map(|(row, numbers, stop, atr)| {
        let specs = row.parameters();
        assert!(specs.len() <= numbers.len(), "{} takes more", row.name);
        let value = |(spec, number): (&&ParamSpec, &f64)| (spec.name.to_owned(), drawn(spec.kind, *number));
        let mut all: Params = specs.iter().zip(&numbers).map(value).collect();
        all.extend(params(&[("stop_atr", stop.into()), ("atr_period", atr.into())]));
        row.build(&all).expect("the values lie within their bounds")
    })
}

/// A value of a parameter, from a number between 0 and 1.
fn drawn(kind: ParamKind, number: f64) -> ParamValue {
    match kind {
        ParamKind::Int { min, max, .. } => (min + (number * (max - min).min(19) as f64) as i64).into(),
        ParamKind::Float { default, min, max } => (default * (0.25 + 1.5 * number)).clamp(min, max).into(),
        ParamKind::Choice(words) => words[(number * words.len() as f64) as usize].into(),
    }
}

pub fn costs() -> impl Strategy<Value = Costs> {
    let spread = prop_oneof![
        Just(Spread::None),
        Just(Spread::Quoted),
        (0.0..3.0_f64).prop_map(Spread::QuotedTimes),
        (0.0..50.0_f64).prop_map(Spread::FixedBps)
    ];
    (0.0..50.0_f64, spread, 0.0..50.0_f64, 0..4_u32).prop_map(
        |(commission_bps, spread, slippage_bps, latency_bars)| Costs {
            commission_bps,
            spread,
            slippage_bps,
            latency_bars,
        },
    )
}

pub fn accounts() -> impl Strategy<Value = Account> {
    let sizing = prop_oneof![
        (1.0..100.0_f64).prop_map(Sizing::Percent),
        (0.1..50.0_f64).prop_map(Sizing::FixedQuantity),
        (1.0..2000.0_f64).prop_map(Sizing::FixedNotional),
        (0.1..5.0_f64).prop_map(Sizing::RiskPercentAtStop),
    ];
    (sizing, any::<bool>()).prop_map(|(sizing, allow_short)| Account {
        capital: 1000.0,
        sizing,
        allow_short,
        maintenance_margin: 0.0,
        limits: None,
    })
}
