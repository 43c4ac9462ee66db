//! Value at risk, historical at 5 %: the negative of the 5 % quantile of the returns.
//!
//! Unit: loss of one period as a positive fraction (0.02: one period in twenty loses 2 % or more); below zero
//! where even that quantile is a gain. empyrical reports the same number with the other sign. The quantile is
//! interpolated linearly (type 7). Not annualised. Undefined for no returns.
//! Source: Jorion, *Value at Risk*; empyrical `value_at_risk`.

use crate::metrics::numeric::quantile;

/// Share of the periods in the left tail, for value at risk and expected shortfall.
pub(crate) const TAIL: f64 = 0.05;

/// Loss that one period in twenty reaches, positive; see the file's head.
pub fn value_at_risk(returns: &[f64]) -> Option<f64> {
    // Subtracted from zero, so that no loss reads 0 rather than -0.
    quantile(returns, TAIL).map(|tail| 0.0 - tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_fifth_percentile_with_the_sign_of_a_loss() {
        let returns: Vec<f64> = (0..=20).map(|i| f64::from(i) * 0.01 - 0.1).collect();
        assert_close(value_at_risk(&returns), 0.09);
        assert_close(value_at_risk(&[0.1]), -0.1);
        assert_close(value_at_risk(&[-1.0, -1.0]), 1.0);
    }

    #[test]
    fn zero_for_flat_returns_and_undefined_for_none() {
        assert_eq!(value_at_risk(&[0.0; 5]).map(f64::to_bits), Some(0.0_f64.to_bits()));
        assert_eq!(value_at_risk(&[]), None);
    }
}
