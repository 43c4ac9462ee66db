//! Smart Sharpe ratio: the Sharpe ratio over the penalty for autocorrelation √(1 + 2·Σ (n - k)/n·|ρ|^k), the sum over
//! the lags k from 1 to n - 1, with ρ the autocorrelation at lag one.
//!
//! Unit: ratio, annualised; the risk-free rate as in `sharpe`. The penalty is the factor by which the deviation of a sum
//! of n returns that follow an AR(1) exceeds that of independent ones (Lo 2002). It takes the *size* of ρ, as quantstats
//! does: returns that alternate are penalised too, where Lo's correction would raise their ratio. It is never below one.
//! Undefined wherever the Sharpe ratio or the autocorrelation is; quantstats takes no penalty where ρ is undefined.
//! Source: quantstats `smart_sharpe`, `autocorr_penalty`.

use crate::metrics::autocorrelation::autocorrelation;
use crate::metrics::numeric::ratio;
use crate::metrics::sharpe::sharpe;

/// Annualised Sharpe ratio less what autocorrelation flatters it; see the file's head.
pub fn smart_sharpe(returns: &[f64], risk_free: f64, periods_per_year: f64) -> Option<f64> {
    ratio(sharpe(returns, risk_free, periods_per_year)?, autocorrelation_penalty(returns)?)
}

/// The factor of the file's head, one or more.
pub(crate) fn autocorrelation_penalty(returns: &[f64]) -> Option<f64> {
    let rho = autocorrelation(returns)?.abs();
    let count = returns.len() as f64;
    let (mut power, mut total) = (1.0, 0.0);
    for lag in 1..returns.len() {
        power *= rho;
        total += (count - lag as f64) / count * power;
    }
    Some((1.0 + 2.0 * total).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn a_trend_in_returns_is_penalised() {
        // ρ is one: 1 + 2·(2/3 + 1/3) = 3.
        assert_close(autocorrelation_penalty(&[0.1, 0.2, 0.3]), 3.0_f64.sqrt());
        let plain = sharpe(&[0.1, 0.2, 0.3], 0.0, 252.0).unwrap();
        assert_close(smart_sharpe(&[0.1, 0.2, 0.3], 0.0, 252.0), plain / 3.0_f64.sqrt());
    }

    #[test]
    fn so_is_alternation() {
        assert_close(autocorrelation_penalty(&[0.1, -0.1, 0.1]), 3.0_f64.sqrt());
    }

    #[test]
    fn undefined_wherever_either_is() {
        assert_eq!(smart_sharpe(&[], 0.0, 252.0), None);
        assert_eq!(smart_sharpe(&[0.1, 0.2], 0.0, 252.0), None);
        assert_eq!(smart_sharpe(&[0.1; 9], 0.0, 252.0), None);
    }
}
