//! Largest loss: the loss of the worst trade.
//!
//! Unit: currency of the account, positive. Undefined without a losing trade.

use crate::metrics::numeric::defined;

/// Loss of the worst trade, positive; see the file's head.
pub fn largest_loss(trade_pnls: &[f64]) -> Option<f64> {
    trade_pnls.iter().filter(|&&pnl| pnl < 0.0).map(|pnl| -pnl).reduce(f64::max).and_then(defined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_trade_with_the_sign_of_a_loss() {
        assert_eq!(largest_loss(&[-3.0, 5.0, -7.0]), Some(7.0));
        assert_eq!(largest_loss(&[0.0, 5.0]), None);
        assert_eq!(largest_loss(&[]), None);
    }
}
