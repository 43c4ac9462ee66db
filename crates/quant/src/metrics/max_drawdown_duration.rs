//! Longest drawdown: the largest number of consecutive periods that close below the running peak of wealth.
//!
//! Unit: periods. A drawdown that is still open at the end counts as far as it goes, so the number is a lower
//! bound. The period of recovery itself is at the peak again and doesn't count. Undefined for no returns; zero
//! where wealth never falls. Source: quantstats `drawdown_details` (its `days` on daily data).

use crate::metrics::wealth::drawdowns;

/// Length in periods of the longest time below the peak; see the file's head.
pub fn max_drawdown_duration(returns: &[f64]) -> Option<f64> {
    let (mut longest, mut current) = (0_u64, 0_u64);
    for drawdown in drawdowns(returns)? {
        current = if drawdown > 0.0 { current + 1 } else { 0 };
        longest = longest.max(current);
    }
    Some(longest as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_below_the_peak_count_and_the_recovery_does_not() {
        assert_eq!(max_drawdown_duration(&[0.1, -0.5, 0.0, 1.0, -0.1, 9.0]), Some(2.0));
        assert_eq!(max_drawdown_duration(&[-0.5, 1.0, -0.5, 1.0]), Some(1.0));
    }

    #[test]
    fn an_open_drawdown_counts_as_far_as_it_goes() {
        assert_eq!(max_drawdown_duration(&[0.1, -0.1, 0.01, 0.01]), Some(3.0));
        assert_eq!(max_drawdown_duration(&[-1.0, 0.5]), Some(2.0));
    }

    #[test]
    fn zero_without_a_fall_and_undefined_without_returns() {
        assert_eq!(max_drawdown_duration(&[0.0, 0.0]), Some(0.0));
        assert_eq!(max_drawdown_duration(&[]), None);
    }
}
