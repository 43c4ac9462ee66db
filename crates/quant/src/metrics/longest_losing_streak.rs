//! Longest losing streak: the largest number of consecutive periods with a return below zero.
//!
//! Unit: periods. A period of exactly zero ends the streak. Undefined for no returns; zero where no period fell.
//! Source: quantstats `consecutive_losses`.

use crate::metrics::longest_winning_streak::longest;

/// Length in periods of the longest run of losses; see the file's head.
pub fn longest_losing_streak(returns: &[f64]) -> Option<f64> {
    longest(returns, |r| r < 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_period_ends_the_streak() {
        assert_eq!(longest_losing_streak(&[-0.1, 0.0, -0.1, -0.1, 0.1, -0.1]), Some(2.0));
    }

    #[test]
    fn zero_without_a_loss_and_undefined_without_returns() {
        assert_eq!(longest_losing_streak(&[0.0, 0.1]), Some(0.0));
        assert_eq!(longest_losing_streak(&[]), None);
    }
}
