//! Annual volatility: sample standard deviation of the returns (divisor n - 1) times √P, P periods a year.
//!
//! Unit: fraction a year. Exact only for returns without autocorrelation. Undefined below two returns.
//! Constant returns have a volatility of exactly zero. Source: empyrical `annual_volatility`.

use crate::metrics::annual::root_of_time;
use crate::metrics::numeric::{Moments, defined};

/// Annualised standard deviation of returns; see the file's head.
pub fn annual_volatility(returns: &[f64], periods_per_year: f64) -> Option<f64> {
    volatility_of(&Moments::of(returns.iter().copied()), periods_per_year)
}

/// From moments alone, shared with the one-pass [`crate::metrics::OnlineMoments`].
pub(crate) fn volatility_of(moments: &Moments, periods_per_year: f64) -> Option<f64> {
    defined(moments.sample_std_dev()? * root_of_time(periods_per_year)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_standard_deviation_scales_with_the_root_of_time() {
        assert_close(annual_volatility(&[0.1, -0.1], 1.0), 0.02_f64.sqrt());
        assert_close(annual_volatility(&[0.1, -0.1], 4.0), 2.0 * 0.02_f64.sqrt());
    }

    #[test]
    fn constant_returns_have_none_and_one_return_is_too_few() {
        assert_eq!(annual_volatility(&[0.1; 7], 252.0), Some(0.0));
        assert_eq!(annual_volatility(&[0.1], 252.0), None);
        assert_eq!(annual_volatility(&[], 252.0), None);
        assert_eq!(annual_volatility(&[0.1, -0.1], 0.0), None);
    }
}
