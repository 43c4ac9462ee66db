//! The catalogue: every metric's public name, unit, direction and one-line summary, in the order of
//! `crate::metrics::all`. The names are a contract with configuration files and stored results: add, don't rename.

use std::fmt;

/// What a metric's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A share or a return: 0.05 is five percent.
    Fraction,
    /// A return or a standard deviation of returns over one year.
    FractionPerYear,
    /// A pure number.
    Ratio,
    /// Periods of the return series.
    Periods,
    /// Closed trades.
    Trades,
    /// The account's currency.
    Currency,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Fraction => "fraction",
            Unit::FractionPerYear => "fraction/year",
            Unit::Ratio => "ratio",
            Unit::Periods => "periods",
            Unit::Trades => "trades",
            Unit::Currency => "currency",
        })
    }
}

/// Which way an investor wants a metric to move, all else equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// More is better.
    HigherIsBetter,
    /// Less is better.
    LowerIsBetter,
    /// It describes; ranking by it makes no sense.
    Neutral,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::HigherIsBetter => "higher is better",
            Direction::LowerIsBetter => "lower is better",
            Direction::Neutral => "neutral",
        })
    }
}

/// One metric in the catalogue. The full definition is at the head of the file of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Canonical name, in snake case.
    pub name: &'static str,
    /// What the number counts.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Direction,
    /// One line for a table.
    pub summary: &'static str,
}

const fn def(name: &'static str, unit: Unit, direction: Direction, summary: &'static str) -> Definition {
    Definition { name, unit, direction, summary }
}

/// Every metric, in the order in which [`crate::metrics::all`] answers them.
#[rustfmt::skip]
pub static DEFINITIONS: &[Definition] = {
    use Direction::{HigherIsBetter as Higher, LowerIsBetter as Lower, Neutral};
    use Unit::{Currency, Fraction, FractionPerYear as PerYear, Periods, Ratio, Trades};
    &[
        def("total_return",          Fraction, Higher,  "compounded return of the whole series"),
        def("annual_return",         PerYear,  Higher,  "compound annual growth rate"),
        def("annual_volatility",     PerYear,  Lower,   "annualised standard deviation of returns"),
        def("sharpe",                Ratio,    Higher,  "annualised mean excess return over standard deviation"),
        def("sortino",               Ratio,    Higher,  "annualised mean excess return over downside deviation"),
        def("calmar",                Ratio,    Higher,  "annual return over maximum drawdown"),
        def("omega",                 Ratio,    Higher,  "gains over losses, both from the risk-free return"),
        def("max_drawdown",          Fraction, Lower,   "largest fall from a peak, positive"),
        def("max_drawdown_duration", Periods,  Lower,   "longest time below a peak"),
        def("average_drawdown",      Fraction, Lower,   "mean depth of the drawdowns, positive"),
        def("ulcer_index",           Fraction, Lower,   "root mean square drawdown"),
        def("downside_deviation",    PerYear,  Lower,   "annualised root mean square shortfall below the risk-free return"),
        def("skewness",              Ratio,    Higher,  "third standardised moment, biased estimator"),
        def("kurtosis",              Ratio,    Lower,   "fourth standardised moment less three, biased estimator"),
        def("value_at_risk",         Fraction, Lower,   "loss that one period in twenty reaches, positive"),
        def("expected_shortfall",    Fraction, Lower,   "mean loss in the worst twentieth of the periods, positive"),
        def("tail_ratio",            Ratio,    Higher,  "size of the 95 % quantile over size of the 5 % quantile"),
        def("gain_to_pain",          Ratio,    Higher,  "sum of returns over sum of losses"),
        def("best_period",           Fraction, Higher,  "largest return of one period"),
        def("worst_period",          Fraction, Higher,  "smallest return of one period"),
        def("positive_periods",      Fraction, Higher,  "share of periods with a return above zero"),
        def("stability",             Fraction, Higher,  "how straight the log of wealth runs (R²), up or down"),
        def("autocorrelation",       Ratio,    Neutral, "correlation of each return with the one before"),
        def("alpha",                 PerYear,  Higher,  "Jensen's alpha, annualised"),
        def("beta",                  Ratio,    Neutral, "sensitivity to the benchmark"),
        def("correlation",           Ratio,    Neutral, "correlation with the benchmark"),
        def("tracking_error",        PerYear,  Neutral, "annualised standard deviation of the return beyond the benchmark"),
        def("information_ratio",     Ratio,    Higher,  "annualised mean return beyond the benchmark over tracking error"),
        def("up_capture",            Ratio,    Higher,  "annual return over the benchmark's where the benchmark rose"),
        def("down_capture",          Ratio,    Lower,   "annual return over the benchmark's where the benchmark fell"),
        def("trade_count",           Trades,   Neutral, "number of closed trades"),
        def("win_rate",              Fraction, Higher,  "share of trades with a profit"),
        def("profit_factor",         Ratio,    Higher,  "gross profit over gross loss"),
        def("payoff_ratio",          Ratio,    Higher,  "average win over average loss"),
        def("expectancy",            Currency, Higher,  "mean profit of a trade"),
        def("average_win",           Currency, Higher,  "mean profit of the winning trades"),
        def("average_loss",          Currency, Lower,   "mean loss of the losing trades, positive"),
        def("largest_loss",          Currency, Lower,   "loss of the worst trade, positive"),
        def("time_in_market",        Fraction, Neutral, "share of periods with a position"),
    ]
};

/// The definition of a canonical name.
pub fn by_name(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_in_snake_case() {
        let names: BTreeSet<&str> = DEFINITIONS.iter().map(|definition| definition.name).collect();
        assert_eq!(names.len(), DEFINITIONS.len());
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    }

    #[test]
    fn a_name_finds_its_definition_and_another_finds_none() {
        assert_eq!(by_name("max_drawdown").map(|d| d.direction), Some(Direction::LowerIsBetter));
        assert_eq!(by_name("sharpe").map(|d| d.unit.to_string()), Some("ratio".to_owned()));
        assert_eq!(by_name("Sharpe"), None);
    }
}
