//! Average loss: mean loss of the losing trades.
//!
//! Unit: currency of the account, positive (quantstats `avg_loss` is the same number negative). Undefined without
//! a losing trade.

use crate::metrics::numeric::Moments;

/// Mean loss of the losing trades, positive; see the file's head.
pub fn average_loss(trade_pnls: &[f64]) -> Option<f64> {
    Moments::of(trade_pnls.iter().filter(|&&pnl| pnl < 0.0).map(|pnl| -pnl)).mean()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_losses_count_and_they_are_positive() {
        assert_eq!(average_loss(&[-3.0, 0.0, 8.0, -1.0]), Some(2.0));
        assert_eq!(average_loss(&[0.0, 1.0]), None);
        assert_eq!(average_loss(&[]), None);
    }
}
