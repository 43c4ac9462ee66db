//! Win rate: winning trades (profit above zero) over all trades.
//!
//! Unit: fraction, 0 to 1. A trade that breaks even counts in the divisor and is not a win; quantstats leaves it
//! out of both. Undefined for no trades. Source: vectorbt `Trades.win_rate`.

/// Share of trades with a profit; see the file's head.
pub fn win_rate(trade_pnls: &[f64]) -> Option<f64> {
    let wins = trade_pnls.iter().filter(|&&pnl| pnl > 0.0).count();
    if trade_pnls.is_empty() { None } else { Some(wins as f64 / trade_pnls.len() as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaking_even_is_not_a_win() {
        assert_eq!(win_rate(&[5.0, 0.0, -1.0, 2.0]), Some(0.5));
        assert_eq!(win_rate(&[0.0]), Some(0.0));
        assert_eq!(win_rate(&[]), None);
    }
}
