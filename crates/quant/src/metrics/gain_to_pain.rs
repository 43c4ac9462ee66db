//! Gain-to-pain ratio: Σ r_t / Σ |r_t| over the losing periods alone in the denominator.
//!
//! Unit: ratio, not annualised; it depends on the length of a period (Schwager takes months). Undefined for no
//! returns and without a losing period. Source: Schwager, *Hedge Fund Market Wizards* (2012); quantstats
//! `gain_to_pain_ratio`.

use crate::metrics::numeric::{ratio, sum};

/// Sum of all returns over the sum of the losses; see the file's head.
pub fn gain_to_pain(returns: &[f64]) -> Option<f64> {
    let pain = sum(returns.iter().filter(|&&r| r < 0.0).map(|r| -r));
    ratio(sum(returns.iter().copied()), pain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn all_returns_over_the_losses() {
        assert_close(gain_to_pain(&[0.3, -0.1, 0.0]), 2.0);
        assert_close(gain_to_pain(&[-1.0]), -1.0);
    }

    #[test]
    fn undefined_without_a_loss() {
        assert_eq!(gain_to_pain(&[]), None);
        assert_eq!(gain_to_pain(&[0.0, 0.0]), None);
        assert_eq!(gain_to_pain(&[0.1]), None);
    }
}
