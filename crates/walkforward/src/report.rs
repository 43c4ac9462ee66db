//! Metrics over the returns of one or more segments, concatenated in their order.

use gauntlet_backtest::{BacktestError, Bars, Denied, Outcome, Reason};
use gauntlet_domain::experiment::{DeniedOrders, Metrics, RiskFreeRate, TrialPlan};
use gauntlet_quant::metrics::annual::risk_free_per_period;
use gauntlet_quant::metrics::{self, Beyond, Input, Inputs, Running};

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

/// What happened in the segments so far, and by which conventions of the plan it is measured.
#[derive(Debug, Clone)]
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
    /// Orders that the limits of the account denied.
    pub denied: Denied,
    /// Bars in a year; 0 where they are not known.
    pub(crate) periods_per_year: f64,
    pub(crate) with_benchmark: bool,
    risk_free: Option<RiskFree>,
}

/// What the same money earns without risk.
#[derive(Debug, Clone)]
struct RiskFree {
    /// In the order of time, at least one.
    rates: Vec<RiskFreeRate>,
    /// Return of each bar; `None` where a bar's is undefined, as where nobody knows the bars of a year.
    returns: Option<Vec<f64>>,
}

impl Segments {
    /// Before the first segment.
    pub fn of(plan: &TrialPlan) -> Segments {
        let rates = plan.account.risk_free.clone();
        Segments {
            returns: vec![],
            benchmark: vec![],
            positions: vec![],
            exposures: vec![],
            running: Running::default(),
            denied: Denied::new(),
            periods_per_year: plan.periods_per_year,
            with_benchmark: plan.account.has_benchmark(),
            risk_free: (!rates.is_empty()).then(|| RiskFree { rates, returns: Some(vec![]) }),
        }
    }

    /// Adds a segment that ran over `range` of `bars`.
    pub fn push(&mut self, bars: &Bars, range: std::ops::Range<usize>, outcome: &Outcome) {
        for (period_return, units) in outcome.returns.iter().zip(&outcome.positions) {
            self.running.push(*period_return, *units != 0.0);
        }
        self.running.trade_pnls.extend(outcome.trades.iter().map(|trade| trade.pnl));
        for (reason, count) in &outcome.denied {
            *self.denied.entry(*reason).or_default() += count;
        }
        self.returns.extend_from_slice(&outcome.returns);
        self.positions.extend_from_slice(&outcome.positions);
        if let Some(risk_free) = &mut self.risk_free {
            risk_free.push(&bars.open_time[range.clone()], self.periods_per_year);
        }
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

    /// Denied orders by the names of their reasons, as records have them.
    pub fn denied_orders(&self) -> DeniedOrders {
        let named = |(reason, count): (&Reason, &u64)| (reason.name().to_owned(), *count as i64);
        self.denied.iter().map(named).collect()
    }

    /// One metric by name: from what is kept up where that is enough, over the whole segments where it is not.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let metric = metrics::by_name(name)?;
        let value = if self.risk_free.is_some() && metric.takes(Input::RiskFree) {
            metric.of_whole(&self.beyond_risk_free()?.inputs(&self.inputs()))
        } else {
            let kept_up = metric.of_running(&self.running, self.periods_per_year);
            kept_up.unwrap_or_else(|| metric.of_whole(&self.inputs()))
        };
        value.filter(|value| value.is_finite())
    }

    /// Every metric there is.
    pub fn all_metrics(&self) -> Metrics {
        self.metrics_of(metrics::VERSION)
    }

    /// Every metric of a version of the set.
    pub fn metrics_of(&self, metric_set: u32) -> Metrics {
        let all = match &self.risk_free {
            None => metrics::all_of(metric_set, &self.inputs()),
            Some(risk_free) => metrics::all_beyond(metric_set, &self.inputs(), risk_free.returns.as_deref()),
        };
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The key metrics, and the objective where it is not among them.
    pub fn key_metrics(&self, objective: &str) -> Metrics {
        key_metrics(objective, |name| self.metric(name))
    }

    /// Returns, and those of the benchmark where there is one, less what the same money earned without risk in each bar;
    /// as they are where the plan has no rate. `None` where that is undefined.
    pub(crate) fn beyond_risk_free(&self) -> Option<Beyond> {
        match &self.risk_free {
            None => {
                let benchmark = self.with_benchmark.then(|| self.benchmark.clone());
                Some(Beyond { returns: self.returns.clone(), benchmark })
            }
            Some(risk_free) => Some(Beyond::of(&self.inputs(), risk_free.returns.as_ref()?)),
        }
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            returns: &self.returns,
            benchmark: self.with_benchmark.then_some(&self.benchmark),
            trade_pnls: Some(&self.running.trade_pnls),
            positions: Some(&self.positions),
            periods_per_year: self.periods_per_year,
            risk_free: 0.0,
        }
    }
}

impl RiskFree {
    /// Adds bars by their opening times. The rate of a bar is the latest that held when it opened.
    fn push(&mut self, open_times: &[i64], periods_per_year: f64) {
        let rate_at = |time: i64| {
            let later = self.rates.partition_point(|rate| rate.from.0 <= time);
            // Documents that begin later are refused; the first rate is the nearest there is.
            self.rates[later.saturating_sub(1)].rate
        };
        let free = open_times.iter().map(|time| risk_free_per_period(rate_at(*time), periods_per_year));
        let free: Option<Vec<f64>> = free.collect();
        self.returns = self.returns.take().zip(free).map(|(mut before, free)| {
            before.extend(free);
            before
        });
    }
}

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// Days since the epoch, UTC, and what the values of each come to. The bar that closes at midnight is of the day that ends
/// there.
pub fn by_day(times: &[i64], values: &[f64], join: impl Fn(f64, f64) -> f64) -> (Vec<i64>, Vec<f64>) {
    let (mut days, mut joined): (Vec<i64>, Vec<f64>) = (Vec::new(), Vec::new());
    for (time, value) in times.iter().zip(values) {
        let day = (time - 1).div_euclid(DAY);
        match joined.last_mut().filter(|_| days.last() == Some(&day)) {
            Some(last) => *last = join(*last, *value),
            None => {
                days.push(day);
                joined.push(*value);
            }
        }
    }
    (days, joined)
}

/// A day since the epoch as `2014-05-01`.
pub fn date_of(day: i64) -> String {
    let text = gauntlet_domain::Timestamp(day.saturating_mul(DAY)).to_string();
    text.get(..10).unwrap_or(&text).to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_joined_by_the_day_in_which_they_lie() {
        // Closes at noon and at midnight of day 0, and one nanosecond into day 1.
        let (days, sums) = by_day(&[DAY / 2, DAY, DAY + 1], &[0.1, 0.2, 0.4], |sum, value| sum + value);
        assert_eq!(days, [0, 1]);
        assert!((sums[0] - 0.3).abs() < 1e-15 && sums[1] == 0.4);
        assert_eq!([date_of(days[0]), date_of(days[1])], ["1970-01-01", "1970-01-02"]);
    }
}
