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

//!
//! **A new metric** is a file in this folder, with a function of the same name, and a row in the table below. The
//! modules are declared by the rows, so `cargo fmt` alone does not find the files: `tests/run` formats every file.

mod beyond;
mod inputs;
pub(crate) mod numeric;
pub(crate) mod wealth;

pub mod annual;
pub mod drawdown_table;

mod definitions;
mod lanes;
mod online;
mod running;

pub use beyond::Beyond;
pub use definitions::{Definition, Direction, Input, Unit};
pub use drawdown_table::{Drawdown, top_drawdowns};
pub use inputs::Inputs;
pub use lanes::OnlineLanes;
pub use online::OnlineMoments;
pub use running::Running;
pub use wealth::{RUIN, hold_to_ruin};

use definitions::table;

table! {
    // name, version of the set since which it is there, unit, better direction, what it is: how it is computed from
    // a whole run, and where that can be kept up while the run goes on, from what is kept.
    // Returns alone.
    total_return,          1, Fraction, Higher,  "compounded return of the whole series",
        |x| total_return(x.returns), running |r, _| r.returns.total_return();
    annual_return,         1, PerYear,  Higher,  "compound annual growth rate",
        |x| annual_return(x.returns, x.periods_per_year), running |r, year| r.returns.annual_return(year);
    annual_volatility,     1, PerYear,  Lower,   "annualised standard deviation of returns",
        |x| annual_volatility(x.returns, x.periods_per_year), running |r, year| r.returns.annual_volatility(year);
    sharpe,                1, Ratio,    Higher,  "annualised mean excess return over standard deviation",
        |x| sharpe(x.returns, x.risk_free, x.periods_per_year), running |r, year| r.returns.sharpe(0.0, year);
    sortino,               1, Ratio,    Higher,  "annualised mean excess return over downside deviation",
        |x| sortino(x.returns, x.risk_free, x.periods_per_year), running |r, year| r.returns.sortino(year);
    calmar,                1, Ratio,    Higher,  "annual return over maximum drawdown",
        |x| calmar(x.returns, x.periods_per_year), running |r, year| r.returns.calmar(year);
    omega,                 1, Ratio,    Higher,  "gains over losses, both from the risk-free return",
        |x| omega(x.returns, x.risk_free, x.periods_per_year);
    max_drawdown,          1, Fraction, Lower,   "largest fall from a peak, positive",
        |x| max_drawdown(x.returns), running |r, _| r.returns.max_drawdown();
    max_drawdown_duration, 1, Periods,  Lower,   "longest time below a peak",
        |x| max_drawdown_duration(x.returns);
    average_drawdown,      1, Fraction, Lower,   "mean depth of the drawdowns, positive",
        |x| average_drawdown(x.returns);
    ulcer_index,           1, Fraction, Lower,   "root mean square drawdown",
        |x| ulcer_index(x.returns);
    downside_deviation,    1, PerYear,  Lower,   "annualised root mean square shortfall below the risk-free return",
        |x| downside_deviation(x.returns, x.risk_free, x.periods_per_year), running |r, year| r.returns.downside_deviation(year);
    skewness,              1, Ratio,    Higher,  "third standardised moment, biased estimator",
        |x| skewness(x.returns);
    kurtosis,              1, Ratio,    Lower,   "fourth standardised moment less three, biased estimator",
        |x| kurtosis(x.returns);
    value_at_risk,         1, Fraction, Lower,   "loss that one period in twenty reaches, positive",
        |x| value_at_risk(x.returns);
    expected_shortfall,    1, Fraction, Lower,   "mean loss in the worst twentieth of the periods, positive",
        |x| expected_shortfall(x.returns);
    tail_ratio,            1, Ratio,    Higher,  "size of the 95 % quantile over size of the 5 % quantile",
        |x| tail_ratio(x.returns);
    gain_to_pain,          1, Ratio,    Higher,  "sum of returns over sum of losses",
        |x| gain_to_pain(x.returns);
    best_period,           1, Fraction, Higher,  "largest return of one period",
        |x| best_period(x.returns);
    worst_period,          1, Fraction, Higher,  "smallest return of one period",
        |x| worst_period(x.returns);
    positive_periods,      1, Fraction, Higher,  "share of periods with a return above zero",
        |x| positive_periods(x.returns);
    stability,             1, Fraction, Higher,  "how straight the log of wealth runs (R²), up or down",
        |x| stability(x.returns);
    autocorrelation,       1, Ratio,    Neutral, "correlation of each return with the one before",
        |x| autocorrelation(x.returns);
    smart_sharpe,          2, Ratio,    Higher,  "Sharpe ratio over a penalty for autocorrelation",
        |x| smart_sharpe(x.returns, x.risk_free, x.periods_per_year);
    smart_sortino,         2, Ratio,    Higher,  "Sortino ratio over a penalty for autocorrelation",
        |x| smart_sortino(x.returns, x.risk_free, x.periods_per_year);
    probabilistic_sharpe_ratio, 2, Fraction, Higher, "confidence that the true Sharpe ratio is above zero",
        |x| probabilistic_sharpe_ratio(x.returns, x.risk_free, x.periods_per_year);
    recovery_factor,       2, Ratio,    Higher,  "total return over maximum drawdown",
        |x| recovery_factor(x.returns);
    serenity_index,        2, Ratio,    Higher,  "annual return over ulcer index and drawdown at risk",
        |x| serenity_index(x.returns, x.periods_per_year);
    common_sense_ratio,    2, Ratio,    Higher,  "profit factor of periods times tail ratio",
        |x| common_sense_ratio(x.returns);
    cpc_index,             2, Ratio,    Higher,  "profit factor times win rate times payoff ratio, of periods",
        |x| cpc_index(x.returns);
    kelly_criterion,       2, Fraction, Neutral, "share of the capital that Kelly would stake on a period",
        |x| kelly_criterion(x.returns);
    win_rate_periods,      2, Fraction, Higher,  "share of the periods that moved with a return above zero",
        |x| win_rate_periods(x.returns);
    profit_factor_periods, 2, Ratio,    Higher,  "sum of gains over sum of losses, of periods",
        |x| profit_factor_periods(x.returns);
    payoff_ratio_periods,  2, Ratio,    Higher,  "average gain over average loss, of periods",
        |x| payoff_ratio_periods(x.returns);
    longest_winning_streak, 2, Periods, Higher,  "most consecutive periods with a return above zero",
        |x| longest_winning_streak(x.returns);
    longest_losing_streak, 2, Periods,  Lower,   "most consecutive periods with a return below zero",
        |x| longest_losing_streak(x.returns);
    jarque_bera,           2, Ratio,    Neutral, "Jarque-Bera statistic of normality",
        |x| jarque_bera(x.returns);
    jarque_bera_p_value,   2, Fraction, Neutral, "probability of such a Jarque-Bera statistic if returns are normal",
        |x| jarque_bera_p_value(x.returns);
    // Against a benchmark.
    alpha,                 1, PerYear,  Higher,  "Jensen's alpha, annualised",
        |x| x.benchmark.and_then(|b| alpha(x.returns, b, x.risk_free, x.periods_per_year));
    beta,                  1, Ratio,    Neutral, "sensitivity to the benchmark",
        |x| x.benchmark.and_then(|b| beta(x.returns, b));
    correlation,           1, Ratio,    Neutral, "correlation with the benchmark",
        |x| x.benchmark.and_then(|b| correlation(x.returns, b));
    tracking_error,        1, PerYear,  Neutral, "annualised standard deviation of the return beyond the benchmark",
        |x| x.benchmark.and_then(|b| tracking_error(x.returns, b, x.periods_per_year));
    information_ratio,     1, Ratio,    Higher,  "annualised mean return beyond the benchmark over tracking error",
        |x| x.benchmark.and_then(|b| information_ratio(x.returns, b, x.periods_per_year));
    up_capture,            1, Ratio,    Higher,  "annual return over the benchmark's where the benchmark rose",
        |x| x.benchmark.and_then(|b| up_capture(x.returns, b, x.periods_per_year));
    down_capture,          1, Ratio,    Lower,   "annual return over the benchmark's where the benchmark fell",
        |x| x.benchmark.and_then(|b| down_capture(x.returns, b, x.periods_per_year));
    // Trades and positions.
    trade_count,           1, Trades,   Neutral, "number of closed trades",
        |x| x.trade_pnls.map(trade_count), running |r, _| Some(trade_count(&r.trade_pnls));
    win_rate,              1, Fraction, Higher,  "share of trades with a profit",
        |x| x.trade_pnls.and_then(win_rate), running |r, _| win_rate(&r.trade_pnls);
    profit_factor,         1, Ratio,    Higher,  "gross profit over gross loss",
        |x| x.trade_pnls.and_then(profit_factor), running |r, _| profit_factor(&r.trade_pnls);
    payoff_ratio,          1, Ratio,    Higher,  "average win over average loss",
        |x| x.trade_pnls.and_then(payoff_ratio), running |r, _| payoff_ratio(&r.trade_pnls);
    expectancy,            1, Currency, Higher,  "mean profit of a trade",
        |x| x.trade_pnls.and_then(expectancy), running |r, _| expectancy(&r.trade_pnls);
    average_win,           1, Currency, Higher,  "mean profit of the winning trades",
        |x| x.trade_pnls.and_then(average_win), running |r, _| average_win(&r.trade_pnls);
    average_loss,          1, Currency, Lower,   "mean loss of the losing trades, positive",
        |x| x.trade_pnls.and_then(average_loss), running |r, _| average_loss(&r.trade_pnls);
    largest_loss,          1, Currency, Lower,   "loss of the worst trade, positive",
        |x| x.trade_pnls.and_then(largest_loss), running |r, _| largest_loss(&r.trade_pnls);
    time_in_market,        1, Fraction, Neutral, "share of periods with a position",
        |x| x.positions.and_then(time_in_market), running |r, _| r.time_in_market();
}

/// The newest version of the set of metrics. What reports metrics says in which version, and reports exactly those:
/// so a metric that is added later does not change what an old request is answered.
pub const VERSION: u32 = definitions::newest(DEFINITIONS);

/// The version of the set with this number; none where this release has no such version.
pub fn version(number: i64) -> Option<u32> {
    u32::try_from(number).ok().filter(|version| (1..=VERSION).contains(version))
}

/// The metrics of a version of the set.
pub fn of_version(version: u32) -> impl Iterator<Item = &'static Definition> {
    DEFINITIONS.iter().filter(move |definition| definition.since <= version)
}

/// The definition of a canonical name.
pub fn by_name(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// Every metric by its canonical name, in the order of [`DEFINITIONS`].
///
/// A metric of an input that is not there is `None`. If any number in the inputs is NaN or infinite, every
/// metric is `None`: half a report from broken data is worse than none.
pub fn all(inputs: &Inputs<'_>) -> Vec<(&'static str, Option<f64>)> {
    all_of(VERSION, inputs)
}

/// As [`all`], of a version of the set.
pub fn all_of(version: u32, inputs: &Inputs<'_>) -> Vec<(&'static str, Option<f64>)> {
    let finite = inputs.are_finite();
    let value = |definition: &Definition| if finite { (definition.of)(inputs) } else { None };
    of_version(version).map(|definition| (definition.name, value(definition))).collect()
}

/// As [`all_of`], where each period has a risk-free return of its own: metrics that take a rate are of the returns beyond
/// it, those of the benchmark too, and all others of the returns as they are. Without `free` the risk-free returns are
/// undefined, and what takes a rate is `None`. The rate in `inputs` is not looked at.
pub fn all_beyond(
    version: u32,
    inputs: &Inputs<'_>,
    free: Option<&[f64]>,
) -> Vec<(&'static str, Option<f64>)> {
    let beyond = free.map(|free| Beyond::of(inputs, free));
    let beyond = beyond.as_ref().map(|beyond| all_of(version, &beyond.inputs(inputs)));
    let value = |(row, (definition, (name, plain))): (usize, (&Definition, _))| {
        let beyond = || beyond.as_ref().and_then(|all| all[row].1);
        (name, if definition.takes(Input::RiskFree) { beyond() } else { plain })
    };
    of_version(version).zip(all_of(version, inputs)).enumerate().map(value).collect()
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
    }

    /// A row that is added with the number of an old version would change what old requests are answered.
    #[test]
    fn what_a_version_holds_never_changes() {
        let count = |version: u32| of_version(version).count();
        assert_eq!((count(0), count(1), count(2)), (0, 39, 54));
        assert_eq!(all_of(1, &returns_only(&[0.1, -0.1])).len(), 39);
        assert_eq!(count(VERSION), DEFINITIONS.len());
        let numbers = [i64::MIN, 0, 1, i64::from(VERSION), i64::from(VERSION) + 1, i64::MAX];
        assert_eq!(numbers.map(version), [None, None, Some(1), Some(VERSION), None, None]);
        let since: Vec<u32> = DEFINITIONS.iter().map(|definition| definition.since).collect();
        assert!(
            (1..=VERSION).all(|version| since.contains(&version)),
            "a version without a metric: {since:?}"
        );
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

    /// Two losses of more than everything must not compound to a fortune.
    #[test]
    fn no_metric_calls_a_ruined_account_good() {
        for returns in [&[-2.0, -2.0][..], &[0.5, -3.0, 2.0, -3.0]] {
            let mut held = returns.to_vec();
            assert!(hold_to_ruin(&mut held).is_some());
            for series in [returns, &held] {
                let inputs = returns_only(series);
                for (name, worst) in [("total_return", -1.0), ("annual_return", -1.0), ("max_drawdown", 1.0)]
                {
                    assert_eq!(value(&inputs, name), Some(worst), "{name} of {series:?}");
                }
                for name in ["calmar", "recovery_factor"] {
                    assert_eq!(value(&inputs, name), Some(-1.0), "{name} of {series:?}");
                }
                assert!(value(&inputs, "serenity_index").is_none_or(|index| index < 0.0));
                assert_eq!(top_drawdowns(series, 9).last().map(|last| last.end), Some(None));
            }
        }
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

        /// What ranks a trial fold by fold is what its report says, to the last bit.
        #[test]
        fn what_is_kept_up_is_what_the_whole_run_gives(
            returns in prop::collection::vec((-1.2..1.5_f64, prop::bool::weighted(0.6)), 0..80),
            trade_pnls in prop::collection::vec(prop_oneof![Just(0.0), -9.0..9.0_f64], 0..20),
            periods_per_year in prop_oneof![1.0..300.0_f64, Just(0.0)],
        ) {
            let mut running = Running::default();
            returns.iter().for_each(|(period_return, held)| running.push(*period_return, *held));
            running.trade_pnls.extend(&trade_pnls);
            let positions: Vec<f64> = returns.iter().map(|(_, held)| if *held { -2.0 } else { 0.0 }).collect();
            let returns: Vec<f64> = returns.iter().map(|(period_return, _)| *period_return).collect();
            let inputs = Inputs {
                trade_pnls: Some(&trade_pnls),
                positions: Some(&positions),
                periods_per_year,
                risk_free: 0.0,
                ..returns_only(&returns)
            };
            let mut compared = 0;
            for definition in DEFINITIONS {
                if let Some(value) = definition.of_running(&running, periods_per_year) {
                    let whole = (definition.of)(&inputs);
                    prop_assert_eq!(value.map(f64::to_bits), whole.map(f64::to_bits), "{}", definition.name);
                    compared += 1;
                }
            }
            prop_assert!(compared >= 17, "compared only {}", compared);
        }

        #[test]
        fn fractions_stay_in_their_range(returns in prop::collection::vec(-1.5..2.0_f64, 1..100)) {
            let inputs = Inputs { positions: Some(&returns), ..returns_only(&returns) };
            for name in [
                "max_drawdown", "average_drawdown", "ulcer_index", "positive_periods", "stability", "time_in_market",
                "win_rate_periods", "probabilistic_sharpe_ratio", "jarque_bera_p_value",
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
