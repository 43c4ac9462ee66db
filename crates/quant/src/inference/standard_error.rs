//! Standard errors of a Sharpe ratio, per observation, and its confidence interval.
//!
//! * Lo (2002): independent normal returns, √((1 + SR²/2) / n).
//! * Mertens (2002): independent returns of any law, √((1 - γ3·SR + (γ4 - 1)/4·SR²) / n).
//! * HAC: dependent returns. The delta method turns (mean, variance) into one series per observation,
//!   ψ = z - SR/2·(z² - 1) with z the standardised return, whose long-run variance over n is that of the Sharpe ratio
//!   (GMM form of Lo 2002; Ledoit and Wolf 2008). Bartlett weights with lag ⌊4·(n/100)^(2/9)⌋ (Newey and West 1994).
//!   With lag zero this is Mertens' formula.

use super::distributions::normal_quantile;
use super::long_run::kernel_sum;
use super::{SharpeEstimate, Undefined, at_least, finite};
use crate::metrics::numeric::Moments;

/// Standard error for independent normal returns.
pub fn lo(estimate: &SharpeEstimate) -> Result<f64, Undefined> {
    at_least(2, estimate.observations)?;
    finite(((1.0 + estimate.sharpe * estimate.sharpe / 2.0) / estimate.observations as f64).sqrt())
}

/// Standard error for independent returns of any law.
pub fn mertens(estimate: &SharpeEstimate) -> Result<f64, Undefined> {
    at_least(2, estimate.observations)?;
    let factor = estimate.variance_factor(estimate.sharpe)?;
    finite((factor / estimate.observations as f64).sqrt())
}

/// The automatic lag of [`hac`].
pub fn hac_lag(observations: usize) -> usize {
    (4.0 * libm::pow(observations as f64 / 100.0, 2.0 / 9.0)).floor() as usize
}

/// Standard error for dependent returns, with a lag below the number of returns.
pub fn hac(returns: &[f64], lag: usize) -> Result<f64, Undefined> {
    let estimate = SharpeEstimate::of(returns)?;
    at_least(lag + 1, returns.len())?;
    let bartlett = |step: f64| 1.0 - step / (lag + 1) as f64;
    let variance = kernel_sum(&influence(returns, estimate.sharpe), lag, bartlett);
    if variance > 0.0 { finite((variance / returns.len() as f64).sqrt()) } else { Err(Undefined::Infeasible) }
}

/// ψ of each of returns that vary; see the file's head.
pub(super) fn influence(returns: &[f64], sharpe: f64) -> Vec<f64> {
    let moments = Moments::of(returns.iter().copied());
    let std_dev = (moments.sum_sq_dev / returns.len() as f64).sqrt();
    let of = |value: &f64| {
        let z = (value - moments.mean) / std_dev;
        z - sharpe / 2.0 * (z * z - 1.0)
    };
    returns.iter().map(of).collect()
}

/// A range that holds the true value with the stated probability, under the normal approximation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// `sharpe` ± Φ⁻¹((1 + level)/2) · `standard_error`.
pub fn confidence_interval(sharpe: f64, standard_error: f64, level: f64) -> Result<Interval, Undefined> {
    if !(level > 0.0 && level < 1.0 && standard_error >= 0.0) {
        return Err(Undefined::Infeasible);
    }
    let half = normal_quantile(0.5 + level / 2.0)? * standard_error;
    Ok(Interval { low: finite(sharpe - half)?, high: finite(sharpe + half)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETURNS: [f64; 8] = [0.01, -0.02, 0.03, 0.005, -0.01, 0.02, 0.0, 0.015];

    #[test]
    fn the_printed_table_of_asymptotic_standard_errors() {
        // Lo (2002), table 1: Sharpe ratio, sample size, standard error to three digits.
        for (sharpe, observations, printed) in [
            (0.5, 12, 0.306),
            (0.5, 60, 0.137),
            (1.0, 12, 0.354),
            (1.0, 250, 0.077),
            (1.5, 24, 0.298),
            (2.0, 36, 0.289),
            (3.0, 12, 0.677),
            (3.0, 500, 0.105),
        ] {
            let estimate = SharpeEstimate { observations, sharpe, skewness: 0.0, kurtosis: 3.0 };
            assert!((lo(&estimate).unwrap() - printed).abs() <= 5e-4, "{sharpe} {observations}");
            assert!((mertens(&estimate).unwrap() - lo(&estimate).unwrap()).abs() < 1e-16);
        }
    }

    #[test]
    fn without_lags_the_robust_error_is_that_of_independent_returns() {
        let estimate = SharpeEstimate::of(&RETURNS).unwrap();
        assert!((hac(&RETURNS, 0).unwrap() - mertens(&estimate).unwrap()).abs() < 1e-15);
        assert_eq!(hac(&RETURNS, 8), Err(Undefined::TooFewObservations { have: 8, need: 9 }));
        assert_eq!(hac(&[0.1; 5], 1), Err(Undefined::ZeroVariance));
    }

    #[test]
    fn the_automatic_lag_grows_slowly() {
        assert_eq!([10, 100, 500, 1000, 2500].map(hac_lag), [2, 4, 5, 6, 8]);
    }

    #[test]
    fn a_95_percent_interval_is_about_two_errors_wide() {
        let interval = confidence_interval(0.1, 0.05, 0.95).unwrap();
        assert!((interval.high - 0.197_998_199_227_002_7).abs() < 1e-15);
        assert!((interval.low + interval.high - 0.2).abs() < 1e-15);
        assert_eq!(confidence_interval(0.1, 0.05, 1.0), Err(Undefined::Infeasible));
    }
}
