//! Probabilistic Sharpe ratio: Φ(S·√(n - 1) / √(1 - g1·S + (g2 + 2)/4·S²)), with Φ the normal distribution, S the Sharpe
//! ratio of one period beyond the risk-free return, g1 the skewness and g2 the (excess) kurtosis of the n returns.
//!
//! Unit: fraction, 0 to 1: how sure the returns make it that the true Sharpe ratio is above zero. Not annualised. The
//! moments are the biased ones of `skewness` and `kurtosis`, as in the paper; quantstats takes bias-adjusted ones, which
//! differ by a term of 1/n. Undefined below two returns, without dispersion, and where the variance of S comes out
//! negative. Source: Bailey and López de Prado (2012); quantstats `probabilistic_sharpe_ratio`.

use std::f64::consts::SQRT_2;

use crate::metrics::annual::risk_free_per_period;
use crate::metrics::kurtosis::kurtosis;
use crate::metrics::numeric::{Moments, defined, ratio};
use crate::metrics::skewness::skewness;

/// Confidence in a Sharpe ratio above zero; see the file's head.
pub fn probabilistic_sharpe_ratio(returns: &[f64], risk_free: f64, periods_per_year: f64) -> Option<f64> {
    // Without a rate there is nothing to convert, whatever a year is.
    let free = if risk_free == 0.0 { 0.0 } else { risk_free_per_period(risk_free, periods_per_year)? };
    let moments = Moments::of(returns.iter().copied());
    let per_period = ratio(moments.mean()? - free, moments.sample_std_dev()?)?;
    let (skewness, kurtosis) = (skewness(returns)?, kurtosis(returns)?);
    let variance = 1.0 - skewness * per_period + (kurtosis + 2.0) / 4.0 * per_period * per_period;
    if variance <= 0.0 {
        return None;
    }
    let deviations = ratio(per_period * ((moments.count - 1) as f64).sqrt(), variance.sqrt())?;
    defined(0.5 * libm::erfc(-deviations / SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn no_mean_is_a_coin_toss_and_a_sign_mirrors() {
        assert_close(probabilistic_sharpe_ratio(&[-0.1, 0.1, -0.2, 0.2], 0.0, 252.0), 0.5);
        let up = [0.03, -0.01, 0.02, 0.01, -0.02];
        let down = up.map(|r| -r);
        let [up, down] = [&up, &down].map(|returns| probabilistic_sharpe_ratio(returns, 0.0, 252.0).unwrap());
        assert!(up > 0.5);
        assert_close(Some(up + down), 1.0);
    }

    #[test]
    fn more_of_the_same_makes_surer() {
        let few = [0.03, -0.01, 0.02, 0.01, -0.02];
        let many = few.repeat(10);
        assert!(probabilistic_sharpe_ratio(&many, 0.0, 252.0) > probabilistic_sharpe_ratio(&few, 0.0, 252.0));
    }

    #[test]
    fn undefined_below_two_returns_and_without_dispersion() {
        assert_eq!(probabilistic_sharpe_ratio(&[], 0.0, 252.0), None);
        assert_eq!(probabilistic_sharpe_ratio(&[0.1], 0.0, 252.0), None);
        assert_eq!(probabilistic_sharpe_ratio(&[0.1; 9], 0.0, 252.0), None);
        assert_eq!(probabilistic_sharpe_ratio(&[0.1, 0.2], 0.02, 0.0), None);
    }
}
