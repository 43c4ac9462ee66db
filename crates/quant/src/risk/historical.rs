//! Figures of the losses as they were: nothing is assumed about their law.
//!
//! * Value at risk: the smallest l that at least a share 1 - alpha of the losses does not exceed. It is an order statistic,
//!   the (⌊n·alpha⌋ + 1)-th largest loss. skfolio has the same; riskfolio-lib takes the
//!   ⌈n·alpha⌉-th, another where n·alpha is whole.
//! * Value at risk, linear: minus the alpha quantile of the returns, interpolated (type 7 of Hyndman and Fan), which is
//!   what numpy and empyrical report.
//! * Expected shortfall: the mean of exactly the worst alpha of mass, the loss at its boundary weighted:
//!   VaR + Σ(L - VaR)⁺ / (n·alpha). Rockafellar and Uryasev (2002); Acerbi and Tasche (2002).
//!
//! Unit: loss of one period as a positive fraction; below zero where even that is a gain.

use super::{WHOLE, check_tail};
use crate::inference::{Undefined, all_finite, at_least, finite};
use crate::metrics::numeric::{quantile, sorted, sum};

/// Largest loss of one period. Undefined without returns and with one that is not finite.
pub fn worst_loss(returns: &[f64]) -> Result<f64, Undefined> {
    all_finite(returns)?;
    at_least(1, returns.len())?;
    Ok(returns.iter().fold(f64::NEG_INFINITY, |worst, value| worst.max(0.0 - value)))
}

/// Value at risk, an order statistic; see the file's head. Undefined where the tail is too small.
pub fn var_historical(returns: &[f64], alpha: f64) -> Result<f64, Undefined> {
    check_tail(returns, alpha)?;
    finite(order_statistic(&largest_first(returns), alpha))
}

/// Value at risk, interpolated; see the file's head. Undefined where the tail is too small.
pub fn var_historical_linear(returns: &[f64], alpha: f64) -> Result<f64, Undefined> {
    check_tail(returns, alpha)?;
    // Subtracted from zero, so that no loss reads 0 rather than -0.
    quantile(returns, alpha).map(|tail| 0.0 - tail).ok_or(Undefined::NonFinite)
}

/// Expected shortfall, of exact mass; see the file's head. Undefined where the tail is too small.
pub fn expected_shortfall(returns: &[f64], alpha: f64) -> Result<f64, Undefined> {
    check_tail(returns, alpha)?;
    finite(mean_of_worst(&largest_first(returns), alpha))
}

fn largest_first(returns: &[f64]) -> Vec<f64> {
    sorted(returns).into_iter().map(|value| 0.0 - value).collect()
}

/// The (⌊n·alpha⌋ + 1)-th largest of values in descending order, of which there is at least one.
fn order_statistic(descending: &[f64], alpha: f64) -> f64 {
    let beyond = (descending.len() as f64 * alpha + WHOLE).floor() as usize;
    descending[beyond.min(descending.len() - 1)]
}

/// Mean of the largest share `alpha` of values in descending order, of which there is at least one.
pub(super) fn mean_of_worst(descending: &[f64], alpha: f64) -> f64 {
    let boundary = order_statistic(descending, alpha);
    let excess = descending.iter().map(|value| value - boundary).take_while(|excess| *excess > 0.0);
    boundary + sum(excess) / (descending.len() as f64 * alpha)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_of_losses_lies_beyond_value_at_risk() {
        let descending = [0.06, 0.04, 0.03, 0.02, 0.01, 0.0, -0.01, -0.02, -0.03, -0.05];
        for (alpha, expected) in [(0.2, 0.03), (1.0 - 0.8, 0.03), (0.25, 0.03), (0.199, 0.04), (0.05, 0.06)] {
            assert_eq!(order_statistic(&descending, alpha), expected, "{alpha}");
        }
        assert!((mean_of_worst(&descending, 0.25) - 0.046).abs() < 1e-15);
        assert!((mean_of_worst(&descending, 0.05) - 0.06).abs() < 1e-15);
        assert_eq!(order_statistic(&[0.5], 1.0 - 1e-12), 0.5);
    }

    #[test]
    fn no_loss_is_zero_and_not_minus_zero() {
        let figures = [var_historical, var_historical_linear, expected_shortfall];
        assert!(figures.iter().all(|of| of(&[0.0; 200], 0.05).unwrap().to_bits() == 0));
    }

    #[test]
    fn the_worst_loss_of_gains_is_the_smallest_gain() {
        assert_eq!(worst_loss(&[0.03, 0.01, 0.02]), Ok(-0.01));
    }
}
