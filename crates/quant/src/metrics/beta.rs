//! Beta: Cov(r, b) / Var(b), the slope of the strategy's returns r on the benchmark's b, period by period.
//!
//! Unit: ratio, not annualised. A constant risk-free return cancels. Undefined for different lengths, below two
//! pairs and where the benchmark does not vary. Source: Sharpe (1964); empyrical `beta`.

use crate::metrics::numeric::CoMoments;

/// Sensitivity to the benchmark; see the file's head.
pub fn beta(returns: &[f64], benchmark: &[f64]) -> Option<f64> {
    CoMoments::of(benchmark, returns)?.slope()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn twice_the_benchmark_has_a_beta_of_two() {
        assert_close(beta(&[0.03, -0.01, 0.05], &[0.01, -0.01, 0.02]), 2.0);
        assert_close(beta(&[0.1, 0.1], &[0.1, 0.2]), 0.0);
    }

    #[test]
    fn undefined_for_a_constant_benchmark_or_a_different_length() {
        assert_eq!(beta(&[0.1, 0.2], &[0.1, 0.1]), None);
        assert_eq!(beta(&[0.1, 0.2], &[0.1]), None);
        assert_eq!(beta(&[0.1], &[0.1]), None);
        assert_eq!(beta(&[], &[]), None);
    }
}
