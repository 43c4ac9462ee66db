//! Average drawdown: the mean depth of the drawdowns, one depth for each stretch below the running peak of
//! wealth (its deepest point), an open one at the end included.
//!
//! Unit: positive fraction, 0 to 1. Not annualised. Undefined for no returns; zero where wealth never falls,
//! in line with the maximum drawdown. Source: PerformanceAnalytics `AverageDrawdown`; quantstats
//! `drawdown_details` (mean of its `max drawdown`).

use crate::metrics::numeric::Moments;
use crate::metrics::wealth::drawdowns;

/// Mean depth of all drawdowns, positive; see the file's head.
pub fn average_drawdown(returns: &[f64]) -> Option<f64> {
    let mut depths = Moments::default();
    let mut depth: f64 = 0.0;
    for drawdown in drawdowns(returns)? {
        if drawdown > 0.0 {
            depth = depth.max(drawdown);
        } else if depth > 0.0 {
            depths.push(depth);
            depth = 0.0;
        }
    }
    if depth > 0.0 {
        depths.push(depth);
    }
    Some(depths.mean().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn each_stretch_below_the_peak_counts_once_by_its_deepest_point() {
        assert_close(average_drawdown(&[-0.25, -0.2, 1.0, 1.0, -0.2]), 0.3);
        assert_close(average_drawdown(&[-1.0, 0.1]), 1.0);
    }

    #[test]
    fn zero_without_a_fall_and_undefined_without_returns() {
        assert_eq!(average_drawdown(&[0.0, 0.1]), Some(0.0));
        assert_eq!(average_drawdown(&[]), None);
        assert_eq!(average_drawdown(&[f64::NAN]), None);
    }
}
