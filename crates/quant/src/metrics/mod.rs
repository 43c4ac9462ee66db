//! Performance metrics: slices in, numbers out. One file a metric; its head gives formula, unit, annualisation,
//! the undefined case and the source.
//!
//! What holds for all of them:
//!
//! * **Inputs are finite.** `crate::metrics::all` checks this once for everything; a single function may answer
//!   anything but NaN or an infinity to a series that contains one.
//! * **Returns are simple and per period**, equally spaced: 0.01 is one percent in one bar.
//! * **Undefined is `None`**, never NaN, infinity or a sentinel. A ratio whose denominator is rounding noise is
//!   undefined.
//! * **Losses and risks are positive numbers** (drawdown, value at risk, average loss), so that less is better.
//!   `worst_period` is a return and keeps its sign.
//! * **The risk-free rate is annual**; `crate::metrics::annual::risk_free_per_period` converts it.
//! * **Same bits everywhere**: sums run in index order, powers and logarithms come from `libm`.

mod numeric;
mod wealth;

pub mod annual;

// Returns alone.
pub mod annual_return;
pub mod annual_volatility;
pub mod autocorrelation;
pub mod average_drawdown;
pub mod best_period;
pub mod calmar;
pub mod downside_deviation;
pub mod expected_shortfall;
pub mod gain_to_pain;
pub mod kurtosis;
pub mod max_drawdown;
pub mod max_drawdown_duration;
pub mod omega;
pub mod positive_periods;
pub mod sharpe;
pub mod skewness;
pub mod sortino;
pub mod stability;
pub mod tail_ratio;
pub mod total_return;
pub mod ulcer_index;
pub mod value_at_risk;
pub mod worst_period;

// Against a benchmark.
pub mod alpha;
pub mod beta;
pub mod correlation;
pub mod down_capture;
pub mod information_ratio;
pub mod tracking_error;
pub mod up_capture;

// Trades and positions.
pub mod average_loss;
pub mod average_win;
pub mod expectancy;
pub mod largest_loss;
pub mod payoff_ratio;
pub mod profit_factor;
pub mod time_in_market;
pub mod trade_count;
pub mod win_rate;

mod definitions;
mod online;

pub use alpha::alpha;
pub use annual_return::annual_return;
pub use annual_volatility::annual_volatility;
pub use autocorrelation::autocorrelation;
pub use average_drawdown::average_drawdown;
pub use average_loss::average_loss;
pub use average_win::average_win;
pub use best_period::best_period;
pub use beta::beta;
pub use calmar::calmar;
pub use correlation::correlation;
pub use definitions::{DEFINITIONS, Definition, Direction, Unit, by_name};
pub use down_capture::down_capture;
pub use downside_deviation::downside_deviation;
pub use expectancy::expectancy;
pub use expected_shortfall::expected_shortfall;
pub use gain_to_pain::gain_to_pain;
pub use information_ratio::information_ratio;
pub use kurtosis::kurtosis;
pub use largest_loss::largest_loss;
pub use max_drawdown::max_drawdown;
pub use max_drawdown_duration::max_drawdown_duration;
pub use omega::omega;
pub use online::OnlineMoments;
pub use payoff_ratio::payoff_ratio;
pub use positive_periods::positive_periods;
pub use profit_factor::profit_factor;
pub use sharpe::sharpe;
pub use skewness::skewness;
pub use sortino::sortino;
pub use stability::stability;
pub use tail_ratio::tail_ratio;
pub use time_in_market::time_in_market;
pub use total_return::total_return;
pub use tracking_error::tracking_error;
pub use trade_count::trade_count;
pub use ulcer_index::ulcer_index;
pub use up_capture::up_capture;
pub use value_at_risk::value_at_risk;
pub use win_rate::win_rate;
pub use worst_period::worst_period;

/// What the metrics are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Simple returns, one a period.
    pub returns: &'a [f64],
    /// Simple returns of the benchmark over the same periods. Of another length, they give no metric.
    pub benchmark: Option<&'a [f64]>,
    /// Profit of each closed trade after costs, in currency.
    pub trade_pnls: Option<&'a [f64]>,
    /// Position held during each period, in any unit.
    pub positions: Option<&'a [f64]>,
    /// Periods in a year: 252 for trading days, 365 for days of a market that never closes.
    pub periods_per_year: f64,
    /// Annual risk-free rate: 0.02 is two percent a year.
    pub risk_free: f64,
}

impl Inputs<'_> {
    fn are_finite(&self) -> bool {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let optional = [self.benchmark, self.trade_pnls, self.positions];
        finite(&[self.periods_per_year, self.risk_free])
            && finite(self.returns)
            && optional.into_iter().flatten().all(finite)
    }
}

/// Every metric by its canonical name, in the order of [`DEFINITIONS`].
///
/// A metric of an input that is not there is `None`. If any number in the inputs is NaN or infinite, every
/// metric is `None`: half a report from broken data is worse than none.
#[rustfmt::skip]
pub fn all(inputs: &Inputs<'_>) -> Vec<(&'static str, Option<f64>)> {
    if !inputs.are_finite() {
        return DEFINITIONS.iter().map(|definition| (definition.name, None)).collect();
    }
    let &Inputs { returns, benchmark, trade_pnls: trades, positions, periods_per_year: year, risk_free } = inputs;
    vec![
        ("total_return",          total_return(returns)),
        ("annual_return",         annual_return(returns, year)),
        ("annual_volatility",     annual_volatility(returns, year)),
        ("sharpe",                sharpe(returns, risk_free, year)),
        ("sortino",               sortino(returns, risk_free, year)),
        ("calmar",                calmar(returns, year)),
        ("omega",                 omega(returns, risk_free, year)),
        ("max_drawdown",          max_drawdown(returns)),
        ("max_drawdown_duration", max_drawdown_duration(returns)),
        ("average_drawdown",      average_drawdown(returns)),
        ("ulcer_index",           ulcer_index(returns)),
        ("downside_deviation",    downside_deviation(returns, risk_free, year)),
        ("skewness",              skewness(returns)),
        ("kurtosis",              kurtosis(returns)),
        ("value_at_risk",         value_at_risk(returns)),
        ("expected_shortfall",    expected_shortfall(returns)),
        ("tail_ratio",            tail_ratio(returns)),
        ("gain_to_pain",          gain_to_pain(returns)),
        ("best_period",           best_period(returns)),
        ("worst_period",          worst_period(returns)),
        ("positive_periods",      positive_periods(returns)),
        ("stability",             stability(returns)),
        ("autocorrelation",       autocorrelation(returns)),
        ("alpha",                 benchmark.and_then(|benchmark| alpha(returns, benchmark, risk_free, year))),
        ("beta",                  benchmark.and_then(|benchmark| beta(returns, benchmark))),
        ("correlation",           benchmark.and_then(|benchmark| correlation(returns, benchmark))),
        ("tracking_error",        benchmark.and_then(|benchmark| tracking_error(returns, benchmark, year))),
        ("information_ratio",     benchmark.and_then(|benchmark| information_ratio(returns, benchmark, year))),
        ("up_capture",            benchmark.and_then(|benchmark| up_capture(returns, benchmark, year))),
        ("down_capture",          benchmark.and_then(|benchmark| down_capture(returns, benchmark, year))),
        ("trade_count",           trades.map(trade_count)),
        ("win_rate",              trades.and_then(win_rate)),
        ("profit_factor",         trades.and_then(profit_factor)),
        ("payoff_ratio",          trades.and_then(payoff_ratio)),
        ("expectancy",            trades.and_then(expectancy)),
        ("average_win",           trades.and_then(average_win)),
        ("average_loss",          trades.and_then(average_loss)),
        ("largest_loss",          trades.and_then(largest_loss)),
        ("time_in_market",        positions.and_then(time_in_market)),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn returns_only(returns: &[f64]) -> Inputs<'_> {
        Inputs {
            returns,
            benchmark: None,
            trade_pnls: None,
            positions: None,
            periods_per_year: 252.0,
            risk_free: 0.02,
        }
    }

    fn value(inputs: &Inputs<'_>, name: &str) -> Option<f64> {
        all(inputs).into_iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no metric {name}")).1
    }

    #[test]
    fn the_table_and_the_definitions_agree_in_names_and_order() {
        let names: Vec<&str> = all(&returns_only(&[0.1, -0.1])).into_iter().map(|(name, _)| name).collect();
        let defined: Vec<&str> = DEFINITIONS.iter().map(|definition| definition.name).collect();
        assert_eq!(names, defined);
        assert_eq!(names.len(), 39);
    }

    #[test]
    fn nothing_is_defined_without_returns() {
        assert!(all(&returns_only(&[])).into_iter().all(|(_, value)| value.is_none()));
    }

    #[test]
    fn one_number_that_is_not_finite_undefines_everything() {
        let good = [0.1, -0.1, 0.2];
        let bad = [0.1, f64::NAN, 0.2];
        let whole = Inputs {
            benchmark: Some(&good),
            trade_pnls: Some(&good),
            positions: Some(&good),
            ..returns_only(&good)
        };
        assert!(all(&whole).iter().any(|(_, value)| value.is_some()));
        for broken in [
            Inputs { returns: &bad, ..whole },
            Inputs { benchmark: Some(&bad), ..whole },
            Inputs { trade_pnls: Some(&[f64::INFINITY]), ..whole },
            Inputs { positions: Some(&bad), ..whole },
            Inputs { periods_per_year: f64::INFINITY, ..whole },
            Inputs { risk_free: f64::NAN, ..whole },
        ] {
            assert!(all(&broken).into_iter().all(|(_, value)| value.is_none()), "{broken:?}");
        }
    }

    #[test]
    fn metrics_of_absent_inputs_are_undefined_and_the_others_are_not() {
        let inputs = Inputs { trade_pnls: Some(&[]), ..returns_only(&[0.1, -0.1]) };
        assert_eq!(value(&inputs, "beta"), None);
        assert_eq!(value(&inputs, "time_in_market"), None);
        assert_eq!(value(&inputs, "trade_count"), Some(0.0));
        assert_eq!(value(&inputs, "win_rate"), None);
        assert!(value(&inputs, "sharpe").is_some());
    }

    #[test]
    fn a_total_loss_is_reported_and_not_hidden() {
        let ruin = returns_only(&[0.1, -1.0, 0.0]);
        assert_eq!(value(&ruin, "total_return"), Some(-1.0));
        assert_eq!(value(&ruin, "annual_return"), Some(-1.0));
        assert_eq!(value(&ruin, "max_drawdown"), Some(1.0));
        assert_eq!(value(&ruin, "stability"), None);
    }

    #[test]
    fn a_flat_series_has_no_ratio_to_win_a_ranking_with() {
        let flat = returns_only(&[0.0; 100]);
        for name in ["sharpe", "sortino", "calmar", "omega", "tail_ratio", "gain_to_pain", "skewness"] {
            let value = value(&flat, name);
            // Below a positive risk-free rate, a flat series does have a shortfall.
            assert!(value.is_none_or(|v| v <= 0.0), "{name} is {value:?}");
        }
    }

    proptest! {
        #[test]
        fn no_finite_input_gives_a_number_that_is_not_finite(
            pairs in prop::collection::vec((extreme(), extreme()), 0..40),
            periods_per_year in extreme(),
            risk_free in extreme(),
        ) {
            let (returns, benchmark): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let inputs = Inputs {
                benchmark: Some(&benchmark),
                trade_pnls: Some(&benchmark),
                positions: Some(&returns),
                periods_per_year,
                risk_free,
                ..returns_only(&returns)
            };
            for (name, value) in all(&inputs) {
                prop_assert!(value.is_none_or(f64::is_finite), "{} is {:?}", name, value);
            }
        }

        #[test]
        fn fractions_stay_in_their_range(returns in prop::collection::vec(-1.5..2.0_f64, 1..100)) {
            let inputs = Inputs { positions: Some(&returns), ..returns_only(&returns) };
            for name in [
                "max_drawdown", "average_drawdown", "ulcer_index", "positive_periods", "stability", "time_in_market",
            ] {
                prop_assert!(value(&inputs, name).is_none_or(|v| (0.0..=1.0).contains(&v)), "{}", name);
            }
            for (less, more) in [
                ("average_drawdown", "max_drawdown"),
                ("ulcer_index", "max_drawdown"),
                ("value_at_risk", "expected_shortfall"),
            ] {
                let (less, more) = (value(&inputs, less).unwrap(), value(&inputs, more).unwrap());
                prop_assert!(less <= more + 1e-15);
            }
        }
    }

    /// Ordinary returns, and numbers from the edges of the format.
    fn extreme() -> impl Strategy<Value = f64> {
        prop_oneof![
            -0.1..0.1_f64,
            Just(0.0),
            Just(-1.0),
            Just(f64::MAX),
            Just(f64::MIN),
            Just(f64::MIN_POSITIVE),
            prop::num::f64::NORMAL,
        ]
    }
}
