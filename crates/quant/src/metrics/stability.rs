//! Stability: R² of the least-squares line through the cumulative log returns, Σ ln(1 + r), against time.
//!
//! Unit: fraction, 0 to 1. Not annualised. One is a perfectly steady path, up *or down*: it says nothing about
//! the direction. Undefined below two returns, where the path is flat, and where a return is -1 or less.
//! Source: empyrical `stability_of_timeseries`.

use crate::metrics::numeric::{CoMoments, defined};

/// How straight the log of wealth runs; see the file's head.
pub fn stability(returns: &[f64]) -> Option<f64> {
    let time: Vec<f64> = (0..returns.len()).map(|period| period as f64).collect();
    let mut log_wealth = 0.0;
    let path: Vec<f64> = returns
        .iter()
        .map(|&r| {
            log_wealth += libm::log1p(r);
            log_wealth
        })
        .collect();
    defined(log_wealth)?;
    let correlation = CoMoments::of(&time, &path)?.correlation()?;
    Some(correlation * correlation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn a_steady_path_has_one_in_either_direction() {
        assert_close(stability(&[0.01; 50]), 1.0);
        assert_close(stability(&[-0.01; 50]), 1.0);
    }

    #[test]
    fn a_path_that_comes_back_has_less() {
        // Log wealth 0, 1, 0: uncorrelated with time.
        assert_close(stability(&[0.0, libm::expm1(1.0), libm::expm1(-1.0)]), 0.0);
    }

    #[test]
    fn undefined_for_a_flat_path_ruin_and_below_two_returns() {
        assert_eq!(stability(&[]), None);
        assert_eq!(stability(&[0.1]), None);
        assert_eq!(stability(&[0.0; 10]), None);
        assert_eq!(stability(&[0.1, -1.0]), None);
        assert_eq!(stability(&[0.1, -1.5, 0.1]), None);
    }
}
