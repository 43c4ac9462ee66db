//! Ulcer index: √(Σ d_t² / n), with d_t the drawdown after each of the n periods.
//!
//! Unit: fraction, 0 to 1 (Martin prints percent). Not annualised. quantstats divides by n - 1 instead; a mean
//! square has no degree of freedom to lose. Undefined for no returns; zero where wealth never falls.
//! Source: Martin and McCann (1989); PerformanceAnalytics `UlcerIndex`.

use crate::metrics::numeric::{defined, sum};
use crate::metrics::wealth::drawdowns;

/// Root mean square drawdown; see the file's head.
pub fn ulcer_index(returns: &[f64]) -> Option<f64> {
    let squares = drawdowns(returns)?.into_iter().map(|drawdown| drawdown * drawdown);
    defined((sum(squares) / returns.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn depth_and_length_of_drawdowns_both_count() {
        assert_close(ulcer_index(&[-0.5, 0.0, 1.0, 0.0]), 0.125_f64.sqrt());
        assert_close(ulcer_index(&[-1.0]), 1.0);
    }

    #[test]
    fn zero_without_a_fall_and_undefined_without_returns() {
        assert_eq!(ulcer_index(&[0.0, 0.1]), Some(0.0));
        assert_eq!(ulcer_index(&[]), None);
    }
}
