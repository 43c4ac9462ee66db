//! Bars and settings for the tests.

#![allow(dead_code, reason = "each test file uses its part")]

use gauntlet_backtest::{
    Account, BarRow, Bars, Costs, ParamValue, Params, Sizing, Spread, StrategyKind, StrategySpec,
};
use proptest::prelude::*;

pub const MINUTE: i64 = 60_000_000_000;

/// A thousand in capital, all of it in every trade.
pub const ALL_IN: Account = Account { capital: 1000.0, sizing: Sizing::Percent(100.0), allow_short: true };

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

/// Any strategy with short windows, with and without a stop.
pub fn strategies() -> impl Strategy<Value = StrategySpec> {
    let kinds = prop::sample::select(StrategyKind::ALL.to_vec());
    let stop = prop_oneof![Just(0.0), 0.1..4.0_f64];
    (kinds, 1..9_i64, 1..20_i64, stop, 1..8_i64, any::<bool>()).prop_map(|(kind, a, b, stop, atr, flag)| {
        let own: Vec<(&str, ParamValue)> = match kind {
            StrategyKind::MaCross => {
                vec![
                    ("fast", a.into()),
                    ("slow", b.into()),
                    ("kind", if flag { "ema" } else { "sma" }.into()),
                ]
            }
            StrategyKind::DonchianBreakout => vec![("entry", b.into()), ("exit", a.into())],
            StrategyKind::RsiReversion => {
                vec![("period", a.into()), ("oversold", 40.0.into()), ("exit", 55.0.into())]
            }
            StrategyKind::BollingerReversion => {
                vec![("period", b.into()), ("width", (a as f64 / 4.0).into())]
            }
        };
        let mut all = params(&own);
        all.extend(params(&[("stop_atr", stop.into()), ("atr_period", atr.into())]));
        kind.build(&all).expect("the values lie within their bounds")
    })
}

pub fn costs() -> impl Strategy<Value = Costs> {
    let spread =
        prop_oneof![Just(Spread::None), Just(Spread::Quoted), (0.0..50.0_f64).prop_map(Spread::FixedBps)];
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
    (sizing, any::<bool>()).prop_map(|(sizing, allow_short)| Account { capital: 1000.0, sizing, allow_short })
}
