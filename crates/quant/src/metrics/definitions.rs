//! What a row of the table of metrics says: public name, unit, direction, one-line summary, and its function. The
//! names are a contract with configuration files and stored results: add, don't rename.

use std::fmt;

use crate::metrics::{Inputs, Running};

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

/// One metric in the table. The full definition is at the head of the file of the same name.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Canonical name, in snake case.
    pub name: &'static str,
    /// Version of the set of metrics since which it is there.
    pub since: u32,
    /// What the number counts.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Direction,
    /// One line for a table.
    pub summary: &'static str,
    /// Its value over a whole run. Inputs that are not finite give anything but NaN or an infinity.
    pub of: fn(&Inputs<'_>) -> Option<f64>,
    /// The text of that call, which names the inputs that it takes.
    pub(super) call: &'static str,
    /// The same to the last bit, from what is kept up while a run goes on; none where that takes the whole run.
    pub running: Option<fn(&Running, f64) -> Option<f64>>,
}

/// An input that not every metric takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// Returns of a benchmark.
    Benchmark,
    /// Closed trades.
    Trades,
    /// Positions.
    Positions,
    /// Periods in a year.
    PeriodsPerYear,
    /// The risk-free rate.
    RiskFree,
}

impl Definition {
    /// Whether it is computed from this input.
    pub fn takes(&self, input: Input) -> bool {
        self.call.contains(match input {
            Input::Benchmark => "benchmark",
            Input::Trades => "trade_pnls",
            Input::Positions => "positions",
            Input::PeriodsPerYear => "periods_per_year",
            Input::RiskFree => "risk_free",
        })
    }

    /// Its value over a whole run; `None` when any number in the inputs is NaN or infinite.
    pub fn of_whole(&self, inputs: &Inputs<'_>) -> Option<f64> {
        if inputs.are_finite() { (self.of)(inputs) } else { None }
    }

    /// Its value so far, from what is kept up: a run without risk-free rate, of so many periods a year. The outer
    /// `None` says that this metric takes the whole run.
    pub fn of_running(&self, running: &Running, periods_per_year: f64) -> Option<Option<f64>> {
        self.running.map(|value| value(running, periods_per_year))
    }
}

/// The newest version in a table.
pub(super) const fn newest(definitions: &[Definition]) -> u32 {
    let (mut newest, mut row) = (0, 0);
    while row < definitions.len() {
        if definitions[row].since > newest {
            newest = definitions[row].since;
        }
        row += 1;
    }
    newest
}

/// Declares the module of each row, exports its function, and makes the rows [`Definition`]s.
macro_rules! table {
    ($($name:ident, $since:literal, $unit:ident, $direction:ident, $summary:literal,
        $of:expr $(, running $running:expr)?;)+) => {
        $(pub mod $name;)+
        $(pub use $name::$name;)+

        /// Every metric, in the order in which [`all`] answers them.
        pub static DEFINITIONS: &[Definition] = {
            use Direction::{HigherIsBetter as Higher, LowerIsBetter as Lower, Neutral};
            use Unit::{Currency, Fraction, FractionPerYear as PerYear, Periods, Ratio, Trades};
            &[$(Definition {
                name: stringify!($name),
                since: $since,
                unit: $unit,
                direction: $direction,
                summary: $summary,
                of: $of,
                call: stringify!($of),
                running: table!(@running $($running)?),
            }),+]
        };
    };
    (@running) => { None };
    (@running $running:expr) => { Some($running) };
}
pub(super) use table;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::{DEFINITIONS, by_name};

    #[test]
    fn names_are_unique_and_in_snake_case() {
        let names: BTreeSet<&str> = DEFINITIONS.iter().map(|definition| definition.name).collect();
        assert_eq!(names.len(), DEFINITIONS.len());
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    }

    /// A metric that takes an input changes with it, and one that does not take it does not.
    #[test]
    fn what_a_metric_takes_is_what_moves_it() {
        let series = [0.03, -0.02, 0.01, -0.01, 0.02, 0.005];
        let other = [0.01, -0.03, 0.02, 0.0, 0.01, 0.004];
        let inputs = Inputs {
            returns: &series,
            benchmark: Some(&other),
            trade_pnls: Some(&series),
            positions: Some(&other),
            periods_per_year: 252.0,
            risk_free: 0.02,
        };
        let changed = [
            (Input::Benchmark, Inputs { benchmark: None, ..inputs }),
            (Input::Trades, Inputs { trade_pnls: None, ..inputs }),
            (Input::Positions, Inputs { positions: None, ..inputs }),
            (Input::PeriodsPerYear, Inputs { periods_per_year: 12.0, ..inputs }),
            (Input::RiskFree, Inputs { risk_free: 0.3, ..inputs }),
        ];
        for definition in DEFINITIONS {
            let before = (definition.of)(&inputs);
            for (input, inputs) in &changed {
                let moves = (definition.of)(inputs) != before;
                assert_eq!(definition.takes(*input), moves, "{} and {input:?}", definition.name);
            }
        }
    }

    #[test]
    fn a_name_finds_its_definition_and_another_finds_none() {
        assert_eq!(by_name("max_drawdown").map(|d| d.direction), Some(Direction::LowerIsBetter));
        assert_eq!(by_name("sharpe").map(|d| d.unit.to_string()), Some("ratio".to_owned()));
        assert!(by_name("Sharpe").is_none());
    }
}
