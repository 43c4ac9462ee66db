//! Metrics over the returns of one or more segments, concatenated in their order.

use gauntlet_backtest::{Bars, Outcome};
use gauntlet_domain::experiment::Metrics;
use gauntlet_quant::metrics::{self, Inputs, OnlineMoments};

/// Metrics that every trial reports; a finalist reports all there are.
pub const KEY_METRICS: [&str; 11] = [
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "trade_count",
    "time_in_market",
];

/// What happened in the segments so far.
#[derive(Debug, Clone, Default)]
pub struct Segments {
    /// Returns bar by bar.
    pub returns: Vec<f64>,
    /// Returns of holding the same bars.
    pub benchmark: Vec<f64>,
    /// Profit or loss of every trade.
    pub pnls: Vec<f64>,
    /// Units held at each close.
    pub positions: Vec<f64>,
    /// The returns in one pass, carried from fold to fold: what tuning asks for after each.
    moments: OnlineMoments,
}

impl Segments {
    /// Adds a segment that ran over `range` of `bars`.
    pub fn push(&mut self, bars: &Bars, range: std::ops::Range<usize>, outcome: &Outcome) {
        self.returns.extend_from_slice(&outcome.returns);
        outcome.returns.iter().for_each(|period_return| self.moments.push(*period_return));
        self.positions.extend_from_slice(&outcome.positions);
        self.pnls.extend(outcome.trades.iter().map(|trade| trade.pnl));
        for bar in range {
            // The very first bar has no close before it; holding begins at its opening.
            let before = bar.checked_sub(1).map_or(bars.open[bar], |previous| bars.close[previous]);
            self.benchmark.push(if before == 0.0 { 0.0 } else { bars.close[bar] / before - 1.0 });
        }
    }

    fn inputs(&self, periods_per_year: f64, with_benchmark: bool) -> Inputs<'_> {
        Inputs {
            returns: &self.returns,
            benchmark: with_benchmark.then_some(self.benchmark.as_slice()),
            trade_pnls: Some(&self.pnls),
            positions: Some(&self.positions),
            periods_per_year,
            risk_free: 0.0,
        }
    }

    /// Every metric there is.
    pub fn all_metrics(&self, periods_per_year: f64, with_benchmark: bool) -> Metrics {
        let all = metrics::all(&self.inputs(periods_per_year, with_benchmark));
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The key metrics, and the objective where it is not among them.
    pub fn key_metrics(&self, periods_per_year: f64, with_benchmark: bool, objective: &str) -> Metrics {
        let names = KEY_METRICS.into_iter().chain(std::iter::once(objective));
        names
            .map(|name| (name.to_owned(), objective_of(self, name, periods_per_year, with_benchmark)))
            .collect()
    }
}

/// One metric by name, without computing the others where that is easy.
pub fn objective_of(
    segments: &Segments,
    name: &str,
    periods_per_year: f64,
    with_benchmark: bool,
) -> Option<f64> {
    let returns = &segments.returns;
    let value = match name {
        "total_return" => segments.moments.total_return(),
        "annual_return" => segments.moments.annual_return(periods_per_year),
        "annual_volatility" => segments.moments.annual_volatility(periods_per_year),
        "sharpe" => segments.moments.sharpe(0.0, periods_per_year),
        "sortino" => metrics::sortino(returns, 0.0, periods_per_year),
        "calmar" => segments.moments.calmar(periods_per_year),
        "max_drawdown" => segments.moments.max_drawdown(),
        "win_rate" => metrics::win_rate(&segments.pnls),
        "profit_factor" => metrics::profit_factor(&segments.pnls),
        "trade_count" => Some(metrics::trade_count(&segments.pnls)),
        "time_in_market" => metrics::time_in_market(&segments.positions),
        other => {
            let all = metrics::all(&segments.inputs(periods_per_year, with_benchmark));
            all.into_iter().find(|(known, _)| *known == other).and_then(|(_, value)| value)
        }
    };
    value.filter(|value| value.is_finite())
}
