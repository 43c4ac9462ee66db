//! Average win: mean profit of the winning trades.
//!
//! Unit: currency of the account. Undefined without a winning trade. Source: quantstats `avg_win`.

use crate::metrics::numeric::Moments;

/// Mean profit of the winning trades; see the file's head.
pub fn average_win(trade_pnls: &[f64]) -> Option<f64> {
    Moments::of(trade_pnls.iter().copied().filter(|&pnl| pnl > 0.0)).mean()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wins_count() {
        assert_eq!(average_win(&[3.0, 0.0, -8.0, 1.0]), Some(2.0));
        assert_eq!(average_win(&[0.0, -1.0]), None);
        assert_eq!(average_win(&[]), None);
    }
}
