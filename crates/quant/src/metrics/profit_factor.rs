//! Profit factor: sum of the winning trades' profits over the sum of the losing trades' losses.
//!
//! Unit: ratio. Undefined for no trades and without a losing trade (quantstats answers infinity, which would win
//! every ranking with a single lucky trade). Source: quantstats `profit_factor`.

use crate::metrics::numeric::{ratio, sum};

/// Gross profit over gross loss; see the file's head.
pub fn profit_factor(trade_pnls: &[f64]) -> Option<f64> {
    let profit = sum(trade_pnls.iter().copied().filter(|&pnl| pnl > 0.0));
    let loss = sum(trade_pnls.iter().filter(|&&pnl| pnl < 0.0).map(|pnl| -pnl));
    ratio(profit, loss)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gross_profit_over_gross_loss() {
        assert_eq!(profit_factor(&[3.0, -1.0, 1.0, -1.0]), Some(2.0));
        assert_eq!(profit_factor(&[-1.0]), Some(0.0));
    }

    #[test]
    fn undefined_without_a_loss() {
        assert_eq!(profit_factor(&[]), None);
        assert_eq!(profit_factor(&[0.0]), None);
        assert_eq!(profit_factor(&[3.0]), None);
    }
}
