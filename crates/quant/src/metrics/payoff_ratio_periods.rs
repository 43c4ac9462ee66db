//! Payoff ratio of periods: the mean return of the rising periods over the mean loss of the falling ones.
//!
//! Unit: ratio. Not annualised. `payoff_ratio` compares trades. Undefined without a rising or without a falling period.
//! Source: quantstats `payoff_ratio` of a series of returns.

use crate::metrics::payoff_ratio::payoff_ratio;

/// Average gain over average loss of a period; see the file's head.
pub fn payoff_ratio_periods(returns: &[f64]) -> Option<f64> {
    payoff_ratio(returns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn average_gain_over_average_loss() {
        assert_close(payoff_ratio_periods(&[0.3, 0.1, 0.0, -0.1]), 2.0);
    }

    #[test]
    fn undefined_without_a_gain_or_a_loss() {
        assert_eq!(payoff_ratio_periods(&[]), None);
        assert_eq!(payoff_ratio_periods(&[0.1, 0.0]), None);
        assert_eq!(payoff_ratio_periods(&[-0.1, 0.0]), None);
    }
}
