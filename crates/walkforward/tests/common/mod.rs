//! Bars and plans for the tests and the example, and for those of the workers that run folds.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use gauntlet_backtest::{BarRow, Bars};
use gauntlet_domain::experiment::*;
use gauntlet_domain::market::Bar;
use gauntlet_domain::{ContentHash, Price, Quantity, SnapshotId, Timestamp};

pub const HOUR: i64 = 3_600_000_000_000;

/// Hourly bars of a price that swings with a period of 40 bars, with noise: something to learn.
pub fn swing(count: usize) -> Bars {
    let mut state = 7_u64;
    let mut noise = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1 << 24) as f64 - 0.5
    };
    let price = |index: usize| 100.0 + 10.0 * (index as f64 * std::f64::consts::TAU / 40.0).sin();
    (0..count)
        .map(|index| {
            let (open, close) = (price(index.saturating_sub(1)) + noise(), price(index) + noise());
            BarRow {
                open_time: index as i64 * HOUR,
                close_time: (index as i64 + 1) * HOUR,
                open,
                high: open.max(close) + 0.1,
                low: open.min(close) - 0.1,
                close,
                open_spread: 0.02,
                close_spread: 0.03,
                volume: 1.0 + noise(),
            }
        })
        .collect()
}

/// The same bars, wildly different in `range`.
pub fn altered(bars: &Bars, range: std::ops::Range<usize>) -> Bars {
    let alter = |(index, row): (usize, BarRow)| {
        if !range.contains(&index) {
            return row;
        }
        let factor = 1.5 + (index % 7) as f64 / 3.0;
        let (open, close) = (row.close * factor, row.open * factor);
        BarRow { open, close, high: open.max(close) + 3.0, low: open.min(close) - 3.0, volume: 99.0, ..row }
    };
    bars.rows().enumerate().map(alter).collect()
}

/// Bars as they lie in a snapshot.
pub fn market(bars: &Bars) -> Vec<Bar> {
    let price = |value: f64| Price((value * 1e9).round() as i64);
    let bar = |row: BarRow| Bar {
        scale: gauntlet_domain::Scale::USUAL,
        instrument: "XAUUSD.OANDA".into(),
        spec: "time:1h".parse().unwrap(),
        open_time: Timestamp(row.open_time),
        close_time: Timestamp(row.close_time),
        time: Timestamp(row.close_time),
        open: price(row.open),
        high: price(row.high),
        low: price(row.low),
        close: price(row.close),
        open_spread: Some(price(row.open_spread)),
        close_spread: Some(price(row.close_spread)),
        volume: Quantity((row.volume * 1e8).round() as i64),
        ticks: 10,
    };
    bars.rows().map(bar).collect()
}

/// Equal folds over `bars`, anchored, with a purge before each test.
pub fn folds(bars: usize, count: usize, purge: usize) -> Vec<FoldRange> {
    let segment = bars / (count + 1);
    let fold = |index: usize| FoldRange {
        train_from: 0,
        train_to: ((index + 1) * segment - purge) as i64,
        test_from: ((index + 1) * segment) as i64,
        test_to: ((index + 2) * segment) as i64,
    };
    (0..count).map(fold).collect()
}

/// A plan of a rule over so many bars.
pub fn plan(strategy: &str, bars: usize, folds: Vec<FoldRange>) -> TrialPlan {
    TrialPlan {
        data: DataRef {
            snapshot_id: SnapshotId::derive(&[b"tuning"]),
            content_hash: ContentHash::of(b"tuning"),
            instrument: "XAUUSD.OANDA".into(),
            spec: "time:1h".parse().unwrap(),
            from: Timestamp(0),
            to: Timestamp(bars as i64 * HOUR),
            rows: bars as i64,
        },
        strategy: strategy.into(),
        features: Vec::new(),
        estimator: None,
        costs: CostTerms {
            commission_bps: 0.5,
            quoted_spread: true,
            spread_bps: 0.0,
            slippage_bps: 0.2,
            latency_bars: 0,
        },
        account: AccountTerms {
            currency: "USD".into(),
            capital: 100_000.0,
            percent: 95.0,
            allow_short: true,
            benchmark: "buy-and-hold".into(),
            maintenance_margin: 0.0,
            risk_free: vec![],
            limits: None,
        },
        folds,
        embargo_bars: 0,
        objective: "sharpe".into(),
        maximize: true,
        periods_per_year: 6000.0,
        seed: 7,
        metric_set: 1,
    }
}

/// A plan of a learned model.
pub fn learned(estimator: &str, features: &[&str], bars: usize, folds: Vec<FoldRange>) -> TrialPlan {
    TrialPlan {
        features: features.iter().map(|name| (*name).to_owned()).collect(),
        estimator: Some(estimator.into()),
        ..plan("ml", bars, folds)
    }
}

pub fn parameters(values: &[(&str, ParameterValue)]) -> Parameters {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

pub fn int(value: i64) -> ParameterValue {
    ParameterValue::Int(value)
}

pub fn float(value: f64) -> ParameterValue {
    ParameterValue::Float(value)
}
