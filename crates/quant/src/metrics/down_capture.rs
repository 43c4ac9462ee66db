//! Down capture: annual return of the strategy over annual return of the benchmark, both compounded over the
//! periods in which the benchmark fell.
//!
//! Unit: ratio (1 is as much as the benchmark, below zero the strategy gained while the benchmark lost).
//! Annualised as in `crate::metrics::up_capture()`. Undefined for different lengths and where the benchmark never
//! fell. Source: empyrical `down_capture`.

use crate::metrics::up_capture::capture;

/// Share of the benchmark's falls that the strategy took part in; see the file's head.
pub fn down_capture(returns: &[f64], benchmark: &[f64], periods_per_year: f64) -> Option<f64> {
    capture(returns, benchmark, periods_per_year, |benchmark_return| benchmark_return < 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn only_falls_of_the_benchmark_count() {
        assert_close(down_capture(&[0.9, -0.05, -0.05], &[0.1, -0.1, -0.1], 1.0), 0.5);
        assert_close(down_capture(&[0.1], &[-0.1], 1.0), -1.0);
    }

    #[test]
    fn undefined_without_a_fall_or_for_different_lengths() {
        assert_eq!(down_capture(&[0.1, 0.1], &[0.0, 0.1], 252.0), None);
        assert_eq!(down_capture(&[-0.1], &[-0.1, -0.1], 252.0), None);
        assert_eq!(down_capture(&[], &[], 252.0), None);
    }
}
