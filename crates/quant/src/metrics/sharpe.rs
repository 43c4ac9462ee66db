//! Sharpe ratio: (mean(r) - f) / s · √P, with f the risk-free return of one period, s the sample standard
//! deviation (divisor n - 1) and P periods a year.
//!
//! Unit: ratio, annualised. `risk_free` is an annual rate R; f = (1 + R)^(1/P) - 1. Undefined below two returns
//! and where s is zero: constant returns have no Sharpe ratio, however good they are.
//! Source: Sharpe (1994); empyrical `sharpe_ratio`, which takes f itself.

use crate::metrics::annual::{risk_free_per_period, root_of_time};
use crate::metrics::numeric::{Moments, defined, ratio};

/// Annualised Sharpe ratio; see the file's head.
pub fn sharpe(returns: &[f64], risk_free: f64, periods_per_year: f64) -> Option<f64> {
    sharpe_of(&Moments::of(returns.iter().copied()), risk_free, periods_per_year)
}

/// The ratio from moments alone, shared with the one-pass [`crate::metrics::OnlineMoments`].
pub(crate) fn sharpe_of(moments: &Moments, risk_free: f64, periods_per_year: f64) -> Option<f64> {
    let excess = moments.mean()? - risk_free_per_period(risk_free, periods_per_year)?;
    let per_period = ratio(excess, moments.sample_std_dev()?)?;
    defined(per_period * root_of_time(periods_per_year)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn mean_over_standard_deviation_times_the_root_of_time() {
        // mean 0.01, sample standard deviation 0.02
        assert_close(sharpe(&[-0.01, 0.01, 0.03], 0.0, 4.0), 1.0);
    }

    #[test]
    fn the_risk_free_rate_is_annual() {
        // 21 % a year are 10 % a period of half a year: the excess mean is zero.
        assert_close(sharpe(&[0.0, 0.2], 0.21, 2.0), 0.0);
    }

    #[test]
    fn undefined_below_two_returns_and_without_dispersion() {
        assert_eq!(sharpe(&[], 0.0, 252.0), None);
        assert_eq!(sharpe(&[0.01], 0.0, 252.0), None);
        assert_eq!(sharpe(&[0.0; 100], 0.0, 252.0), None);
        assert_eq!(sharpe(&[0.1; 100], 0.02, 252.0), None);
        assert_eq!(sharpe(&[0.3, 0.1 + 0.2], 0.0, 252.0), None);
        assert_eq!(sharpe(&[0.1, 0.2], -1.0, 252.0), None);
    }
}
