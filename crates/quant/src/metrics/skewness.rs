//! Skewness: g1 = m3 / m2^(3/2), with m_k the k-th central moment (divisor n).
//!
//! Unit: ratio, not annualised. This is the *biased* moment estimator (scipy `skew`, bias=True), the one the
//! probabilistic and the deflated Sharpe ratio take; pandas and quantstats report the bias-adjusted
//! G1 = g1·√(n(n - 1)) / (n - 2). Undefined below two returns and without dispersion.
//! Source: Joanes and Gill (1998), g1.

use crate::metrics::numeric::{Moments, NOISE, defined, sum};

/// Third standardised moment of the returns; see the file's head.
pub fn skewness(returns: &[f64]) -> Option<f64> {
    standardised_moment(returns, 3)
}

/// m_k / m2^(k/2), from the deviations in units of the standard deviation (their powers don't underflow).
pub(crate) fn standardised_moment(returns: &[f64], order: i32) -> Option<f64> {
    if returns.len() < 2 {
        return None;
    }
    let count = returns.len() as f64;
    let mean = Moments::of(returns.iter().copied()).mean()?;
    let std_dev = (sum(returns.iter().map(|r| (r - mean) * (r - mean))) / count).sqrt();
    if std_dev <= NOISE {
        return None;
    }
    defined(sum(returns.iter().map(|r| power((r - mean) / std_dev, order))) / count)
}

/// Repeated multiplication: `powi` may round differently on another platform.
fn power(base: f64, exponent: i32) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn a_long_right_tail_is_positive_and_symmetry_is_zero() {
        // Bernoulli with p = 1/4: (1 - 2p) / √(p(1 - p))
        assert_close(skewness(&[0.0, 0.0, 0.0, 1.0]), 0.5 / 0.1875_f64.sqrt());
        assert_close(skewness(&[-0.1, 0.0, 0.1]), 0.0);
    }

    #[test]
    fn undefined_below_two_returns_and_without_dispersion() {
        assert_eq!(skewness(&[]), None);
        assert_eq!(skewness(&[0.1]), None);
        assert_eq!(skewness(&[0.1; 9]), None);
        assert_eq!(skewness(&[0.1, f64::NAN]), None);
    }
}
