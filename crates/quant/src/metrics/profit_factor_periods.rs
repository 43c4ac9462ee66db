//! Profit factor of periods: the sum of the returns above zero over the sum of the losses.
//!
//! Unit: ratio. Not annualised. It is `gain_to_pain` plus one. `profit_factor` sums trades. Undefined for no returns and
//! without a losing period (quantstats answers infinity). Source: quantstats `profit_factor` of a series of returns.

use crate::metrics::profit_factor::profit_factor;

/// Gains of the rising periods over losses of the falling ones; see the file's head.
pub fn profit_factor_periods(returns: &[f64]) -> Option<f64> {
    profit_factor(returns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn gains_over_losses() {
        assert_close(profit_factor_periods(&[0.3, -0.1, 0.0, 0.1, -0.1]), 2.0);
        assert_eq!(profit_factor_periods(&[-0.1]), Some(0.0));
    }

    #[test]
    fn undefined_without_a_loss() {
        assert_eq!(profit_factor_periods(&[]), None);
        assert_eq!(profit_factor_periods(&[0.1, 0.0]), None);
    }
}
