//! Trade count: the number of closed trades.
//!
//! Unit: trades. Always defined; zero for no trades.

/// Number of closed trades; see the file's head.
pub fn trade_count(trade_pnls: &[f64]) -> f64 {
    trade_pnls.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trade_counts_whatever_it_made() {
        assert_eq!(trade_count(&[1.0, 0.0, -1.0]), 3.0);
        assert_eq!(trade_count(&[]), 0.0);
    }
}
