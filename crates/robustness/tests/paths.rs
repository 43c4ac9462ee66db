//! Paths: those of the returns are the function of quant; those of bars are run again here, one by one.

use gauntlet_backtest::{BarRow, Bars, Reason};
use gauntlet_domain::OrderLimits;
use gauntlet_quant::inference::{Philox, Purpose, quantile, stationary_indices};
use gauntlet_quant::metrics;
use gauntlet_quant::risk::{RegimeLimits, Regimes, path_block_length, resampled};

use crate::case::{Case, cross, figure, walked};

#[test]
fn paths_of_returns_are_those_of_the_walk() {
    let case = cross();
    let (analysis, returns) = (case.analyse(), case.walked().returns);
    let expected = resampled(&returns, path_block_length(&returns).unwrap(), 7, 30).unwrap();
    assert_eq!(figure(&analysis, "path_drawdown"), expected.max_drawdown.unwrap().high);
    assert_eq!(figure(&analysis, "path_sharpe_low"), expected.sharpe.unwrap().low);
    assert_eq!(figure(&analysis, "path_wealth_median"), expected.final_wealth.unwrap().median);
    assert_eq!(figure(&analysis, "loss_probability"), expected.loss.unwrap().share);
}

/// Prices of a path, each bar as a multiple of the close before it.
fn path(bars: &Bars, indices: &[u32]) -> Bars {
    let mut path: Bars = std::iter::once(bars.row(0)).collect();
    for (index, time) in indices.iter().zip(1..) {
        let (drawn, before) = (bars.row(*index as usize + 1), bars.close[*index as usize]);
        let scale = path.close[time - 1] / before;
        path.push(BarRow {
            open_time: bars.open_time[time],
            close_time: bars.close_time[time],
            open: drawn.open * scale,
            high: drawn.high * scale,
            low: drawn.low * scale,
            close: drawn.close * scale,
            open_spread: drawn.open_spread * scale,
            close_spread: drawn.close_spread * scale,
            volume: drawn.volume,
        });
    }
    path
}

#[test]
fn paths_of_bars_are_walks_over_resampled_bars() {
    walks_over_resampled_bars(&cross());
}

/// An account with limits has its orders checked on each path.
#[test]
fn paths_of_bars_keep_to_the_limits_of_the_account() {
    let mut case = cross();
    // 95 % of the equity are 95,000 at first: what has gained can trade no more.
    case.plan.account.limits = Some(OrderLimits { max_gross: Some(96_000.0), ..OrderLimits::default() });
    let denied = case.walked().denied;
    assert!(denied.keys().eq([&Reason::MaxGross]), "{denied:?}");
    walks_over_resampled_bars(&case);
}

fn walks_over_resampled_bars(case: &Case) {
    let analysis = case.analyse();
    let returns: Vec<f64> = case.bars.close.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    let block_length = path_block_length(&returns).unwrap();
    assert!(block_length > 1.5, "{block_length}");
    let (mut wealth, mut drawdowns, mut sharpes) = (Vec::new(), Vec::new(), Vec::new());
    for replicate in 0..30 {
        let mut stream = Philox::new(7, Purpose::MarketPath, replicate);
        let indices = stationary_indices(returns.len() as u32, block_length, &mut stream);
        let segments = walked(&case.plan, &case.finalist, &path(&case.bars, &indices));
        wealth.push(1.0 + metrics::total_return(&segments.returns).unwrap());
        drawdowns.push(metrics::max_drawdown(&segments.returns).unwrap());
        sharpes.push(metrics::sharpe(&segments.returns, 0.0, 1.0).unwrap());
    }
    let near = |name: &str, expected: f64| {
        let value = figure(&analysis, name);
        assert!((value - expected).abs() < 1e-9 * expected.abs(), "{name}: {value} is not {expected}");
    };
    for (part, share) in [("low", 0.05), ("median", 0.5), ("high", 0.95)] {
        near(&format!("market_path_sharpe_{part}"), quantile(&sharpes, share).unwrap());
        near(&format!("market_path_wealth_{part}"), quantile(&wealth, share).unwrap());
    }
    near("market_path_drawdown", quantile(&drawdowns, 0.95).unwrap());
    let losses = wealth.iter().filter(|wealth| **wealth < 1.0).count();
    assert_eq!(figure(&analysis, "market_loss_probability"), losses as f64 / 30.0);
}

#[test]
fn regimes_are_told_apart_by_limits_that_were_known_before() {
    let case = cross();
    let (analysis, segments) = (case.analyse(), case.walked());
    let first = case.plan.folds[0].test_from as usize;
    let before: Vec<f64> = case.bars.close[..first].windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    let limits = RegimeLimits::of(&before).unwrap();
    let regimes = Regimes::of(&segments.returns, &segments.benchmark, limits).unwrap();
    let shares = regimes.by_volatility.map(|regime| regime.profit_share.unwrap());
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(figure(&analysis, "regime_profit_share"), shares.into_iter().fold(0.0, f64::max));
}
