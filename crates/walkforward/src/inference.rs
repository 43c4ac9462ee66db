//! Numbers from which others can judge a score: what it was measured on, and how sure it is.
//!
//! Definitions and sources are in `gauntlet_quant::inference`. Names with `excess` are of the returns less the mean exposure
//! times the benchmark's return: what is left of a rule that only held the market. Names:
//!
//! | name | what |
//! |---|---|
//! | `observations`, `periods_per_year` | bars with a return; bars in a year |
//! | `sharpe`, `skewness`, `kurtosis` | of the return of one bar; not annual; 3 is a normal kurtosis |
//! | `standard_error` | of that Sharpe ratio, robust to autocorrelation (HAC) |
//! | `low`, `high` | the annual Sharpe ratio's interval of 95 % |
//! | `psr` | probability that the true Sharpe ratio is above zero |
//! | `mean_exposure` | mean of the position's value over the equity, signed |
//! | `excess_…` | the same of the excess, where there is a benchmark |

use gauntlet_domain::experiment::Metrics;
use gauntlet_quant::inference::{
    DsrForm, SharpeEstimate, Trials, confidence_interval, dsr, excess, hac, hac_lag, psr,
};
use gauntlet_quant::metrics::Beyond;

use crate::report::Segments;

/// Confidence of the intervals.
pub const LEVEL: f64 = 0.95;

/// What can be said of the joined returns, all of them beyond the risk-free rate where there is one.
pub fn inference(segments: &Segments) -> Metrics {
    let mut numbers = Metrics::new();
    let periods_per_year = segments.periods_per_year;
    let Beyond { returns, benchmark } = segments.beyond_risk_free().unwrap_or_default();
    judge("", &returns, periods_per_year, &mut numbers);
    numbers.insert("observations".to_owned(), Some(segments.returns.len() as f64));
    let periods = Some(periods_per_year).filter(|periods| *periods > 0.0);
    numbers.insert("periods_per_year".to_owned(), periods);
    let exposures = &segments.exposures;
    let mean = (!exposures.is_empty()).then(|| exposures.iter().sum::<f64>() / exposures.len() as f64);
    numbers.insert("mean_exposure".to_owned(), mean);
    if segments.with_benchmark {
        let excess = excess(&returns, exposures, &benchmark.unwrap_or_default()).unwrap_or_default();
        judge("excess_", &excess, periods_per_year, &mut numbers);
    }
    numbers
}

fn judge(prefix: &str, returns: &[f64], periods_per_year: f64, numbers: &mut Metrics) {
    let estimate = SharpeEstimate::of(returns).ok();
    let error = estimate.and_then(|_| hac(returns, hac_lag(returns.len())).ok());
    // Annual, so undefined where nobody knows the bars of a year.
    let interval = estimate
        .zip(error)
        .filter(|_| periods_per_year > 0.0)
        .and_then(|(of, error)| confidence_interval(of.sharpe, error, LEVEL).ok());
    let year = periods_per_year.sqrt();
    for (name, value) in [
        ("sharpe", estimate.map(|of| of.sharpe)),
        ("skewness", estimate.map(|of| of.skewness)),
        ("kurtosis", estimate.map(|of| of.kurtosis)),
        ("standard_error", error),
        ("low", interval.map(|of| of.low * year)),
        ("high", interval.map(|of| of.high * year)),
        ("psr", estimate.and_then(|of| psr(&of, 0.0).ok())),
    ] {
        numbers.insert(format!("{prefix}{name}"), value.filter(|value| value.is_finite()));
    }
}

/// Under which names a finalist's figures have what [`inference`] says: these before its own.
const FIGURES: &str = "inference.";

/// What [`inference`] says of a finalist, from all of its figures.
pub fn of_figures(figures: &Metrics) -> Metrics {
    let of = |(name, value): (&String, &Option<f64>)| Some((name.strip_prefix(FIGURES)?.to_owned(), *value));
    figures.iter().filter_map(of).collect()
}

/// The prefix of the returns that gates judge: the excess, where there is a benchmark.
pub fn judged_returns(numbers: &Metrics) -> &'static str {
    if numbers.contains_key("excess_sharpe") { "excess_" } else { "" }
}

/// The deflated Sharpe ratio of what [`inference`] says; `prefix` says of which returns: empty, or `excess_`. `counted` are the
/// trials with their *annual* Sharpe ratios, so that those of bars of other lengths can be among them.
pub fn deflated(numbers: &Metrics, prefix: &str, counted: &Trials) -> Option<f64> {
    let number = |name: &str| numbers.get(name).copied().flatten();
    let of = |name: &str| number(&format!("{prefix}{name}"));
    let estimate = SharpeEstimate {
        observations: number("observations")? as usize,
        sharpe: of("sharpe")?,
        skewness: of("skewness")?,
        kurtosis: of("kurtosis")?,
    };
    let per_bar = counted.variance().ok()? / number("periods_per_year")?;
    let sum_sq_dev = per_bar * counted.with_sharpe().saturating_sub(1) as f64;
    let best =
        Trials::merged(counted.count(), counted.with_sharpe(), sum_sq_dev).ok()?.expected_best().ok()?;
    dsr(&estimate, &best, DsrForm::default()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_example_of_2014_comes_out() {
        // Bailey and Lopez de Prado (2014): 100 trials, variance 1/2 of annual Sharpe ratios, daily returns over 5 years
        // of 250 days, annual Sharpe ratio 2.5, skewness -3, kurtosis 10: DSR 0.9004.
        let counted = Trials::merged(100, 100, 0.5 * 99.0).unwrap();
        let known = Metrics::from(
            [
                ("observations", 1250.0),
                ("sharpe", 2.5 / 250.0_f64.sqrt()),
                ("skewness", -3.0),
                ("kurtosis", 10.0),
                ("periods_per_year", 250.0),
            ]
            .map(|(name, value)| (name.to_owned(), Some(value))),
        );
        let value = deflated(&known, "", &counted).unwrap();
        assert!((value - 0.9004).abs() < 5e-5, "{value}");
        assert_eq!(deflated(&known, "excess_", &counted), None);
    }
}
