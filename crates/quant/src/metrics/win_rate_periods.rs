//! Win rate of periods: the share of the periods that moved, up or down, whose return is above zero.
//!
//! Unit: fraction, 0 to 1. Not annualised. A period of exactly zero is left out of the divisor, so that a strategy that
//! is often out of the market is judged by the periods in which something happened. `positive_periods` divides by all
//! periods, `win_rate` counts trades. Undefined where no period moved. Source: quantstats `win_rate`.

use crate::metrics::numeric::ratio;

/// Share of the moving periods that rose; see the file's head.
pub fn win_rate_periods(returns: &[f64]) -> Option<f64> {
    let wins = returns.iter().filter(|&&r| r > 0.0).count();
    let losses = returns.iter().filter(|&&r| r < 0.0).count();
    ratio(wins as f64, (wins + losses) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_periods_do_not_count() {
        assert_eq!(win_rate_periods(&[0.1, 0.0, 0.2, -0.3, 0.0, 0.1]), Some(0.75));
        assert_eq!(win_rate_periods(&[-0.1]), Some(0.0));
    }

    #[test]
    fn undefined_where_nothing_moved() {
        assert_eq!(win_rate_periods(&[]), None);
        assert_eq!(win_rate_periods(&[0.0; 5]), None);
    }
}
