//! Value at risk and expected shortfall of a normal law with the mean x̄ and standard deviation s of the returns.
//!
//! With z = Φ⁻¹(alpha): VaR = -(x̄ + z·s), ES = -x̄ + s·φ(z)/alpha. s has divisor n - 1; PerformanceAnalytics has n.
//! Unit: loss of one period as a positive fraction. Undefined where the tail is too small. Source: Jorion (2007), ch. 5.

use super::check_tail;
use crate::inference::distributions::{normal_density, normal_quantile};
use crate::inference::{Undefined, at_least, finite};
use crate::metrics::numeric::Moments;

/// Value at risk of the normal law; see the file's head.
pub fn var_normal(returns: &[f64], alpha: f64) -> Result<f64, Undefined> {
    let (mean, std_dev) = mean_and_std_dev(returns, alpha)?;
    finite(0.0 - (mean + normal_quantile(alpha)? * std_dev))
}

/// Expected shortfall of the normal law; see the file's head.
pub fn es_normal(returns: &[f64], alpha: f64) -> Result<f64, Undefined> {
    let (mean, std_dev) = mean_and_std_dev(returns, alpha)?;
    finite(std_dev * normal_density(normal_quantile(alpha)?) / alpha - mean)
}

/// Mean and standard deviation of returns with a tail.
pub(super) fn mean_and_std_dev(returns: &[f64], alpha: f64) -> Result<(f64, f64), Undefined> {
    check_tail(returns, alpha)?;
    at_least(2, returns.len())?;
    let moments = Moments::of(returns.iter().copied());
    let std_dev = moments.sample_std_dev().ok_or(Undefined::NonFinite)?;
    Ok((moments.mean, std_dev))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_multiples_of_the_standard_deviation() {
        // Jorion (2007), table 5-3: deviates and expected tail losses of the normal law, to three digits.
        let returns: Vec<f64> = (0..1000).map(|at| if at % 2 == 0 { 0.01 } else { -0.01 }).collect();
        let std_dev = (0.0001 * 1000.0 / 999.0_f64).sqrt();
        for (alpha, deviate, tail) in
            [(0.01, 2.326, 2.665), (0.025, 1.960, 2.338), (0.05, 1.645, 2.063), (0.1, 1.282, 1.755)]
        {
            assert!((var_normal(&returns, alpha).unwrap() / std_dev - deviate).abs() < 5.1e-4, "{alpha}");
            assert!((es_normal(&returns, alpha).unwrap() / std_dev - tail).abs() < 5.1e-4, "{alpha}");
        }
    }
}
