//! Excess kurtosis: g2 = m4 / m2² - 3, with m_k the k-th central moment (divisor n); a normal law has 0.
//!
//! Unit: ratio, not annualised. This is the *biased* moment estimator (scipy `kurtosis`, bias=True); pandas and
//! quantstats report the bias-adjusted G2. The deflated Sharpe ratio takes the kurtosis that is not excess:
//! add 3. Undefined below two returns and without dispersion. Source: Joanes and Gill (1998), g2.

use crate::metrics::skewness::standardised_moment;

/// Fourth standardised moment of the returns, less three; see the file's head.
pub fn kurtosis(returns: &[f64]) -> Option<f64> {
    standardised_moment(returns, 4).map(|moment| moment - 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn two_points_have_the_least_and_an_outlier_has_more() {
        assert_close(kurtosis(&[0.0, 1.0]), -2.0);
        // Bernoulli with p = 1/4: (1 - 6p(1 - p)) / (p(1 - p))
        assert_close(kurtosis(&[0.0, 0.0, 0.0, 1.0]), -0.125 / 0.1875);
    }

    #[test]
    fn undefined_below_two_returns_and_without_dispersion() {
        assert_eq!(kurtosis(&[]), None);
        assert_eq!(kurtosis(&[0.1]), None);
        assert_eq!(kurtosis(&[0.1; 9]), None);
    }
}
