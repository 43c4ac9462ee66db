//! Positive periods: the share of all periods whose return is above zero.
//!
//! Unit: fraction, 0 to 1. Not annualised. A period of exactly zero counts as not positive; quantstats
//! `win_rate` leaves such periods out of the divisor. Undefined for no returns.

/// Share of periods with a return above zero; see the file's head.
pub fn positive_periods(returns: &[f64]) -> Option<f64> {
    let positive = returns.iter().filter(|&&r| r > 0.0).count();
    if returns.is_empty() { None } else { Some(positive as f64 / returns.len() as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_period_is_not_positive() {
        assert_eq!(positive_periods(&[0.1, 0.0, -0.1, 0.2]), Some(0.5));
        assert_eq!(positive_periods(&[0.0; 4]), Some(0.0));
        assert_eq!(positive_periods(&[0.1]), Some(1.0));
        assert_eq!(positive_periods(&[]), None);
    }
}
