//! Information ratio: mean(r - b) / s · √P, with s the sample standard deviation (divisor n - 1) of r - b and P
//! periods a year.
//!
//! Unit: ratio, annualised (empyrical `excess_sharpe` and quantstats `information_ratio` leave out √P). Undefined
//! for different lengths, below two pairs, and at a constant distance from the benchmark.
//! Source: Grinold and Kahn (1999).

use crate::metrics::annual::root_of_time;
use crate::metrics::numeric::{defined, ratio};
use crate::metrics::tracking_error::active_moments;

/// Annualised return beyond the benchmark per unit of tracking error; see the file's head.
pub fn information_ratio(returns: &[f64], benchmark: &[f64], periods_per_year: f64) -> Option<f64> {
    let active = active_moments(returns, benchmark)?;
    defined(ratio(active.mean()?, active.sample_std_dev()?)? * root_of_time(periods_per_year)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn mean_over_standard_deviation_of_the_difference() {
        assert_close(information_ratio(&[0.0, 0.02, 0.04], &[0.01, 0.01, 0.01], 4.0), 1.0);
    }

    #[test]
    fn a_constant_lead_has_none_although_floats_round() {
        assert_eq!(information_ratio(&[0.11, 0.21, 0.31], &[0.1, 0.2, 0.3], 252.0), None);
    }

    #[test]
    fn undefined_for_different_lengths_and_below_two_pairs() {
        assert_eq!(information_ratio(&[0.1, 0.2], &[0.1], 252.0), None);
        assert_eq!(information_ratio(&[0.1], &[0.2], 252.0), None);
        assert_eq!(information_ratio(&[], &[], 252.0), None);
    }
}
