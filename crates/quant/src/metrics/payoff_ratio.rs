//! Payoff ratio: average win over average loss.
//!
//! Unit: ratio. With a win rate w, a payoff ratio of (1 - w) / w breaks even (no trade breaking even). Undefined
//! without a winning or without a losing trade. Source: quantstats `payoff_ratio`.

use crate::metrics::average_loss::average_loss;
use crate::metrics::average_win::average_win;
use crate::metrics::numeric::ratio;

/// Average win over average loss; see the file's head.
pub fn payoff_ratio(trade_pnls: &[f64]) -> Option<f64> {
    ratio(average_win(trade_pnls)?, average_loss(trade_pnls)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_wins_over_the_size_of_losses() {
        assert_eq!(payoff_ratio(&[6.0, -1.0, -3.0]), Some(3.0));
    }

    #[test]
    fn undefined_without_wins_or_without_losses() {
        assert_eq!(payoff_ratio(&[]), None);
        assert_eq!(payoff_ratio(&[1.0, 0.0]), None);
        assert_eq!(payoff_ratio(&[-1.0, 0.0]), None);
    }
}
