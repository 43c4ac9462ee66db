//! Omega ratio: Σ max(r_t - f, 0) / Σ max(f - r_t, 0), with f the risk-free return of one period as threshold.
//!
//! Unit: ratio, not annualised. `risk_free` is an annual rate R; f = (1 + R)^(1/P) - 1 for P periods a year.
//! Undefined below two returns and where nothing falls below f.
//! Source: Keating and Shadwick (2002); empyrical `omega_ratio` with f as its `risk_free`.

use crate::metrics::annual::risk_free_per_period;
use crate::metrics::numeric::{ratio, sum};

/// Gains over losses, both measured from the risk-free return; see the file's head.
pub fn omega(returns: &[f64], risk_free: f64, periods_per_year: f64) -> Option<f64> {
    if returns.len() < 2 {
        return None;
    }
    let threshold = risk_free_per_period(risk_free, periods_per_year)?;
    let gains = sum(returns.iter().map(|r| r - threshold).filter(|&excess| excess > 0.0));
    let losses = sum(returns.iter().map(|r| threshold - r).filter(|&shortfall| shortfall > 0.0));
    ratio(gains, losses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn gains_over_losses_from_the_threshold() {
        assert_close(omega(&[0.3, -0.1, 0.0], 0.0, 252.0), 3.0);
        assert_close(omega(&[0.3, -0.1], 0.1, 1.0), 1.0);
        assert_close(omega(&[-0.1, -0.1], 0.0, 252.0), 0.0);
    }

    #[test]
    fn undefined_below_two_returns_and_without_a_loss() {
        assert_eq!(omega(&[], 0.0, 252.0), None);
        assert_eq!(omega(&[-0.1], 0.0, 252.0), None);
        assert_eq!(omega(&[0.0, 0.0], 0.0, 252.0), None);
        assert_eq!(omega(&[0.1, 0.1], 0.0, 252.0), None);
    }
}
