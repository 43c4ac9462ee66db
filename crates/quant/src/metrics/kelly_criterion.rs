//! Kelly criterion: w - (1 - w) / b, with w the win rate and b the payoff ratio of the periods.
//!
//! Unit: fraction of the capital to stake on each period; negative where the odds are against the strategy. It describes
//! the size of a bet and takes wins and losses to be of one size each, so it is no objective: its direction is neutral.
//! Undefined without a rising or without a falling period.
//! Source: Kelly (1956); Thorp (2006); quantstats `kelly_criterion`.

use crate::metrics::numeric::{defined, ratio};
use crate::metrics::payoff_ratio_periods::payoff_ratio_periods;
use crate::metrics::win_rate_periods::win_rate_periods;

/// Share of the capital that grows fastest; see the file's head.
pub fn kelly_criterion(returns: &[f64]) -> Option<f64> {
    let win_rate = win_rate_periods(returns)?;
    defined(win_rate - ratio(1.0 - win_rate, payoff_ratio_periods(returns)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn an_edge_is_staked_and_none_is_not() {
        // Even odds, won three times in four: 2w - 1.
        assert_close(kelly_criterion(&[0.1, 0.1, 0.1, -0.1]), 0.5);
        assert_close(kelly_criterion(&[0.1, -0.1, 0.0]), 0.0);
        // Two to one, won once in three.
        assert_close(kelly_criterion(&[0.2, -0.1, -0.1]), 0.0);
    }

    #[test]
    fn undefined_without_a_gain_or_a_loss() {
        assert_eq!(kelly_criterion(&[]), None);
        assert_eq!(kelly_criterion(&[0.1]), None);
        assert_eq!(kelly_criterion(&[-0.1, 0.0]), None);
    }
}
