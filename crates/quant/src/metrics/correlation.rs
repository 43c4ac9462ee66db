//! Correlation with the benchmark: Pearson's coefficient of the two series of returns, period by period.
//!
//! Unit: ratio, -1 to 1. Not annualised. Undefined for different lengths, below two pairs and where either
//! series does not vary. Source: scipy `pearsonr`.

use crate::metrics::numeric::CoMoments;

/// Pearson's correlation with the benchmark; see the file's head.
pub fn correlation(returns: &[f64], benchmark: &[f64]) -> Option<f64> {
    CoMoments::of(returns, benchmark)?.correlation()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn one_along_a_line_and_zero_across() {
        assert_close(correlation(&[0.03, -0.01, 0.05], &[0.01, -0.01, 0.02]), 1.0);
        assert_close(correlation(&[-0.1, 0.2, -0.1], &[0.1, 0.2, 0.3]), 0.0);
    }

    #[test]
    fn undefined_where_either_does_not_vary() {
        assert_eq!(correlation(&[0.1, 0.1], &[0.1, 0.2]), None);
        assert_eq!(correlation(&[0.1, 0.2], &[0.0, 0.0]), None);
        assert_eq!(correlation(&[0.1, 0.2], &[0.1]), None);
        assert_eq!(correlation(&[], &[]), None);
    }
}
