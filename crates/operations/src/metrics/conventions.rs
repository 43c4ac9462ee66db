//! What the numbers rest on: every convention that another library may have otherwise, and why a metric is undefined.

use gauntlet_quant::metrics::{Definition, Input};
use serde::Serialize;

/// The conventions of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conventions {
    /// Version of the set of metrics.
    pub metric_set: u32,
    /// What the numbers of the file are: returns or equity.
    pub kind: &'static str,
    /// Returns that were measured.
    pub returns: usize,
    /// Date of the first return.
    pub first: Option<String>,
    /// Date of the last return.
    pub last: Option<String>,
    /// Order of the rows in the files.
    pub order: String,
    /// Periods in a year; none where they are not known.
    pub periods_per_year: Option<f64>,
    /// Where they come from.
    pub periods_per_year_from: String,
    /// Annual risk-free rate; none where it is a series.
    pub risk_free: Option<f64>,
    /// Where it comes from, and how it is used.
    pub risk_free_from: String,
    /// Which periods are compared with the benchmark.
    pub benchmark: String,
    /// What happened where the account was ruined.
    pub ruin: Option<String>,
    /// Divisor of a standard deviation: n less this.
    pub ddof: u32,
    /// What holds for all of them, whatever the input.
    #[serde(flatten)]
    pub fixed: Fixed,
}

/// What no input changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fixed {
    /// What a return is.
    pub compounding: &'static str,
    /// How a number of a period becomes one of a year.
    pub annualisation: &'static str,
    /// How an annual rate becomes one of a period.
    pub risk_free_per_period: &'static str,
    /// What falls short, and of what it is a share.
    pub downside: &'static str,
    /// Estimator of skewness and kurtosis.
    pub moments: &'static str,
    /// Rule of quantiles.
    pub quantile: &'static str,
    /// Share of the periods in a tail.
    pub tail: &'static str,
    /// What a drawdown is.
    pub drawdown: &'static str,
    /// Sign of losses.
    pub losses: &'static str,
    /// The day and the month of a time.
    pub calendar: &'static str,
}

/// The conventions of the metrics of this project.
pub(super) const FIXED: Fixed = Fixed {
    compounding: "returns are simple, one a period, and compound",
    annualisation: "P periods a year: a mean times P, a deviation or a ratio times the root of P, growth to the power P/n",
    risk_free_per_period: "(1 + R)^(1/P) - 1",
    downside: "root mean square of what falls short of the risk-free return, over all n periods",
    moments: "biased (divisor n); kurtosis less three",
    quantile: "linear between order statistics (type 7)",
    tail: "0.05",
    drawdown: "from the running peak of compounded wealth, the start included; start: first period below the peak; end: \
               the period at the peak again",
    losses: "drawdowns, value at risk and average loss are positive",
    calendar: "UTC; a return belongs to the month and the year of its date",
};

/// What was there to measure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    /// Returns.
    pub(super) returns: usize,
    /// Pairs with the benchmark; none without one.
    pub(super) pairs: Option<usize>,
    /// Why what is annual is undefined; none where periods in a year are known.
    pub(super) no_year: Option<String>,
    /// Whether the account was ruined.
    pub(super) is_ruined: bool,
}

impl Given {
    /// Why a metric that has no value has none.
    pub(super) fn why_undefined(&self, metric: &Definition) -> String {
        if metric.takes(Input::Trades) {
            let of_periods = ["win_rate", "profit_factor", "payoff_ratio"];
            return match of_periods.contains(&metric.name) {
                true => format!("a series has no trades: see {}_periods", metric.name),
                false => "a series has no trades".into(),
            };
        }
        if metric.takes(Input::Positions) {
            return "a series has no positions".into();
        }
        let returns = match (metric.takes(Input::Benchmark), self.pairs) {
            (true, None) => return "no benchmark: give --benchmark".into(),
            (true, Some(pairs)) => pairs,
            (false, _) => self.returns,
        };
        match &self.no_year {
            Some(why) if metric.takes(Input::PeriodsPerYear) => why.clone(),
            _ if returns == 0 => "no returns".into(),
            _ if returns < 3 => format!("it takes more than {returns} returns, or what it divides by is zero"),
            _ if self.is_ruined => "the account was ruined, or what it divides by is zero".into(),
            _ => "what it divides by is zero (constant returns, or no loss, drawdown or tail), or its range is left".into(),
        }
    }
}
