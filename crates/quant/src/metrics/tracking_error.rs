//! Tracking error: sample standard deviation (divisor n - 1) of r - b, times √P, P periods a year.
//!
//! Unit: fraction a year. Undefined for different lengths and below two pairs; zero at a constant distance from
//! the benchmark, up to rounding. Source: Grinold and Kahn (1999); PerformanceAnalytics `TrackingError`.

use crate::metrics::annual::root_of_time;
use crate::metrics::numeric::{Moments, defined};

/// Annualised volatility of the return beyond the benchmark; see the file's head.
pub fn tracking_error(returns: &[f64], benchmark: &[f64], periods_per_year: f64) -> Option<f64> {
    defined(active_moments(returns, benchmark)?.sample_std_dev()? * root_of_time(periods_per_year)?)
}

/// Moments of r - b; `None` for different lengths.
pub(crate) fn active_moments(returns: &[f64], benchmark: &[f64]) -> Option<Moments> {
    if returns.len() != benchmark.len() {
        return None;
    }
    Some(Moments::of(returns.iter().zip(benchmark).map(|(r, b)| r - b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_volatility_of_the_difference() {
        assert_close(tracking_error(&[0.2, 0.1], &[0.1, 0.2], 4.0), 2.0 * 0.02_f64.sqrt());
        assert_eq!(tracking_error(&[0.2, 0.1], &[0.2, 0.1], 252.0), Some(0.0));
    }

    #[test]
    fn undefined_for_different_lengths_and_below_two_pairs() {
        assert_eq!(tracking_error(&[0.1, 0.2], &[0.1], 252.0), None);
        assert_eq!(tracking_error(&[0.1], &[0.1], 252.0), None);
        assert_eq!(tracking_error(&[], &[], 252.0), None);
    }
}
