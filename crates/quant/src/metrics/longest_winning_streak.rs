//! Longest winning streak: the largest number of consecutive periods with a return above zero.
//!
//! Unit: periods. A period of exactly zero ends the streak. Undefined for no returns; zero where no period rose.
//! Source: quantstats `consecutive_wins`.

/// Length in periods of the longest run of gains; see the file's head.
pub fn longest_winning_streak(returns: &[f64]) -> Option<f64> {
    longest(returns, |r| r > 0.0)
}

/// The longest run of consecutive returns that `counts` accepts.
pub(crate) fn longest(returns: &[f64], counts: fn(f64) -> bool) -> Option<f64> {
    if returns.is_empty() {
        return None;
    }
    let (mut longest, mut current) = (0_u64, 0_u64);
    for &period_return in returns {
        current = if counts(period_return) { current + 1 } else { 0 };
        longest = longest.max(current);
    }
    Some(longest as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_period_ends_the_streak() {
        assert_eq!(longest_winning_streak(&[0.1, 0.0, 0.1, 0.1, -0.1, 0.1]), Some(2.0));
        assert_eq!(longest_winning_streak(&[0.1, 0.2, 0.3]), Some(3.0));
    }

    #[test]
    fn zero_without_a_gain_and_undefined_without_returns() {
        assert_eq!(longest_winning_streak(&[0.0, -0.1]), Some(0.0));
        assert_eq!(longest_winning_streak(&[]), None);
    }
}
