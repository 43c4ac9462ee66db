//! Metrics over the returns of one or more segments, concatenated in their order.

use gauntlet_backtest::{BacktestError, Bars, Outcome};
use gauntlet_domain::experiment::{Metrics, TrialPlan};
use gauntlet_quant::metrics::{self, Inputs, Running};

/// Metrics that every trial reports; a finalist reports all there are. Part of the first version of the set of metrics:
/// what is added here has to be new in the table, or old trials would report it on replay.
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
    /// Units held during each bar.
    pub positions: Vec<f64>,
    /// Their value at the close before each bar over the equity there, signed.
    pub exposures: Vec<f64>,
    /// What is kept up from fold to fold: what tuning asks for after each. The trades are here.
    pub running: Running,
}

impl Segments {
    /// Adds a segment that ran over `range` of `bars`.
    pub fn push(&mut self, bars: &Bars, range: std::ops::Range<usize>, outcome: &Outcome) {
        for (period_return, units) in outcome.returns.iter().zip(&outcome.positions) {
            self.running.push(*period_return, *units != 0.0);
        }
        self.running.trade_pnls.extend(outcome.trades.iter().map(|trade| trade.pnl));
        self.returns.extend_from_slice(&outcome.returns);
        self.positions.extend_from_slice(&outcome.positions);
        let held = outcome.positions.iter().zip(&outcome.equity).zip(&outcome.returns);
        for (bar, ((units, equity), bar_return)) in range.zip(held) {
            // The very first bar has no close before it; holding begins at its opening.
            let before = bar.checked_sub(1).map_or(bars.open[bar], |previous| bars.close[previous]);
            self.benchmark.push(if before == 0.0 { 0.0 } else { bars.close[bar] / before - 1.0 });
            let equity_before = equity / (1.0 + bar_return);
            let exposure = units * before / equity_before;
            self.exposures.push(if exposure.is_finite() { exposure } else { 0.0 });
        }
    }

    fn inputs(&self, periods_per_year: f64, with_benchmark: bool) -> Inputs<'_> {
        Inputs {
            returns: &self.returns,
            benchmark: with_benchmark.then_some(self.benchmark.as_slice()),
            trade_pnls: Some(&self.running.trade_pnls),
            positions: Some(&self.positions),
            periods_per_year,
            risk_free: 0.0,
        }
    }

    /// Every metric there is.
    pub fn all_metrics(&self, periods_per_year: f64, with_benchmark: bool) -> Metrics {
        self.metrics_of(metrics::VERSION, periods_per_year, with_benchmark)
    }

    /// Every metric of a version of the set.
    pub fn metrics_of(&self, metric_set: u32, periods_per_year: f64, with_benchmark: bool) -> Metrics {
        let all = metrics::all_of(metric_set, &self.inputs(periods_per_year, with_benchmark));
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The key metrics, and the objective where it is not among them.
    pub fn key_metrics(&self, periods_per_year: f64, with_benchmark: bool, objective: &str) -> Metrics {
        key_metrics(objective, |name| objective_of(self, name, periods_per_year, with_benchmark))
    }
}

/// The version of the set of metrics that a plan names; another set than that would make another record of the same run.
pub fn metric_set(plan: &TrialPlan) -> Result<u32, BacktestError> {
    let (metric_set, newest) = (plan.metric_set, metrics::VERSION);
    metrics::version(metric_set).ok_or(BacktestError::UnknownMetricSet { metric_set, newest })
}

/// The key metrics and the objective, each as `value` gives it.
pub(crate) fn key_metrics(objective: &str, value: impl Fn(&str) -> Option<f64>) -> Metrics {
    let names = KEY_METRICS.into_iter().chain(std::iter::once(objective));
    names.map(|name| (name.to_owned(), value(name))).collect()
}

/// One metric by name: from what is kept up where that is enough, over the whole segments where it is not.
pub fn objective_of(
    segments: &Segments,
    name: &str,
    periods_per_year: f64,
    with_benchmark: bool,
) -> Option<f64> {
    let definition = metrics::by_name(name)?;
    let kept_up = definition.of_running(&segments.running, periods_per_year);
    kept_up
        .unwrap_or_else(|| definition.of_whole(&segments.inputs(periods_per_year, with_benchmark)))
        .filter(|value| value.is_finite())
}
