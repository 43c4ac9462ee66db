//! Expectancy: mean profit of a trade, losers and trades that break even included.
//!
//! Unit: currency of the account per trade. Undefined for no trades. It equals
//! win rate · average win - loss rate · average loss. Source: vectorbt `Trades.expectancy`.

use crate::metrics::numeric::Moments;

/// Mean profit of a trade; see the file's head.
pub fn expectancy(trade_pnls: &[f64]) -> Option<f64> {
    Moments::of(trade_pnls.iter().copied()).mean()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trade_counts() {
        assert_eq!(expectancy(&[6.0, 0.0, -3.0, 1.0]), Some(1.0));
        assert_eq!(expectancy(&[]), None);
    }
}
