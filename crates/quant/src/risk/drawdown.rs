//! Drawdowns as risk: the deepest, and the mean of the worst.
//!
//! The drawdown after a period is 1 - W_t / max(W_0..W_t), with W compounded wealth and W_0 = 1: a loss in the first period
//! counts. Unit: positive fraction of the peak.
//!
//! CDaR is the mean of exactly the worst share alpha of the n drawdowns, one after each period (the start has none), weighted
//! at its boundary as the expected shortfall is. This is the relative form. Chekhlov, Uryasev and Zabarankin (2005) take sums of
//! returns that are not compounded, and the absolute distance from their peak.

use super::check_tail;
use super::historical::mean_of_worst;
use crate::inference::{Undefined, all_finite, at_least, finite};
use crate::metrics;
use crate::metrics::numeric::sorted;
use crate::metrics::wealth::drawdowns;

/// The deepest drawdown; see the file's head. Undefined without returns.
pub fn max_drawdown(returns: &[f64]) -> Result<f64, Undefined> {
    all_finite(returns)?;
    at_least(1, returns.len())?;
    metrics::max_drawdown(returns).ok_or(Undefined::NonFinite)
}

/// Conditional drawdown at risk; see the file's head. Undefined where the tail is too small.
pub fn cdar(returns: &[f64], alpha: f64) -> Result<f64, Undefined> {
    check_tail(returns, alpha)?;
    let mut path = sorted(&drawdowns(returns).ok_or(Undefined::NonFinite)?);
    path.reverse();
    finite(mean_of_worst(&path, alpha))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_the_worst_drawdowns() {
        // Twenty periods: one of 50 %, then 19 at the same level. All of the tail is at 50 %.
        let mut returns = vec![0.0; 20];
        returns[0] = -0.5;
        assert_eq!(cdar(&returns, 0.5), Ok(0.5));
        assert_eq!(max_drawdown(&returns), Ok(0.5));
        // Drawdowns 0, 50 % ten times, 75 % five times, 0 four times: the mass of 12 is five and seven of them.
        let mut returns = vec![0.0; 20];
        (returns[1], returns[11], returns[16]) = (-0.5, -0.5, 3.0);
        let expected = (5.0 * 0.75 + 7.0 * 0.5) / 12.0;
        assert!((cdar(&returns, 0.6).unwrap() - expected).abs() < 1e-15);
    }

    #[test]
    fn wealth_beyond_a_float_has_no_drawdown() {
        assert_eq!(cdar(&[f64::MAX; 20], 0.5), Err(Undefined::NonFinite));
        assert_eq!(max_drawdown(&[f64::MAX; 20]), Err(Undefined::NonFinite));
    }
}
