//! Smart Sortino ratio: the Sortino ratio over the penalty for autocorrelation of `smart_sharpe`.
//!
//! Unit: ratio, annualised; the risk-free rate as in `sortino`. Undefined wherever the Sortino ratio or the
//! autocorrelation is. Source: quantstats `smart_sortino`, `autocorr_penalty`.

use crate::metrics::numeric::ratio;
use crate::metrics::smart_sharpe::autocorrelation_penalty;
use crate::metrics::sortino::sortino;

/// Annualised Sortino ratio less what autocorrelation flatters it; see the file's head.
pub fn smart_sortino(returns: &[f64], risk_free: f64, periods_per_year: f64) -> Option<f64> {
    ratio(sortino(returns, risk_free, periods_per_year)?, autocorrelation_penalty(returns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn the_penalty_divides_the_ratio() {
        let returns = [-0.1, 0.0, 0.1, 0.2];
        let plain = sortino(&returns, 0.0, 4.0).unwrap();
        // ρ is one: 1 + 2·(3/4 + 2/4 + 1/4) = 4.
        assert_close(smart_sortino(&returns, 0.0, 4.0), plain / 2.0);
    }

    #[test]
    fn undefined_wherever_either_is() {
        assert_eq!(smart_sortino(&[], 0.0, 252.0), None);
        assert_eq!(smart_sortino(&[0.1, 0.2, 0.3], 0.0, 252.0), None);
        assert_eq!(smart_sortino(&[-0.1; 9], 0.0, 252.0), None);
    }
}
